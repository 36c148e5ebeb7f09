import type { GatedPodObject, ServiceObject } from '../../kubernetes/objects/objects.ts';
import { matchesSelector } from '../../membership/desired/label-selector.ts';
import { type BindingObject, type ClusterCaches, serviceOf } from '../cluster/cluster-caches.ts';

type Caches = Pick<ClusterCaches, 'bindings' | 'services' | 'endpoints'>;

/**
 * Who wants a pod in its group: the bindings whose Service selects it, or has it in a list. The selectors come first, for lists of
 * endpoints may be late; the lists stand for Services without a selector.
 */
export class BindingsOfPods {
  readonly #caches: Caches;
  /** By pod: the Services that select it, as long as the Services are the same. */
  readonly #selecting = new WeakMap<
    GatedPodObject,
    { readonly version: number; readonly keys: readonly string[] }
  >();

  constructor(caches: Caches) {
    this.#caches = caches;
    caches.services.index('namespace', ({ namespace }) => [namespace]);
  }

  of(pod: GatedPodObject): readonly BindingObject[] {
    const { bindings, endpoints } = this.#caches;
    const listing = endpoints.byIndex('pod', pod.key).map((list) => `${list.namespace}/${list.serviceName}`);
    const services = new Set([...this.#selectingServices(pod), ...listing]);
    const naming = (key: string) =>
      bindings.byIndex('service', key).filter((binding) => serviceOf(binding) === key);
    return [...services].sort().flatMap(naming);
  }

  #selectingServices(pod: GatedPodObject): readonly string[] {
    const { services } = this.#caches;
    const known = this.#selecting.get(pod);
    if (known?.version === services.version) return known.keys;
    const selects = ({ selector, selects: any }: ServiceObject) =>
      any && matchesSelector({ matchLabels: selector }, pod.labels);
    const found = services.byIndex('namespace', pod.namespace).filter(selects);
    const keys = found.map(({ key }) => key);
    this.#selecting.set(pod, { version: services.version, keys });
    return keys;
  }
}
