import type { Informers } from '../../kubernetes/informer/informers.ts';
import type { Reflector } from '../../kubernetes/informer/reflector.ts';
import type { Store, StoreChange } from '../../kubernetes/informer/store.ts';
import type { PodObject } from '../../kubernetes/objects/objects.ts';
import { addPodIndexes, type BindingObject, needsPods, type WatchedPods } from './cluster-caches.ts';

/**
 * The metadata of pods, in just those namespaces where a binding needs it. A namespace's pods are known once their first
 * list is complete; until then nothing is added there by weight, and no drain is cut short.
 */
export class PodCaches implements WatchedPods {
  readonly #informers: Informers;
  readonly #create: (namespace: string) => Reflector<PodObject>;
  /** By namespace; `needing` holds the keys of the bindings that need its pods. */
  readonly #watched = new Map<string, { reflector: Reflector<PodObject>; needing: Set<string> }>();
  readonly #handlers: ((change: StoreChange<PodObject>) => void)[] = [];
  readonly #onSynced: ((namespace: string) => void)[] = [];

  constructor(
    informers: Informers,
    create: (namespace: string) => Reflector<PodObject>,
    bindings: Store<BindingObject>,
    defaultDrainSeconds: number,
  ) {
    this.#informers = informers;
    this.#create = create;
    bindings.onChange(({ old, new: now }) => {
      if (now !== undefined && needsPods(now, defaultDrainSeconds)) this.#need(now.namespace, now.key);
      else if (old !== undefined) this.#needNoMore(old.namespace, old.key);
    });
  }

  in(namespace: string): Store<PodObject> | undefined {
    const reflector = this.#watched.get(namespace)?.reflector;
    return reflector?.hasSynced ? reflector.store : undefined;
  }

  /** How many pods are known, of all namespaces. */
  get size(): number {
    return [...this.#watched.values()].reduce((sum, { reflector }) => sum + reflector.store.size, 0);
  }

  onChange(handler: (change: StoreChange<PodObject>) => void): void {
    this.#handlers.push(handler);
  }

  onSynced(listener: (namespace: string) => void): void {
    this.#onSynced.push(listener);
  }

  #need(namespace: string, binding: string): void {
    const watched = this.#watched.get(namespace) ?? this.#watch(namespace);
    watched.needing.add(binding);
  }

  #watch(namespace: string) {
    const reflector = this.#create(namespace);
    addPodIndexes(reflector.store).onChange((change) => {
      for (const handler of this.#handlers) handler(change);
    });
    void reflector.waitForSync().then(() => {
      for (const listener of this.#onSynced) listener(namespace);
    });
    const watched = { reflector, needing: new Set<string>() };
    this.#watched.set(namespace, watched);
    this.#informers.add(reflector);
    return watched;
  }

  #needNoMore(namespace: string, binding: string): void {
    const watched = this.#watched.get(namespace);
    if (!watched?.needing.delete(binding) || watched.needing.size > 0) return;
    this.#watched.delete(namespace);
    void this.#informers.remove(watched.reflector);
  }
}
