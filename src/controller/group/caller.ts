import { type AssumedRole, roleKey } from '../../cloud/group-ref.ts';
import { byCodeUnit } from '../../membership/backend.ts';
import { isGranted } from '../binding/granted.ts';
import { metadataOf } from '../cluster/cluster-caches.ts';
import type { Bound } from './bound.ts';

type Caller = Pick<Bound, 'object' | 'granted' | 'claim'>;

/**
 * The roles to assume for calls on a group of another account: those of the bindings that have a claim on the group and may name
 * their role. Of several, the first is used until the cloud refuses it, then the next (`GroupState.callWith`).
 *
 * | the group                              | = roles, oldest binding first                                             |
 * |----------------------------------------|---------------------------------------------------------------------------|
 * | is granted to some of these bindings   | only those of these: bindings without a grant decide nothing              |
 * | is granted to none of them (yet)       | all: first where the grant is undecided, since reading the group may tell |
 */
export function rolesToCallWith(bound: readonly Caller[]): readonly AssumedRole[] {
  const callers = bound
    .filter(({ granted, claim }) => claim !== undefined && granted.is !== 'no role')
    .sort(
      (a, b) =>
        rankOf(a) - rankOf(b) || byCodeUnit(ageOf(a), ageOf(b)) || byCodeUnit(a.object.key, b.object.key),
    );
  const granted = callers.filter((caller) => isGranted(caller.granted));
  const counting = granted.length > 0 ? granted : callers;
  const roles = counting.flatMap(({ granted: { role } }) => role ?? []);
  return [...new Map(roles.map((role) => [roleKey(role), role])).values()];
}

function rankOf({ granted }: Caller): number {
  if (isGranted(granted)) return 0;
  return granted.is === 'undecided' ? 1 : 2;
}

/** Timestamps of the API server sort as text. */
function ageOf({ object }: Caller): string {
  return metadataOf(object).creationTimestamp ?? '';
}
