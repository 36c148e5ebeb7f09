import { type ConditionType, HOLD_ANNOTATION, READINESS_GATE, WEIGHT_ANNOTATION } from './names.ts';
import type { Condition } from './schema.ts';

/** Every reason that a condition can carry, with what it means. docs/conditions.md is made from this table. */
export const REASONS = {
  Synced: 'The group holds exactly the members that it should.',
  Progressing: 'Backends are being added, weighed, drained or removed.',
  Suspended: 'spec.suspend is true: the group is not touched.',
  DryRun: 'The operator runs with --dry-run: it shows the changes and makes none.',
  Deleting: 'The binding is being deleted and its backends are leaving the group.',
  ServiceNotFound:
    'There is no Service of that name in the namespace. If it was deleted, what was in the group leaves it; if the binding named another one before, the backends of that one stay.',
  PortNotFound: 'The Service has no port of that number or name.',
  NodesNotFound:
    'spec.nodeSelector selects no node of the cluster. What is in the group by other nodes stays.',
  AddressFamilyNotFound:
    'The endpoints of the Service have no address of spec.addressFamily. What is in the group by the other family stays.',
  ServiceNotSupported:
    'A Service of this kind has no members to give: ExternalName, or ecs without a node port.',
  GroupNotFound:
    'The vServer group, or its load balancer, does not exist in the region. Correct the binding or create the group.',
  GroupNameAmbiguous:
    'The load balancer has several vServer groups of the name in spec.vServerGroup. None of them is touched.',
  LoadBalancerNotReady: 'The load balancer is locked, stopped or in arrears and takes no change.',
  AccessDenied:
    'The account may not read or change the group. deploy/ram-policy.json lists the actions needed.',
  CredentialsInvalid: 'The access key or token was refused. Check the credentials of the operator.',
  UnknownRegion: 'No endpoint serves this region. Correct spec.regionId or give --slb-endpoint.',
  VpcUnknown:
    'The VPC of the pods is not known, so that no network interface can be looked up. Give --vpc-id.',
  EniNotFound: 'No network interface holds the IP of a pod. It is looked up again; the other backends go on.',
  NodeWithoutInstance: 'A node has no spec.providerID to tell its instance. The other backends go on.',
  BackendsRefused:
    'The load balancer refused some backends. They are tried again; the others are in the group.',
  NodesNotReady:
    'Backends stay although their nodes are not Ready: too many are so at once, or they are the last ones.',
  HeldByMinBackends: 'Backends that left are kept in the group because of spec.minBackends.',
  QuotaExceeded: 'The load balancer or account has no room for more backends. Removals go on.',
  Throttled: 'The API limits the rate of calls. The operator has slowed down and goes on.',
  ApiUnavailable: 'The API cannot be reached or fails. It is tried again with growing pauses.',
  InvalidSpec: 'The spec cannot be read. The message names the field.',
  DeletionBlocked:
    'The binding is being deleted, and a field that says what becomes of its backends cannot be read.',
  InternalError: 'The operator failed in a way that it should not. It is tried again; please report it.',
} as const;

/** Every reason that only events carry. A problem's event has the reason and the message of its condition. */
export const EVENT_REASONS = {
  Added: 'Backends were added to the group.',
  Removed: 'Backends were removed from the group.',
  Draining: 'Backends got weight 0; those that leave are removed later.',
  Weighed: 'Backends got another weight.',
  Recovered: 'What an earlier event told of is over.',
  InvalidWeight: `A pod's annotation ${WEIGHT_ANNOTATION} is no weight. Another one is used.`,
  AddressOutside:
    'An endpoint that is no pod of this cluster and cloud has an address that no network interface has.',
  GroupRenamed: 'The vServer group was found by its name and has another one now. The binding stays with it.',
  AmbiguousPort: 'The Service has several ports of the number in spec.serviceRef.port. The first is used.',
  HoldTooShort: `Pods have a hold (annotation ${HOLD_ANNOTATION}), but one that is shorter than status.holdSeconds.`,
  ReadinessGateTimedOut: `On a pod: it waited for its groups for too long, and its gate ${READINESS_GATE} was opened all the same.`,
  EndpointsTruncated: 'Kubernetes has left addresses out of the Endpoints, so that pods are missing.',
} as const;

export type EventReason = keyof typeof EVENT_REASONS;
export type Reason = keyof typeof REASONS;

export interface NewCondition {
  readonly type: ConditionType;
  readonly status: Condition['status'];
  readonly reason: Reason;
  readonly message: string;
  readonly observedGeneration: number;
}

const MAX_MESSAGE = 32_768;

/**
 * The conditions with one set, sorted by type. lastTransitionTime moves only when the status does, so that setting
 * the same condition twice gives the same bytes and no write. `now` is wall-clock milliseconds.
 */
export function setCondition(
  conditions: readonly Condition[],
  { message, ...next }: NewCondition,
  now: number,
): Condition[] {
  const previous = findCondition(conditions, next.type);
  const lastTransitionTime =
    previous?.status === next.status ? previous.lastTransitionTime : toKubernetesTime(now);
  const set: Condition = { ...next, message: message.slice(0, MAX_MESSAGE), lastTransitionTime };
  return [...conditions.filter(({ type }) => type !== next.type), set].sort((a, b) =>
    a.type < b.type ? -1 : 1,
  );
}

export function removeCondition(conditions: readonly Condition[], type: ConditionType): Condition[] {
  return conditions.filter((condition) => condition.type !== type);
}

export function findCondition(conditions: readonly Condition[], type: ConditionType): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

export function isTrue(conditions: readonly Condition[], type: ConditionType): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/** metav1.Time: RFC 3339 in UTC without fractions of a second. */
export function toKubernetesTime(wall: number): string {
  return `${new Date(wall).toISOString().slice(0, 19)}Z`;
}
