import type { Clock } from '../../clock.ts';
import {
  addPodIndexes,
  type ClusterCaches,
  type GroupKey,
  needsPods,
  type PodSource,
} from '../../controller/cluster/cluster-caches.ts';
import {
  createCaches,
  type EndpointsSource,
  type Listed,
  listedResources,
} from '../../controller/cluster/resources.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';
import { listCollection } from '../../kubernetes/informer/lister.ts';
import { Store, type Stored } from '../../kubernetes/informer/store.ts';

export interface SnapshotOptions {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Of bindings that name none. */
  readonly region: string;
  readonly endpointsSource: EndpointsSource;
  readonly defaultDrainSeconds: number;
}

/** What the operator would have in its caches of the cluster now, as far as it concerns one group. */
export async function takeSnapshot(group: GroupKey, options: SnapshotOptions): Promise<ClusterCaches> {
  const { region, endpointsSource, transport, signal } = options;
  const resources = await listedResources({ bindingSelector: undefined, endpointsSource }, transport, signal);
  const caches = createCaches(region, (_, error) => {
    throw error;
  });
  const fill = async <T extends Stored>(
    { resource, path, ...listed }: Listed<T>,
    store: Store<T>,
    namespace?: string,
  ) => {
    const reading = {
      ...listed,
      name: resource,
      transport,
      path: path(namespace),
      store,
      clock: options.clock,
    };
    for (const object of (await listCollection(reading, '', signal)).objects) store.set(object);
  };
  await fill(resources.bindings, caches.bindings);
  const bindings = caches.bindings.byIndex('group', group);
  const namespaces = new Set(bindings.map(({ namespace }) => namespace));
  const podNamespaces = new Set(
    bindings
      .filter((binding) => needsPods(binding, options.defaultDrainSeconds))
      .map(({ namespace }) => namespace),
  );
  const pods = new Map([...podNamespaces].map((namespace) => [namespace, addPodIndexes(new Store())]));
  await Promise.all([
    fill(resources.nodes, caches.nodes),
    ...[...namespaces].flatMap((namespace) => [
      fill(resources.services, caches.services, namespace),
      fill(resources.endpoints, caches.endpoints, namespace),
    ]),
    ...[...pods].map(([namespace, store]) => fill(resources.pods, store, namespace)),
  ]);
  const source: PodSource = { in: (namespace) => pods.get(namespace) };
  return { ...caches, pods: source };
}
