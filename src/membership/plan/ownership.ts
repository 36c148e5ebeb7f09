import type { BackendKey, Row } from '../backend.ts';
import type { Claim } from './claim.ts';

/**
 * The bindings whose row it is to change, in the order of the claims.
 *
 * | the row                                        | is of                          |
 * |------------------------------------------------|--------------------------------|
 * | carries a binding's tag, or is in its records  | that binding; of several, all  |
 * | is proven to be of none of them                | each `Exclusive` binding that knows what it wants |
 * | otherwise                                      | somebody else                  |
 *
 * The tag travels with the Add itself, so a row whose Add was never answered, or whose status was never written, is
 * still known. What merely fell to an `Exclusive` binding is safe while that binding is undetermined, suspended or going:
 * neither a typing error nor the end of a binding may empty a group of other people's rows.
 */
export function ownersOf(claims: readonly Claim[], row: Row, key: BackendKey): readonly Claim[] {
  const isProven = (claim: Claim) => row.description === claim.tag || claim.records.has(key);
  // Nearly every group has one binding, and big ones have many rows: no list is made for each.
  if (claims.length === 1) return claims.every(isProven) || claims.every(ownsStrangers) ? claims : NOBODY;
  const proven = claims.filter(isProven);
  return proven.length > 0 ? proven : claims.filter(ownsStrangers);
}

const NOBODY: readonly Claim[] = [];

function ownsStrangers({ ownership, desired, suspended, deleting }: Claim): boolean {
  return ownership === 'Exclusive' && desired.kind === 'members' && !suspended && !deleting;
}
