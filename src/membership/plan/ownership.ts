import type { BackendKey, Row } from '../backend.ts';
import type { Claim } from './claim.ts';

/**
 * Returns the bindings that own the row and may change it, in the order of the claims.
 *
 * | the row                                                      | is of                                             |
 * |--------------------------------------------------------------|---------------------------------------------------|
 * | has a binding's tag, or is in its records, not as a stranger | that binding, or all such bindings                |
 * | is proven to be of none of them                              | each `Exclusive` binding that knows what it wants |
 * | any other                                                    | somebody else                                     |
 *
 * The tag is written by the Add itself, so a row is recognised even if the Add got no reply, or the status was never written. Rows
 * that belong to an `Exclusive` binding without proof are safe while the binding is undetermined, suspended or being deleted: neither
 * a typo nor the end of a binding may empty a group of other people's rows.
 */
export function ownersOf(claims: readonly Claim[], row: Row, key: BackendKey): readonly Claim[] {
  const isProven = ({ tag, records }: Claim) => {
    const record = records.get(key);
    return row.description === tag || (record !== undefined && !record.stranger);
  };
  // Nearly every group has one binding, and may have many rows: this creates no list for each row.
  if (claims.length === 1) return claims.every(isProven) || claims.every(ownsStrangers) ? claims : NOBODY;
  const proven = claims.filter(isProven);
  return proven.length > 0 ? proven : claims.filter(ownsStrangers);
}

const NOBODY: readonly Claim[] = [];

function ownsStrangers({ ownership, desired, suspended, deleting }: Claim): boolean {
  return ownership === 'Exclusive' && desired.kind === 'members' && !suspended && !deleting;
}
