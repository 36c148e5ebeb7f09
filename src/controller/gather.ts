import type { EventReason } from '../api/conditions.ts';
import { ownershipTag } from '../api/ownership-tag.ts';
import type { VServerGroupBinding } from '../api/vservergroupbinding.ts';
import { type BackendKey, byCodeUnit } from '../membership/backend.ts';
import type { BackendRecord, Claim } from '../membership/claim.ts';
import { computeDesired, type Desired } from '../membership/desired.ts';
import {
  type BindingObject,
  type ClusterCaches,
  type GroupKey,
  hasFinalizer,
  needsPods,
  WEIGHT_ANNOTATION,
} from './cluster-caches.ts';
import type { GroupState } from './group-state.ts';
import { messages } from './messages.ts';
import { recordsFromStatus } from './records.ts';

export interface GatherOptions {
  readonly clusterId: string;
  readonly defaultDrainSeconds: number;
  readonly excludeCordonedNodes: boolean;
  readonly localWeights: boolean;
  /** Nothing is written, so that nothing that is added needs a finalizer to guard it. */
  readonly dryRun: boolean;
}

/** Something that keeps nothing from being served but that the binding's user should know. */
export interface Notice {
  readonly reason: Extract<EventReason, 'InvalidWeight' | 'EndpointsTruncated'>;
  readonly message: string;
}

/** A binding on the group, with its claim unless it has none any more (it is going and leaves its rows where they are). */
export interface Bound {
  readonly object: BindingObject;
  readonly binding: VServerGroupBinding;
  readonly claim: Claim | undefined;
  readonly notices: readonly Notice[];
}

/** Reads all that one group's plan depends on from the caches: no I/O, so nothing can change in between. */
export function gather(
  key: GroupKey,
  group: GroupState,
  caches: ClusterCaches,
  options: GatherOptions,
): readonly Bound[] {
  const bound: Bound[] = [];
  for (const object of caches.bindings.byIndex('group', key)) {
    if (!object.parsed.ok) continue;
    const { binding } = object.parsed;
    const claim = claimOf(object, binding, group, caches, options);
    bound.push({ object, binding, claim, notices: noticesOf(object, binding, claim, group, caches) });
  }
  return bound.sort((a, b) => byCodeUnit(a.object.key, b.object.key));
}

function claimOf(
  object: BindingObject,
  binding: VServerGroupBinding,
  group: GroupState,
  caches: ClusterCaches,
  options: GatherOptions,
): Claim | undefined {
  const { spec, metadata } = binding;
  const deleting = metadata.deletionTimestamp !== undefined;
  if (deleting && (spec.deletionPolicy === 'Retain' || spec.suspend)) return undefined;
  const pods = caches.pods.in(object.namespace);
  const livePods = pods && { has: (uid: string) => pods.byIndex('uid', uid).length > 0 };
  const podsAreNeeded = needsPods(object, options.defaultDrainSeconds);
  return {
    id: object.key,
    uid: object.uid,
    tag: ownershipTag(options.clusterId, object.namespace, object.name),
    mode: spec.mode,
    ownership: spec.ownership,
    // What something else has added is not taken away with a binding that only removes: its live backends stay.
    desired: deleting && spec.mode === 'Sync' ? NOTHING : desiredOf(object, binding, caches, options),
    records: recordsOf(object, binding, group),
    drainMs: (spec.drain?.seconds ?? options.defaultDrainSeconds) * 1000,
    minBackends: spec.minBackends,
    suspended: spec.suspend,
    deleting,
    mayAdd: isGuarded(binding, options) && (!podsAreNeeded || pods !== undefined),
    livePods,
    liveNodes: { has: (name) => caches.nodes.get(name) !== undefined },
  };
}

function isGuarded(binding: VServerGroupBinding, { dryRun }: GatherOptions): boolean {
  return dryRun || binding.spec.deletionPolicy === 'Retain' || hasFinalizer(binding);
}

const NOTHING: Desired = { kind: 'members', members: [], problems: [] };

/** What this process knows is ahead of what the API server has; a new process begins with the latter. */
function recordsOf(
  { uid }: BindingObject,
  { status }: VServerGroupBinding,
  group: GroupState,
): ReadonlyMap<BackendKey, BackendRecord> {
  const known = group.records.get(uid) ?? recordsFromStatus(status.backends);
  group.records.set(uid, known);
  return known;
}

function desiredOf(
  { namespace }: BindingObject,
  { spec }: VServerGroupBinding,
  caches: ClusterCaches,
  options: GatherOptions,
): Desired {
  const serviceName = `${namespace}/${spec.serviceRef.name}`;
  const pods = caches.pods.in(namespace);
  return computeDesired({
    service: caches.services.get(serviceName),
    serviceName,
    port: spec.serviceRef.port,
    backendType: spec.backendType,
    weight: spec.weight,
    nodeSelector: spec.nodeSelector,
    endpoints: caches.endpoints.byIndex('service', serviceName),
    nodes: { get: (name) => caches.nodes.get(name), values: () => caches.nodes.list() },
    podWeight: (uid) => pods?.byIndex('weighed', uid)[0]?.annotations[WEIGHT_ANNOTATION],
    excludeCordonedNodes: options.excludeCordonedNodes,
    localWeights: options.localWeights,
  });
}

function noticesOf(
  { namespace }: BindingObject,
  { spec }: VServerGroupBinding,
  claim: Claim | undefined,
  { ref }: GroupState,
  caches: ClusterCaches,
): readonly Notice[] {
  const problems = claim?.desired.kind === 'members' ? claim.desired.problems : [];
  const notices = problems.flatMap(({ reason, message }) =>
    reason === 'InvalidWeight' ? [{ reason, message: messages.invalidWeight(message, ref) }] : [],
  );
  const serviceName = `${namespace}/${spec.serviceRef.name}`;
  if (!caches.endpoints.byIndex('service', serviceName).some(({ overCapacity }) => overCapacity))
    return notices;
  const message = messages.endpointsTruncated(serviceName, ref);
  return [...notices, { reason: 'EndpointsTruncated', message }];
}
