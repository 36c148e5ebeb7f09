import type { Clock } from '../../clock.ts';
import {
  type ClusterCaches,
  type GroupKey,
  type PodSource,
  rememberDeparted,
} from '../../controller/cluster/cluster-caches.ts';
import { NamespacePods } from '../../controller/cluster/namespace-pods.ts';
import { needsPods } from '../../controller/cluster/pod-caches.ts';
import {
  createCaches,
  type EndpointsSource,
  type Listed,
  listedResources,
} from '../../controller/cluster/resources.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';
import { listCollection } from '../../kubernetes/informer/lister.ts';
import { Store, type Stored } from '../../kubernetes/informer/store.ts';
import type { PodObject } from '../../kubernetes/objects/objects.ts';

export interface SnapshotOptions {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The region of bindings that name none. */
  readonly region: string;
  readonly endpointsSource: EndpointsSource;
  readonly requireGrants: boolean;
}

/** What the operator's cluster caches would contain now, as far as one group is concerned. */
export async function takeSnapshot(group: GroupKey, options: SnapshotOptions): Promise<ClusterCaches> {
  const { region, endpointsSource, requireGrants, transport, signal } = options;
  const resources = await listedResources({ bindingSelector: undefined, endpointsSource }, transport, signal);
  const caches = createCaches(region, options.clock, (_, error) => {
    throw error;
  });
  const fill = async <T extends Stored>(
    { resource, path, query, transform }: Listed<T>,
    store: Store<T>,
    namespace?: string,
  ) => {
    const reading = {
      transform,
      name: resource,
      transport,
      path: path(namespace),
      ...(query && { query: query(namespace) }),
      store,
      clock: options.clock,
    };
    const { objects, resourceVersion } = await listCollection(reading, '', signal);
    for (const object of objects) store.set(object);
    return resourceVersion;
  };
  await fill(resources.bindings, caches.bindings);
  const bindings = caches.bindings.byIndex('group', group);
  const namespaces = new Set(bindings.map(({ namespace }) => namespace));
  await Promise.all([
    fill(resources.nodes, caches.nodes),
    ...[...namespaces].flatMap((namespace) => [
      fill(resources.services, caches.services, namespace),
      fill(resources.endpoints, caches.endpoints, namespace),
      ...(requireGrants ? [fill(resources.namespaces, caches.namespaces, namespace)] : []),
    ]),
  ]);
  const withPods = bindings.filter((binding) => needsPods(binding, caches));
  const pods = new Map<string, NamespacePods>();
  // After the lists that name the pods: a pod that is missing here is gone.
  for (const namespace of new Set(withPods.map((binding) => binding.namespace))) {
    const store = new Store<PodObject>();
    const version = await fill(resources.pods, store, namespace);
    pods.set(namespace, new NamespacePods(store, () => version));
  }
  const source: PodSource = { in: (namespace) => pods.get(namespace) };
  const filled = { ...caches, pods: source };
  for (const binding of bindings) rememberDeparted(binding, filled);
  return filled;
}
