import { type GroupRef, groupName } from '../../cloud/group-ref.ts';
import type { Granted } from '../binding/granted.ts';
import { type BindingObject, isBeingDeleted, specOf } from '../cluster/cluster-caches.ts';

/** Why a binding does not keep readiness gates closed. */
export interface Exemption {
  readonly reason:
    | 'DryRun'
    | 'Deleting'
    | 'Suspended'
    | 'RemoveOnly'
    | 'NodesAreBackends'
    | 'ListedNotReady'
    | 'GroupNotGranted'
    | 'RoleNotAllowed';
  readonly message: string;
}

/**
 * Whether a binding, as it is, adds no pods to its group: a pod that waited for the binding would wait for ever.
 *
 * | the binding                | = why                                                            |
 * |----------------------------|------------------------------------------------------------------|
 * | is being deleted           | nothing is added for it any more                                 |
 * | is suspended               | its group is left unchanged                                      |
 * | `mode: RemoveOnly`         | something else adds pods, and waits for them to be Ready         |
 * | `backendType: ecs`         | nodes are the backends                                           |
 * | any other                  | none                                                             |
 */
export function exemptionOf(object: BindingObject): Exemption | undefined {
  const { key } = object;
  const { suspend, mode, backendType } = specOf(object);
  if (isBeingDeleted(object)) return { reason: 'Deleting', message: `binding ${key} is being deleted` };
  if (suspend) return { reason: 'Suspended', message: `binding ${key} is suspended` };
  if (mode === 'RemoveOnly')
    return {
      reason: 'RemoveOnly',
      message: `binding ${key} has mode RemoveOnly: something else adds the pod`,
    };
  if (backendType === 'ecs')
    return {
      reason: 'NodesAreBackends',
      message: `binding ${key} has backendType ecs: nodes are its backends`,
    };
  return undefined;
}

/** The exemption of every binding in a dry run: nothing is written. */
export const EXEMPTION_IN_DRY_RUN: Exemption = {
  reason: 'DryRun',
  message: 'the operator runs with --dry-run and adds no pod',
};

/** The exemption of a binding for a pod that `isListedNotReady` (bindings-of-pods.ts). */
export function exemptionByList({ key }: BindingObject): Exemption {
  return {
    reason: 'ListedNotReady',
    message: `binding ${key} adds the pod once its list of endpoints, which Kubernetes does not write, says that it is ready`,
  };
}

/** The exemption of a binding that is not being deleted but has no claim on its group (gather.ts). */
export function exemptionWithoutClaim(
  { key, namespace }: BindingObject,
  { is, role }: Granted,
  ref: GroupRef,
): Exemption {
  if (is === 'no role')
    return {
      reason: 'RoleNotAllowed',
      message: `binding ${key} adds no pod: the operator may not assume the RAM role ${role?.roleArn}`,
    };
  return {
    reason: 'GroupNotGranted',
    message: `binding ${key} adds no pod: namespace ${namespace} is not granted ${groupName(ref)}`,
  };
}
