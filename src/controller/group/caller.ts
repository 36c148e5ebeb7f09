import type { AssumedRole } from '../../cloud/group-ref.ts';
import { byCodeUnit } from '../../membership/backend.ts';
import { metadataOf } from '../cluster/cluster-caches.ts';
import type { Bound } from './bound.ts';

/**
 * The role to assume for calls on a group of another account: the role of the oldest binding that has a claim on the group
 * and may name its role. Undefined if there is none.
 */
export function callerOf(
  bound: readonly Pick<Bound, 'object' | 'granted' | 'claim'>[],
): AssumedRole | undefined {
  const first = bound
    .filter(({ granted, claim }) => claim !== undefined && granted.is !== 'no role')
    .sort((a, b) => byCodeUnit(ageOf(a), ageOf(b)) || byCodeUnit(a.object.key, b.object.key))[0];
  return first?.granted.role;
}

/** Timestamps of the API server sort as text. */
function ageOf({ object }: Pick<Bound, 'object'>): string {
  return metadataOf(object).creationTimestamp ?? '';
}
