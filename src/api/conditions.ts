import { type ConditionType, HOLD_ANNOTATION, READINESS_GATE, WEIGHT_ANNOTATION } from './names.ts';
import type { Condition } from './schema.ts';

/** Every reason that a condition can have, with its meaning. docs/messages.md has a section for each. */
export const REASONS = {
  Synced: 'The group holds exactly the backends that it should.',
  Progressing: 'Backends are being added, re-weighted, drained or removed.',
  Suspended: 'spec.suspend is true: the group is left as it is.',
  DryRun: 'The operator runs with --dry-run: it reports changes and makes none.',
  Deleting: 'The binding is being deleted; its backends are leaving the group.',
  ServiceNotFound:
    'The namespace has no Service of that name. Backends of a deleted one leave; those of one that the binding named before stay.',
  PortNotFound: 'The Service has no port of that number or name.',
  ServiceNotSupported: 'The Service can have no backends: ExternalName, or ecs without a node port.',
  NodesNotFound: 'spec.nodeSelector selects no node of the cluster. Backends on other nodes stay.',
  AddressFamilyNotFound:
    'The endpoints have no address of spec.addressFamily. Backends of the other family stay.',
  GroupNotFound: 'The vServer group, or its load balancer, does not exist in the region.',
  GroupNameAmbiguous:
    'The load balancer has several vServer groups of the name in spec.vServerGroup. None is touched.',
  LoadBalancerNotReady: 'The load balancer is locked, stopped or in arrears and accepts no change.',
  GroupNotGranted: 'The namespace is not granted the group.',
  ExclusiveNotGranted: 'spec.ownership is Exclusive without a grant for it: treated as Shared.',
  RoleNotAllowed: 'The operator may not assume the role in spec.assumeRole: the group is not called.',
  AccessDenied: 'The account may not read or change the group.',
  CredentialsInvalid: 'The access key or token was rejected.',
  UnknownRegion: 'No endpoint serves this region.',
  VpcUnknown: 'The VPC of the pods is unknown, so network interfaces cannot be looked up.',
  EniNotFound: 'No network interface has the IP address of a pod.',
  NodeWithoutInstance: 'A node has no spec.providerID, so its instance is unknown.',
  BackendsRefused: 'The load balancer refused some backends. The others are in the group.',
  NodesNotReady: 'Too many backends at once, or the last ones, have nodes that are not Ready: they stay.',
  HeldByMinBackends: 'spec.minBackends keeps backends that left in the group.',
  QuotaExceeded: 'The load balancer or account has no room for more backends. Removals continue.',
  Throttled: 'The API limits the rate of calls.',
  ApiUnavailable: 'The API cannot be reached, or fails.',
  InvalidSpec: 'The spec cannot be read. The message names the field.',
  DeletionBlocked:
    'The binding is being deleted, but the field that decides about its backends is unreadable.',
  FinalizerNotWritten:
    'The API server does not accept the finalizer, without which nothing is added, or that it is removed from a deleted binding.',
  InternalError: 'A fault of the operator, which retries.',
} as const;

/** Every reason that only events have. A problem's event has the reason and the message of its condition. */
export const EVENT_REASONS = {
  Added: 'Backends were added to the group.',
  Removed: 'Backends were removed from the group.',
  Draining: 'Backends got weight 0; those that leave are removed later.',
  Weighed: 'The weight of backends was changed.',
  Recovered: 'The problem that an earlier event reported is over.',
  InvalidWeight: `A pod's annotation ${WEIGHT_ANNOTATION} is not a weight. Another weight is used.`,
  AddressOutside:
    'No network interface has the address of an endpoint that is not a pod of this cluster and cloud.',
  GroupRenamed: 'The vServer group, found by its name, now has another one.',
  AmbiguousPort: 'The Service has several ports of the number in spec.serviceRef.port; the first is used.',
  HoldTooShort: `Pods have a hold (annotation ${HOLD_ANNOTATION}) that is shorter than status.holdSeconds.`,
  ReadinessGateTimedOut: `On a pod: its gate ${READINESS_GATE} was opened after too long a wait for its groups.`,
  GrantsUnreadable: 'An entry in the grants of the namespace cannot be read.',
  EndpointsTruncated: 'Kubernetes truncated the Endpoints, so pods are missing.',
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
 * Returns the conditions, sorted by type, with one of them set. lastTransitionTime only changes with the status, so setting the same
 * condition twice gives the same bytes and causes no write. `now` is wall-clock milliseconds.
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
