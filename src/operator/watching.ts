import { API_VERSION, PLURAL } from '../api/vservergroupbinding.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import {
  addIndexes,
  type BindingObject,
  type ClusterCaches,
  trimBinding,
} from '../controller/cluster-caches.ts';
import { PodCaches } from '../controller/pod-caches.ts';
import { KubeApiError } from '../kubernetes/api-error.ts';
import { Caches } from '../kubernetes/caches.ts';
import {
  type EndpointsObject,
  type NodeObject,
  namespaced,
  type PodObject,
  paths,
  type ServiceObject,
  trimEndpointSlice,
  trimEndpoints,
  trimNode,
  trimPod,
  trimService,
} from '../kubernetes/objects.ts';
import { Reflector, type ReflectorHooks } from '../kubernetes/reflector.ts';
import { Store, type Stored } from '../kubernetes/store.ts';
import type { KubeTransport } from '../kubernetes/transport-types.ts';

export const RESOURCES = ['vservergroupbindings', 'services', 'endpoints', 'nodes', 'pods'] as const;
export type Resource = (typeof RESOURCES)[number];

export interface WatchingParts {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly reflectorHooks: ReflectorHooks;
  readonly onHandlerError: (resource: Resource, error: unknown) => void;
}

export interface Watching {
  readonly caches: ClusterCaches & { readonly pods: PodCaches };
  readonly informers: Caches;
}

interface Watched<T extends Stored> {
  readonly resource: Resource;
  readonly path: (namespace?: string) => string;
  readonly trim: (raw: unknown) => T | undefined;
  readonly store: Store<T>;
  readonly query?: { readonly labelSelector?: string };
}

/** The caches of what the operator needs of the cluster, and nothing more of it. Nothing is started yet. */
export async function createWatching(
  config: Pick<
    Config,
    'namespace' | 'bindingSelector' | 'endpointsSource' | 'region' | 'defaultDrainSeconds'
  >,
  parts: WatchingParts,
): Promise<Watching & { start(): void }> {
  const slices = await servesSlices(config.endpointsSource, parts.transport);
  const store = <T extends Stored>(resource: Resource) =>
    new Store<T>({ onHandlerError: (error) => parts.onHandlerError(resource, error) });
  const caches = {
    bindings: store<BindingObject>('vservergroupbindings'),
    services: store<ServiceObject>('services'),
    endpoints: store<EndpointsObject>('endpoints'),
    nodes: store<NodeObject>('nodes'),
  };
  addIndexes(caches, config.region);
  const informers = new Caches();
  const pods = new PodCaches(
    informers,
    (namespace) => {
      const podStore = store<PodObject>('pods');
      const watched = { resource: 'pods', path: paths.pods, trim: trimPod, store: podStore } as const;
      return reflector(watched, parts, namespace, { metadataOnly: true });
    },
    caches.bindings,
    config.defaultDrainSeconds,
  );
  const start = () => {
    const selector = config.bindingSelector;
    watch(informers, parts, config.namespace, {
      resource: 'vservergroupbindings',
      path: (namespace) => namespaced(`/apis/${API_VERSION}`, PLURAL, namespace),
      trim: trimBinding,
      store: caches.bindings,
      ...(selector !== undefined && { query: { labelSelector: selector } }),
    });
    watch(informers, parts, config.namespace, {
      resource: 'services',
      path: paths.services,
      trim: trimService,
      store: caches.services,
    });
    watch(informers, parts, config.namespace, {
      resource: 'endpoints',
      path: slices ? paths.endpointSlices : paths.endpoints,
      trim: slices ? trimEndpointSlice : trimEndpoints,
      store: caches.endpoints,
    });
    watch(informers, parts, [], {
      resource: 'nodes',
      path: paths.nodes,
      trim: trimNode,
      store: caches.nodes,
    });
  };
  return { caches: { ...caches, pods }, informers, start };
}

/** `auto`: EndpointSlices where the cluster serves them. Endpoints are cut at 1,000 addresses and deprecated since 1.33. */
async function servesSlices(source: Config['endpointsSource'], transport: KubeTransport): Promise<boolean> {
  if (source !== 'auto') return source === 'endpointslices';
  try {
    await transport.request('GET', '/apis/discovery.k8s.io/v1');
    return true;
  } catch (error) {
    if (error instanceof KubeApiError && error.status === 404) return false;
    throw error;
  }
}

function watch<T extends Stored>(
  informers: Caches,
  parts: WatchingParts,
  namespaces: readonly string[],
  watched: Watched<T>,
): void {
  if (namespaces.length === 0) {
    informers.add(reflector(watched, parts, undefined));
    return;
  }
  for (const namespace of namespaces) {
    const part = new Store<T>();
    part.onChange(({ old, new: now }) => {
      if (now !== undefined) watched.store.set(now);
      else if (old !== undefined) watched.store.remove(old.key);
    });
    informers.add(reflector({ ...watched, store: part }, parts, namespace));
  }
}

function reflector<T extends Stored>(
  { resource, path, trim, store, query }: Watched<T>,
  { transport, clock, reflectorHooks }: WatchingParts,
  namespace: string | undefined,
  options: { readonly metadataOnly?: boolean } = {},
): Reflector<T> {
  return new Reflector<T>({
    name: resource,
    transport,
    path: path(namespace),
    trim,
    store,
    clock,
    hooks: reflectorHooks,
    ...(query !== undefined && { query }),
    ...options,
  });
}
