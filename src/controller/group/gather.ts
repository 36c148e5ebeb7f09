import { ownershipTag } from '../../api/ownership-tag.ts';
import type {
  UnreadableBinding,
  VServerGroupBinding,
  VServerGroupBindingSpec,
} from '../../api/vservergroupbinding.ts';
import type { Clock } from '../../clock.ts';
import type { NodeObject } from '../../kubernetes/objects/objects.ts';
import { byCodeUnit } from '../../membership/backend.ts';
import { isDrained } from '../../membership/desired/cluster.ts';
import { computeDesired } from '../../membership/desired/desired.ts';
import { type Desired, nodesKept, wantMembers } from '../../membership/desired/member.ts';
import { isDoubtful } from '../../membership/desired/unreachable.ts';
import type { Claim } from '../../membership/plan/claim.ts';
import type { BindingMemory } from '../binding/binding-memory.ts';
import { type Granted, type GrantOptions, grantedTo, isGranted, isRefused } from '../binding/granted.ts';
import { preparationOf } from '../binding/preparation.ts';
import { shownBy, staysWithLostNode } from '../binding/records.ts';
import { fateOf } from '../binding/unreadable.ts';
import {
  type BindingObject,
  type ClusterCaches,
  type GroupKey,
  hasFinalizer,
  isBeingDeleted,
  servicesOf,
  specOf,
  statusOf,
} from '../cluster/cluster-caches.ts';
import { isTaken } from '../cluster/places.ts';
import { needsPods } from '../cluster/pod-caches.ts';
import { exemptionOf } from '../readiness/exemption.ts';
import type { Bound } from './bound.ts';
import { noticesOf } from './notices.ts';
import type { GroupView } from './state/group-view.ts';

export interface GatherOptions extends GrantOptions {
  readonly clusterId: string;
  /** Maximum length of a row's description, in characters. */
  readonly longestDescription: number;
  readonly defaultDrainSeconds: number;
  readonly excludeCordonedNodes: boolean;
  readonly localWeights: boolean;
  /** See DesiredInput. */
  readonly unreadyShare: number;
  readonly unreadyToleranceMs: number;
  /** The readiness gates of pods are opened once the pods are in their groups. In its dry run, the operator opens them at once. */
  readonly opensGates: boolean;
  /** Nothing is written, so no finalizer is needed to guard what would be added. */
  readonly dryRun: boolean;
}

