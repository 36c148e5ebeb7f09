import { backendKey, type Row } from './backend.ts';
import type { Claim } from './claim.ts';

/**
 * Whether a row is this binding's to change: it carries the binding's tag, is recorded in its status, or the whole
 * group is the binding's (`Exclusive`). The tag travels with the Add itself, so a row whose Add was never answered, or
 * whose status was never written, is still known.
 */
export function owns(claim: Claim, row: Row): boolean {
  return hasProof(claim, row) || claim.ownership === 'Exclusive';
}

function hasProof(claim: Claim, row: Row): boolean {
  return row.description === claim.tag || claim.records.has(backendKey(row));
}

/** The owners of a row, those with a proof of their own before those that merely claim the whole group. */
export function ownersOf(claims: readonly Claim[], row: Row): readonly Claim[] {
  const owners = claims.filter((claim) => owns(claim, row));
  if (owners.length < 2) return owners;
  return [
    ...owners.filter((claim) => hasProof(claim, row)),
    ...owners.filter((claim) => !hasProof(claim, row)),
  ];
}
