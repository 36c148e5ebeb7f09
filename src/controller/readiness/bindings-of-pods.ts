import type { GatedPodObject, ServiceObject } from '../../kubernetes/objects/objects.ts';
import { matchesSelector } from '../../membership/desired/label-selector.ts';
import { type BindingObject, type ClusterCaches, serviceOf } from '../cluster/cluster-caches.ts';

type Caches = Pick<ClusterCaches, 'bindings' | 'services' | 'endpoints'>;

/**
 * Finds the bindings that want a pod in their group: those whose Service selects the pod or has it in its endpoints.
 * Selectors are used because endpoint lists may be late, and the lists because of Services without a selector.
 */
export class BindingsOfPods {
  readonly #caches: Caches;
  /** By pod: the Services that select it; valid while the Services have this version. */
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
