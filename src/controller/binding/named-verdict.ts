import { ApiError } from '../../cloud/api-error.ts';
import { vServerGroup } from '../../cloud/group-ref.ts';
import type { LoadBalancerRef, NamedGroup } from '../../cloud/server-groups.ts';
import type { BindingObject } from '../cluster/cluster-caches.ts';
import { lasts, outcomeOf } from '../group/outcome.ts';
import type { GroupList } from '../naming/group-finder.ts';
import { type Granted, NOT_GRANTED } from './granted.ts';
import { loadBalancerName, messages } from './messages.ts';
import { type BindingVerdict, roleVerdict } from './verdict.ts';

/** The verdict on a binding that gives the name of its group, and the group to record in its status. */
export interface NamedGroupVerdict {
  readonly verdict: BindingVerdict;
  readonly id: string | undefined;
}

/** Undefined if there is nothing to report yet. */
export function verdictOnName(
  name: string,
  loadBalancer: LoadBalancerRef,
  answer: GroupList,
): NamedGroupVerdict | undefined {
  if (answer.is === 'failed') return verdictOnFailure(answer);
  const groups = answer.groups.filter((group) => group.name === name);
  const [first] = groups;
  if (first === undefined || groups.length > 1) {
    const { reason, message } = problemOf(groups, name, loadBalancer);
    return { id: undefined, verdict: { ready: false, reason, message, reconciling: false, stalled: true } };
  }
  const message = messages.groupFound(name, vServerGroup(loadBalancer.regionId, first.id, loadBalancer));
  const verdict = {
    ready: false,
    reason: 'Progressing',
    message,
    reconciling: true,
    stalled: false,
  } as const;
  return { id: first.id, verdict };
}

/** The verdict on a binding for which the load balancer is not called. */
export function verdictUnasked(
  object: BindingObject,
  granted: Granted,
  loadBalancer: LoadBalancerRef,
): NamedGroupVerdict {
  if (granted.is === 'no role')
    return { id: undefined, verdict: roleVerdict(object, granted, loadBalancerName(loadBalancer)) };
  const message = messages.groupNameNotGranted(granted, loadBalancer);
  const verdict = { ready: false, reason: NOT_GRANTED, message, reconciling: false, stalled: true };
  return { id: undefined, verdict };
}

function problemOf(groups: readonly NamedGroup[], name: string, loadBalancer: LoadBalancerRef) {
  if (groups.length === 0)
    return { reason: 'GroupNotFound', message: messages.groupNameNotFound(name, loadBalancer) } as const;
  const message = messages.groupNameAmbiguous(
    name,
    groups.map(({ id }) => id),
    loadBalancer,
  );
  return { reason: 'GroupNameAmbiguous', message } as const;
}

function verdictOnFailure({
  error,
  attempts,
}: Extract<GroupList, { is: 'failed' }>): NamedGroupVerdict | undefined {
  if (!(error instanceof ApiError)) {
    const message = `The vServer group could not be looked up: ${error instanceof Error ? error.message : String(error)}.`;
    const verdict = {
      ready: false,
      reason: 'InternalError',
      message,
      reconciling: true,
      stalled: false,
    } as const;
    return { id: undefined, verdict };
  }
  if (attempts < outcomeOf(error).tellAfter) return undefined;
  const stalled = lasts(error, false);
  const message = messages.apiFailure(error, []);
  return {
    id: undefined,
    verdict: { ready: false, reason: error.reason, message, reconciling: !stalled, stalled },
  };
}
