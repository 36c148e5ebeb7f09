import type { BackendKey, KnownRow } from '../../../membership/backend.ts';

export type Drift = 'missing' | 'unexpected' | 'weight';

/** What somebody else did to a group between two reads of it, by backend. */
export function driftOf(
  before: readonly KnownRow[],
  after: readonly KnownRow[],
): ReadonlyMap<BackendKey, Drift> {
  const known = new Map(before.map(({ key, row }) => [key, row]));
  const drift = new Map<BackendKey, Drift>();
  for (const { key, row } of after) {
    const was = known.get(key);
    known.delete(key);
    if (was === undefined) drift.set(key, 'unexpected');
    else if (was.weight !== row.weight) drift.set(key, 'weight');
  }
  for (const key of known.keys()) drift.set(key, 'missing');
  return drift;
}
