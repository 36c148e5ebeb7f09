import type { EndpointAddress, GatedPodObject, ServiceObject } from '../../kubernetes/objects/objects.ts';
import { isByKubernetes } from '../../membership/desired/endpoints.ts';
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

  /**
   * Whether the binding's Service has the pod only in lists that Kubernetes does not write, as not ready. What writes them may
   * follow the pod's condition Ready, which follows the gate.
   */
  isListedNotReady(pod: GatedPodObject, binding: BindingObject): boolean {
    const service = this.#caches.services.get(serviceOf(binding) ?? '');
    if (service === undefined || this.#selectingServices(pod).includes(service.key)) return false;
    const lists = this.#caches.endpoints
      .byIndex('pod', pod.key)
      .filter(({ namespace, serviceName }) => `${namespace}/${serviceName}` === service.key);
    const listed = lists
      .flatMap(({ subsets }) => subsets.flatMap(({ addresses }) => addresses))
      .filter((address) => names(address, pod));
    return (
      listed.length > 0 &&
      listed.every(({ ready }) => !ready) &&
      !lists.some((list) => isByKubernetes(list, service))
    );
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

/** A list written by hand may omit the UID. */
function names({ pod: named }: EndpointAddress, { namespace, name, uid }: GatedPodObject): boolean {
  return named?.namespace === namespace && named.name === name && (named.uid === '' || named.uid === uid);
}
