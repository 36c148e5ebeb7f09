import { findCondition, type Reason } from '../../api/conditions.ts';
import { type Grant, type GrantQuestion, grantOf } from '../../membership/grants.ts';
import { type BindingObject, type ClusterCaches, statusOf } from '../cluster/cluster-caches.ts';

/** What a binding may do in its group, and what its user has to know of that. */
export interface Granted {
  readonly is: Grant;
  readonly namespace: string;
  /** Entries of the namespace's grants that can't be read. */
  readonly unreadable: readonly string[];
}

/** By this reason the next judgement, also of another process, knows that the binding was refused. */
export const NOT_GRANTED: Reason = 'GroupNotGranted';

/** `required`: with --require-grants; else every binding may do what it says. */
export function grantedTo(
  object: BindingObject,
  { vServerGroupId, loadBalancerId }: Pick<GrantQuestion, 'vServerGroupId' | 'loadBalancerId'>,
  { namespaces }: Pick<ClusterCaches, 'namespaces'>,
  required: boolean,
): Granted {
  const { namespace } = object;
  if (!required) return { is: 'exclusive', namespace, unreadable: [] };
  const { loadBalancerId: recorded, conditions = [] } = statusOf(object) ?? {};
  const grants = namespaces.get(namespace)?.grants;
  const is = grantOf({
    grants,
    vServerGroupId,
    loadBalancerId: loadBalancerId ?? recorded,
    before: beforeOf(findCondition(conditions, 'Ready')?.reason, recorded),
  });
  return { is, namespace, unreadable: grants?.unreadable ?? [] };
}

/** Its load balancer is recorded of a binding once it is served (binding-status.ts). */
function beforeOf(reason: string | undefined, loadBalancerId: string | undefined): GrantQuestion['before'] {
  if (reason === NOT_GRANTED) return 'refused';
  return loadBalancerId === undefined ? undefined : 'served';
}

/** Whether the binding may change more than what is its own. */
export function isGranted({ is }: Pick<Granted, 'is'>): boolean {
  return is === 'exclusive' || is === 'shared';
}
