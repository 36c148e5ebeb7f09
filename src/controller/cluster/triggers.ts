import type { StoreChange } from '../../kubernetes/informer/store.ts';
import {
  type EndpointsObject,
  isSamePod,
  type NodeObject,
  type PodObject,
} from '../../kubernetes/objects/objects.ts';
import {
  type BindingObject,
  type ClusterCaches,
  type GroupKey,
  groupOf,
  hasFinalizer,
  isBeingDeleted,
  metadataOf,
  UNNAMED,
} from './cluster-caches.ts';

/** Called when something that the group depends on has changed. */
type Enqueue = (group: GroupKey) => void;

/**
 * Connects changes in the caches to the groups that they concern. The groups are found by index, so the cost of an event does
 * not grow with the number of bindings.
 */
export function connectTriggers(caches: ClusterCaches, defaultRegion: string, enqueue: Enqueue): void {
  const enqueueAll = (bindings: readonly BindingObject[]) => {
    for (const group of groupsOf(bindings, defaultRegion)) enqueue(group);
  };

  caches.endpoints.onChange((change) => {
    const lists = [change.old, change.new].filter((list) => list !== undefined);
    enqueueAll(boundTo(caches, lists));
  });
  caches.services.onChange(({ old, new: now }) =>
    enqueueAll(caches.bindings.byIndex('service', (now ?? old)?.key ?? '')),
  );
  caches.bindings.onChange((change) => {
    if (isOwnStatusWrite(change, defaultRegion)) return;
    enqueueAll([change.old, change.new].filter((binding) => binding !== undefined));
  });
  caches.namespaces.onChange(({ old, new: now }) => {
    if (old?.annotation === now?.annotation) return;
    enqueueAll(caches.bindings.byIndex('namespace', (now ?? old)?.key ?? ''));
  });
  caches.nodes.onChange((change) => {
    if (!nodeMatters(change)) return;
    const name = (change.new ?? change.old)?.name ?? '';
    const { endpoints } = caches;
    const onIt = boundTo(caches, [...endpoints.byIndex('node', name), ...endpoints.byIndex('node', UNNAMED)]);
    enqueueAll([...caches.bindings.byIndex('backendType', 'ecs'), ...onIt]);
  });
}

/**
 * Returns a handler for pod changes. A change concerns the groups of the pod's Services, even before the endpoint lists show
 * it, and the groups where the pod drains or lingers (`drainingGroups`): that ends when the pod is gone.
 */
export function connectPodTriggers(
  caches: ClusterCaches,
  defaultRegion: string,
  enqueue: Enqueue,
  drainingGroups: (podUID: string) => Iterable<GroupKey>,
): (change: StoreChange<PodObject>) => void {
  return ({ old, new: now }) => {
    const pod = now ?? old;
    if (pod === undefined || (old !== undefined && now !== undefined && isSamePod(old, now))) return;
    const draining = old === undefined ? [] : drainingGroups(old.uid);
    const serving = groupsOf(boundTo(caches, caches.endpoints.byIndex('pod', pod.key)), defaultRegion);
    for (const group of new Set([...draining, ...serving])) enqueue(group);
  };
}

/** The bindings to the Services of these endpoint lists. */
function boundTo(
  { bindings }: Pick<ClusterCaches, 'bindings'>,
  lists: readonly EndpointsObject[],
): readonly BindingObject[] {
  const services = new Set(lists.map(({ namespace, serviceName }) => `${namespace}/${serviceName}`));
  return [...services].flatMap((service) => bindings.byIndex('service', service));
}

function groupsOf(bindings: readonly BindingObject[], defaultRegion: string): ReadonlySet<GroupKey> {
  const groups = bindings.map((binding) => groupOf(binding, defaultRegion));
  return new Set(groups.filter((group) => group !== undefined));
}

/**
 * Our own status writes come back as events, but change nothing that a group depends on. There are two exceptions. While a
 * finalizer is being set or released, a status write makes the API server refuse that patch as based on an old object, and
 * the event of the status write is the only trigger to retry it (finalizers.ts). And a status that records another group
 * moves the binding to that group.
 */
function isOwnStatusWrite({ old, new: now }: StoreChange<BindingObject>, defaultRegion: string): boolean {
  if (old === undefined || now === undefined || old.uid !== now.uid) return false;
  if (groupOf(old, defaultRegion) !== groupOf(now, defaultRegion)) return false;
  const before = metadataOf(old);
  const after = metadataOf(now);
  const settled = hasFinalizer(now) && !isBeingDeleted(now);
  return (
    settled &&
    before.generation === after.generation &&
    before.deletionTimestamp === after.deletionTimestamp &&
    before.finalizers?.join() === after.finalizers?.join()
  );
}

/** Heartbeats change a node object every few minutes; membership does not depend on them. */
function nodeMatters({ old, new: now }: StoreChange<NodeObject>): boolean {
  if (old === undefined || now === undefined) return true;
  return !(
    old.uid === now.uid &&
    old.ready === now.ready &&
    old.shuttingDown === now.shuttingDown &&
    old.expiring === now.expiring &&
    old.unschedulable === now.unschedulable &&
    old.providerID === now.providerID &&
    old.internalIPs.join() === now.internalIPs.join() &&
    old.taintKeys.join() === now.taintKeys.join() &&
    sameEntries(old.labels, now.labels)
  );
}

function sameEntries(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
