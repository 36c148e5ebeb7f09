import type { Informers } from '../../kubernetes/informer/informers.ts';
import type { Reflector } from '../../kubernetes/informer/reflector.ts';
import type { StoreChange } from '../../kubernetes/informer/store.ts';
import type { PodObject } from '../../kubernetes/objects/objects.ts';
import { isVirtual } from '../../membership/desired/cluster.ts';
import {
  type BindingObject,
  type ClusterCaches,
  servicesOf,
  specOf,
  VIRTUAL,
  type WatchedPods,
} from './cluster-caches.ts';
import { NamespacePods } from './namespace-pods.ts';

interface Watched {
  readonly reflector: Reflector<PodObject>;
  readonly pods: NamespacePods;
  /** The keys of the bindings that need these pods. */
  readonly needing: Set<string>;
}

/**
 * The pods of only those namespaces where the members of a binding depend on them (`needsPods`). They are known once their
 * first list is complete; until then nothing is added there, and nothing is decided from the pods.
 */
export class PodCaches implements WatchedPods {
  readonly #informers: Informers;
  readonly #create: (namespace: string) => Reflector<PodObject>;
  readonly #watched = new Map<string, Watched>();
  readonly #handlers: ((change: StoreChange<PodObject>) => void)[] = [];
  readonly #onSynced: ((namespace: string) => void)[] = [];

  constructor(
    informers: Informers,
    create: (namespace: string) => Reflector<PodObject>,
    caches: Pick<ClusterCaches, 'bindings' | 'services' | 'nodes'>,
  ) {
    const { bindings, services, nodes } = caches;
    this.#informers = informers;
    this.#create = create;
    const look = (binding: BindingObject) => {
      if (needsPods(binding, caches)) this.#need(binding);
      else this.#needNoMore(binding);
    };
    bindings.onChange(({ old, new: now }) => {
      if (now !== undefined) look(now);
      else if (old !== undefined) this.#needNoMore(old);
    });
    services.onChange(({ old, new: now }) => {
      for (const binding of bindings.byIndex('service', (now ?? old)?.key ?? '')) look(binding);
    });
    nodes.onChange(({ old, new: now }) => {
      const isOne = now !== undefined && isVirtual(now);
      if (isOne === (old !== undefined && isVirtual(old))) return;
      for (const binding of bindings.byIndex('backendType', 'ecs')) look(binding);
    });
  }

  in(namespace: string): NamespacePods | undefined {
    const watched = this.#watched.get(namespace);
    return watched?.reflector.hasSynced ? watched.pods : undefined;
  }

  /** The number of cached pods in all namespaces. */
  get size(): number {
    return [...this.#watched.values()].reduce((sum, { reflector }) => sum + reflector.store.size, 0);
  }

  onChange(handler: (change: StoreChange<PodObject>) => void): void {
    this.#handlers.push(handler);
  }

  onSynced(listener: (namespace: string) => void): void {
    this.#onSynced.push(listener);
  }

  #need({ namespace, key }: BindingObject): void {
    const watched = this.#watched.get(namespace) ?? this.#watch(namespace);
    watched.needing.add(key);
  }

  #watch(namespace: string): Watched {
    const reflector = this.#create(namespace);
    const pods = new NamespacePods(reflector.store, () => reflector.version);
    reflector.store.onChange((change) => {
      for (const handler of this.#handlers) handler(change);
    });
    void reflector.waitForSync().then(() => {
      for (const listener of this.#onSynced) listener(namespace);
    });
    const watched = { reflector, pods, needing: new Set<string>() };
    this.#watched.set(namespace, watched);
    this.#informers.add(reflector);
    return watched;
  }

  #needNoMore({ namespace, key }: BindingObject): void {
    const watched = this.#watched.get(namespace);
    if (!watched?.needing.delete(key) || watched.needing.size > 0) return;
    this.#watched.delete(namespace);
    void this.#informers.remove(watched.reflector);
  }
}

/**
 * Whether the members of a binding depend on the pods of its namespace. They do for an `eni` binding, and for an `ecs` binding
 * with `externalTrafficPolicy: Local` or while there are virtual nodes, whose pods are members.
 */
export function needsPods(
  binding: BindingObject,
  { services, nodes }: Pick<ClusterCaches, 'services' | 'nodes'>,
): boolean {
  const { backendType } = specOf(binding);
  if (backendType !== 'ecs') return backendType === 'eni';
  const isLocal = (service: string) => services.get(service)?.externalTrafficPolicy === 'Local';
  return servicesOf(binding).some(isLocal) || nodes.byIndex('virtual', VIRTUAL).length > 0;
}
