import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { ClusterCaches } from '../controller/cluster/cluster-caches.ts';
import { PodCaches } from '../controller/cluster/pod-caches.ts';
import {
  createCaches,
  type Listed,
  type ListedResources,
  type Resource,
} from '../controller/cluster/resources.ts';
import type { KubeTransport } from '../kubernetes/client/transport-types.ts';
import { Informers } from '../kubernetes/informer/informers.ts';
import { Reflector, type ReflectorHooks } from '../kubernetes/informer/reflector.ts';
import { Store, type Stored } from '../kubernetes/informer/store.ts';
import { Turns } from '../kubernetes/informer/turns.ts';
import type { GatedPodObject, PodObject } from '../kubernetes/objects/objects.ts';

/** Concurrent list requests for pods: a hundred namespaces may start at once. Two, so that one without an answer blocks no other. */
const PAGES_OF_PODS = 2;

export interface WatchingParts {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly reflectorHooks: ReflectorHooks;
  readonly onHandlerError: (resource: Resource, error: unknown) => void;
}

export interface Watching {
  readonly caches: ClusterCaches & { readonly pods: PodCaches };
  /** The pods with our gate whose gate is not settled; empty without --readiness-gates. */
  readonly unsettledPods: Store<GatedPodObject>;
  readonly informers: Informers;
}

/** Creates the caches of what the operator needs from the cluster, without starting anything. */
export function createWatching(
  config: Pick<Config, 'namespace' | 'region' | 'readinessGates' | 'requireGrants'>,
  resources: ListedResources,
  parts: WatchingParts,
): Watching & { start(): void } {
  const caches = createCaches(config.region, parts.clock, parts.onHandlerError);
  const informers = new Informers();
  const pages = new Turns(PAGES_OF_PODS);
  const pods = new PodCaches(
    informers,
    (namespace) => {
      const store = new Store<PodObject>({ onHandlerError: (error) => parts.onHandlerError('pods', error) });
      const closable = config.namespace.length > 0;
      return reflector(resources.pods, store, parts, { namespace, closable, pages });
    },
    caches,
  );
  const unsettledPods = new Store<GatedPodObject>({
    onHandlerError: (error) => parts.onHandlerError('pods', error),
  });
  const start = () => {
    if (config.readinessGates)
      watch(informers, parts, config.namespace, resources.unsettledPods, unsettledPods, pages);
    watch(informers, parts, config.namespace, resources.bindings, caches.bindings);
    watch(informers, parts, config.namespace, resources.services, caches.services);
    watch(informers, parts, config.namespace, resources.endpoints, caches.endpoints);
    watch(informers, parts, [], resources.nodes, caches.nodes);
    if (config.requireGrants)
      watch(informers, parts, config.namespace, resources.namespaces, caches.namespaces);
  };
  return { caches: { ...caches, pods, closedNamespaces: informers.closed }, unsettledPods, informers, start };
}

function watch<T extends Stored>(
  informers: Informers,
  parts: WatchingParts,
  namespaces: readonly string[],
  listed: Listed<T>,
  store: Store<T>,
  pages?: Turns,
): void {
  if (namespaces.length === 0) {
    informers.add(reflector(listed, store, parts, { pages }));
    return;
  }
  for (const namespace of namespaces) {
    const part = new Store<T>();
    part.onChange(({ old, new: now }) => {
      if (now !== undefined) store.set(now);
      else if (old !== undefined) store.remove(old.key);
    });
    informers.add(reflector(listed, part, parts, { namespace, closable: true, pages }));
  }
}

function reflector<T extends Stored>(
  { resource, path, query, transform }: Listed<T>,
  store: Store<T>,
  { transport, clock, reflectorHooks }: WatchingParts,
  {
    namespace,
    closable = false,
    pages,
  }: {
    readonly namespace?: string;
    /** Other namespaces go on without it. */
    readonly closable?: boolean;
    readonly pages?: Turns | undefined;
  },
): Reflector<T> {
  return new Reflector<T>({
    transform,
    name: resource,
    transport,
    path: path(namespace),
    ...(query && { query: query(namespace) }),
    store,
    clock,
    hooks: reflectorHooks,
    ...(closable && { namespace }),
    ...(pages && { pages }),
  });
}