interface GatherParts {
  readonly caches: ClusterCaches;
  readonly memory: BindingMemory;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Reads everything that one group's plan depends on from the caches: no I/O, so nothing can change in between. The first row that fits:
 *
 * | the binding   | its spec                                                 | its claim                                     |
 * |---------------|----------------------------------------------------------|-----------------------------------------------|
 * | –             | in a closed namespace, and was never served              | none                                          |
 * | –             | in a closed namespace, and was served                    | suspended: its rows stay as they are          |
 * | lives         | names a group that it was never granted                  | none: the group is not read for it            |
 * | lives         | names a role that may not be assumed, was never served   | none                                          |
 * | lives         | names such a role, and was served                        | suspended: its rows stay as they are          |
 * | lives         | can't be read                                            | suspended: its rows stay as they are          |
 * | lives         | names a group that it is no longer granted               | its members, but none is added                |
 * | lives         | any other                                                | the members that its Service selects          |
 * | being deleted | Retain, or suspended                                     | none: its rows stay, and belong to nobody     |
 * | being deleted | Sync                                                     | no members: its rows leave                    |
 * | being deleted | RemoveOnly, can be read                                  | its members: only former members leave        |
 * | being deleted | RemoveOnly, can't be read                                | none                                          |
 * | being deleted | the deciding fields can't be read (unreadable.ts)        | suspended                                     |
 * | being deleted | names a role that may not be assumed, has rows to remove | suspended                                     |
 *
 * While a namespace is closed there may be bindings on the group that this process does not know, so no row is without an owner:
 * `Exclusive` has no effect.
 */
export function gather(
  key: GroupKey,
  view: Pick<GroupView, 'ref' | 'loadBalancerId'>,
  parts: GatherParts,
  options: GatherOptions,
): readonly Bound[] {
  const { caches } = parts;
  const { ref, loadBalancerId } = view;
  const bound: Bound[] = [];
  for (const object of caches.bindings.byIndex('group', key)) {
    const { parsed } = object;
    const granted = grantedTo(object, { vServerGroupId: ref.id, loadBalancerId }, caches, options);
    const isClosed = caches.closedNamespaces.has(object.namespace);
    if (isClosed) {
      const claim = isKnownInGroup(object, parts) ? claimOnRows(object, false, parts, options) : undefined;
      bound.push({ object, granted, isClosed, claim, preparation: undefined, notices: [] });
      continue;
    }
    const claim = parsed.ok
      ? claimOf(object, parsed.binding, granted, parts, options)
      : claimOfUnreadable(object, parsed, granted, parts, options);
    const preparation = parsed.ok
      ? preparationOf(object, parsed.binding, claim?.desired, ref, parts, options)
      : undefined;
    const one = { object, granted, isClosed, claim, preparation };
    bound.push({ ...one, notices: parsed.ok ? noticesOf(one, parsed.binding, ref, caches) : [] });
  }
  return bound.sort((a, b) => byCodeUnit(a.object.key, b.object.key));
}

function claimOf(
  object: BindingObject,
  binding: VServerGroupBinding,
  granted: Granted,
  parts: GatherParts,
  options: GatherOptions,
): Claim | undefined {
  const { spec } = binding;
  const deleting = isBeingDeleted(object);
  if (deleting && (spec.deletionPolicy === 'Retain' || spec.suspend)) return undefined;
  const hasNoRole = granted.is === 'no role';
  if (isRefused(granted) && (!deleting || hasNoRole) && !isKnownInGroup(object, parts)) return undefined;
  const { pods, closedNamespaces } = parts.caches;
  const podsAreKnown = !needsPods(object, parts.caches) || pods.in(object.namespace) !== undefined;
  return {
    ...ownOf(object, parts, options),
    mode: spec.mode,
    ownership: granted.is === 'exclusive' && closedNamespaces.size === 0 ? spec.ownership : 'Shared',
    // A RemoveOnly binding did not add its backends, so the live ones stay when it is deleted.
    desired: deleting && spec.mode === 'Sync' ? NOTHING : desiredOf(object, binding, parts, options),
    drainMs: drainMsOf(spec, options),
    minBackends: spec.minBackends,
    suspended: spec.suspend || hasNoRole,
    deleting: deleting && !hasNoRole,
    granted: isGranted(granted),
    mayAdd: isGranted(granted) && isGuarded(object, spec, options) && podsAreKnown,
  };
}

function claimOfUnreadable(
  object: BindingObject,
  unreadable: UnreadableBinding,
  granted: Granted,
  parts: GatherParts,
  options: GatherOptions,
): Claim | undefined {
  const fate = fateOf(unreadable);
  if (fate.is === 'left behind') return undefined;
  if (fate.is === 'kept' && isRefused(granted) && !isKnownInGroup(object, parts)) return undefined;
  return claimOnRows(object, fate.is === 'leaving' && granted.is !== 'no role', parts, options);
}

/** A claim without members: either the binding's rows leave, or nobody touches them. */
function claimOnRows(
  object: BindingObject,
  leaving: boolean,
  parts: GatherParts,
  options: GatherOptions,
): Claim {
  return {
    ...ownOf(object, parts, options),
    mode: 'Sync',
    ownership: 'Shared',
    desired: NOTHING,
    drainMs: drainMsOf(specOf(object), options),
    minBackends: 0,
    suspended: !leaving,
    deleting: leaving,
    granted: false,
    mayAdd: false,
  };
}

/** The binding has, or had, a claim on its group: its status names the load balancer, or this process knows what it owns. */
function isKnownInGroup(object: BindingObject, { memory }: GatherParts): boolean {
  return statusOf(object)?.loadBalancerId !== undefined || memory.recordsOf(object).size > 0;
}

/** The part of a claim that does not depend on the spec: whose it is, what it owns, and which of that is alive. */
function ownOf(
  object: BindingObject,
  { caches, memory }: GatherParts,
  { clusterId, longestDescription, dryRun }: GatherOptions,
): Pick<
  Claim,
  | 'id'
  | 'uid'
  | 'tag'
  | 'records'
  | 'shows'
  | 'formerAt'
  | 'livePods'
  | 'readyPods'
  | 'liveNodes'
  | 'drainedNodes'
  | 'doubtfulNodes'
> {
  const pods = caches.pods.in(object.namespace);
  const isNode = (name: string, is: (node: NodeObject) => boolean) => {
    const node = caches.nodes.get(name);
    return node !== undefined && is(node);
  };
  return {
    id: object.key,
    uid: object.uid,
    tag: ownershipTag(clusterId, object.namespace, object.name, longestDescription),
    records: memory.recordsOf(object),
    formerAt(slot) {
      const former = memory.formerOf(object).at(slot);
      return former && isTaken(former, object, caches) ? undefined : former;
    },
    shows: dryRun ? () => true : shownBy(object, memory.times),
    livePods: pods && { has: (uid) => pods.lives(uid) },
    readyPods: pods && { has: (uid) => pods.isReady(uid) },
    liveNodes: { has: (name) => caches.nodes.get(name) !== undefined },
    drainedNodes: { has: (name) => isNode(name, isDrained) },
    doubtfulNodes: { has: (name) => isNode(name, isDoubtful) },
  };
}

function drainMsOf(
  { drain }: Pick<VServerGroupBindingSpec, 'drain'>,
  { defaultDrainSeconds }: GatherOptions,
): number {
  return (drain?.seconds ?? defaultDrainSeconds) * 1000;
}

function isGuarded(
  object: BindingObject,
  { deletionPolicy }: VServerGroupBindingSpec,
  { dryRun }: GatherOptions,
): boolean {
  return dryRun || deletionPolicy === 'Retain' || hasFinalizer(object);
}

const NOTHING: Desired = wantMembers([]);

function desiredOf(
  object: BindingObject,
  { metadata, spec }: VServerGroupBinding,
  { caches, memory, clock }: GatherParts,
  options: GatherOptions,
): Desired {
  const { uid, namespace } = object;
  const now = clock.now();
  const serviceName = `${namespace}/${spec.serviceRef.name}`;
  const service = caches.services.get(serviceName);
  const endpoints = caches.endpoints.byIndex('service', serviceName);
  const pods = caches.pods.in(namespace);
  const former = formerOf(object, serviceName, caches);
  const from = [
    ...[metadata.generation, service, caches.nodes.version, pods, pods?.version],
    ...[...endpoints, former?.service, ...(former?.endpoints ?? [])],
  ];
  return memory.desired.get(uid, from, now, (before) =>
    computeDesired({
      keptNodes: before === undefined ? nodesKeptByStatus(object) : nodesKept(before),
      service,
      serviceName,
      ...(former && { former }),
      port: spec.serviceRef.port,
      backendType: spec.backendType,
      weight: spec.weight,
      nodeSelector: spec.nodeSelector,
      endpoints,
      nodes: caches.knownNodes,
      pods,
      addressFamily: spec.addressFamily,
      opensGates: options.opensGates && exemptionOf(object) === undefined,
      podWeight: (podUID) => pods?.weightOf(podUID),
      unreadyShare: options.unreadyShare,
      unreadyToleranceMs: options.unreadyToleranceMs,
      now,
      excludeCordonedNodes: options.excludeCordonedNodes,
      localWeights: options.localWeights,
    }),
  );
}

/** The Service whose backends the group still holds, if it is not the one that the binding names. */
function formerOf(object: BindingObject, named: string, { services, endpoints }: ClusterCaches) {
  const name = servicesOf(object).find((one) => one !== named);
  const service = name === undefined ? undefined : services.get(name);
  return service && { service, endpoints: endpoints.byIndex('service', name ?? '') };
}

/**
 * The nodes that are not Ready but whose backends stayed nevertheless, for a process that starts meanwhile: the status says it of
 * each backend. An older one only has the reason.
 */
function nodesKeptByStatus(object: BindingObject): ReadonlySet<string> {
  const { conditions = [], backends = [] } = statusOf(object) ?? {};
  const marked = backends.filter(staysWithLostNode);
  const isOlder = marked.length === 0 && conditions.some(({ reason }) => reason === 'NodesNotReady');
  const kept = isOlder ? backends.filter(({ state }) => state === 'Registered') : marked;
  return new Set(kept.flatMap(({ node }) => (node ? [node] : [])));
}
