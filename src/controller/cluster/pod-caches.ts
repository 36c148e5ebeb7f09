import { type Caches, OnDemandCaches } from '../../kubernetes/informer/caches.ts';
import type { Reflector } from '../../kubernetes/informer/reflector.ts';
import type { Store, StoreChange } from '../../kubernetes/informer/store.ts';
import type { PodObject } from '../../kubernetes/objects/objects.ts';
import { addPodIndexes, type BindingObject, needsPods, type WatchedPods } from './cluster-caches.ts';

/**
 * The metadata of pods, in just those namespaces where a binding needs it. A namespace's pods are known once their first
 * list is complete; until then nothing is added there by weight, and no drain is cut short.
 */
export class PodCaches implements WatchedPods {
  readonly #onDemand: OnDemandCaches<Reflector<PodObject>>;
  readonly #needing = new Map<string, Set<string>>();
  readonly #handlers: ((change: StoreChange<PodObject>) => void)[] = [];
  readonly #onSynced: ((namespace: string) => void)[] = [];

  constructor(
    informers: Caches,
    create: (namespace: string) => Reflector<PodObject>,
    bindings: Store<BindingObject>,
    defaultDrainSeconds: number,
  ) {
    this.#onDemand = new OnDemandCaches(informers, (namespace) =>
      this.#prepare(create(namespace), namespace),
    );
    bindings.onChange(({ old, new: now }) => {
      if (now !== undefined && needsPods(now, defaultDrainSeconds)) this.#need(now.namespace, now.key);
      else if (old !== undefined) this.#needNoMore(old.namespace, old.key);
    });
  }

  in(namespace: string): Store<PodObject> | undefined {
    const reflector = this.#onDemand.get(namespace);
    return reflector?.hasSynced ? reflector.store : undefined;
  }

  /** How many pods are known, of all namespaces. */
  get size(): number {
    return [...this.#needing.keys()].reduce(
      (sum, each) => sum + (this.#onDemand.get(each)?.store.size ?? 0),
      0,
    );
  }

  onChange(handler: (change: StoreChange<PodObject>) => void): void {
    this.#handlers.push(handler);
  }

  onSynced(listener: (namespace: string) => void): void {
    this.#onSynced.push(listener);
  }

  #prepare(reflector: Reflector<PodObject>, namespace: string): Reflector<PodObject> {
    addPodIndexes(reflector.store).onChange((change) => {
      for (const handler of this.#handlers) handler(change);
    });
    void reflector.waitForSync().then(() => {
      for (const listener of this.#onSynced) listener(namespace);
    });
    return reflector;
  }

  #need(namespace: string, binding: string): void {
    const needing = this.#needing.get(namespace) ?? new Set();
    this.#needing.set(namespace, needing);
    if (needing.size === 0) this.#onDemand.acquire(namespace);
    needing.add(binding);
  }

  #needNoMore(namespace: string, binding: string): void {
    const needing = this.#needing.get(namespace);
    if (!needing?.delete(binding) || needing.size > 0) return;
    this.#needing.delete(namespace);
    void this.#onDemand.release(namespace);
  }
}
