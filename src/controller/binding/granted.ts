import { findCondition, type Reason } from '../../api/conditions.ts';
import type { AssumedRole } from '../../cloud/group-ref.ts';
import { type Grant, type GrantQuestion, grantOf } from '../../membership/grants.ts';
import { type BindingObject, type ClusterCaches, specOf, statusOf } from '../cluster/cluster-caches.ts';

/** What a binding may do in its group, and what its user should know about it. */
export interface Granted {
  /** `no role`: the operator may not assume the role that the binding names, so no calls are made for it. */
  readonly is: Grant | 'no role';
  readonly namespace: string;
  /** Entries of the namespace's grants that can't be read. */
  readonly unreadable: readonly string[];
  /** The role that the binding names. */
  readonly role?: AssumedRole | undefined;
}

/** This reason in the status tells the next evaluation, possibly in another process, that the binding was refused. */
export const NOT_GRANTED: Reason = 'GroupNotGranted';
export const ROLE_NOT_ALLOWED = 'RoleNotAllowed' satisfies Reason;

export interface GrantOptions {
  /** Bindings may change only what their namespaces are granted. Without it, every binding may do what its spec says. */
  readonly requireGrants: boolean;
  /** ARNs of the RAM roles that bindings may name. */
  readonly assumableRoles: readonly string[];
}

export function grantedTo(
  object: BindingObject,
  { vServerGroupId, loadBalancerId }: Pick<GrantQuestion, 'vServerGroupId' | 'loadBalancerId'>,
  { namespaces }: Pick<ClusterCaches, 'namespaces'>,
  { requireGrants, assumableRoles }: GrantOptions,
): Granted {
  const { namespace } = object;
  const { assumeRole: role } = specOf(object);
  if (role !== undefined && !assumableRoles.includes(role.roleArn))
    return { is: 'no role', namespace, unreadable: [], role };
  if (!requireGrants) return { is: 'exclusive', namespace, unreadable: [], role };
  const { loadBalancerId: recorded, conditions = [] } = statusOf(object) ?? {};
  const grants = namespaces.get(namespace)?.grants;
  const is = grantOf({
    grants,
    vServerGroupId,
    loadBalancerId: loadBalancerId ?? recorded,
    before: beforeOf(findCondition(conditions, 'Ready')?.reason, recorded),
  });
  return { is, namespace, unreadable: grants?.unreadable ?? [], role };
}

/**
 * The status records the load balancer once the binding has been served (binding-status.ts). While its role may not be assumed,
 * the status does not tell whether it is granted the group.
 */
function beforeOf(reason: string | undefined, loadBalancerId: string | undefined): GrantQuestion['before'] {
  if (reason === NOT_GRANTED) return 'refused';
  return loadBalancerId === undefined || reason === ROLE_NOT_ALLOWED ? undefined : 'served';
}

/** Whether, by its status, the binding was not granted its group at last. */
export function wasRefused(object: BindingObject): boolean {
  return findCondition(statusOf(object)?.conditions ?? [], 'Ready')?.reason === NOT_GRANTED;
}

/** Whether a binding that was never served may not even have its group or load balancer called. */
export function isRefused({ is }: Pick<Granted, 'is'>): boolean {
  return is === 'none' || is === 'unknown' || is === 'no role';
}

/** Whether the binding may change more than its own rows. */
export function isGranted({ is }: Pick<Granted, 'is'>): boolean {
  return is === 'exclusive' || is === 'shared';
}
