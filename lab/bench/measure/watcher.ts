import type { ControlPlane } from '../../control-plane/control-plane.ts';
import type { BareLoop } from './bare-loop.ts';
import { type Address, type EndpointEvent, InService } from './in-service.ts';
import { ObjectWatch, type TakeObject } from './object-watch.ts';

interface Located extends Address {
  readonly node: string | undefined;
}

interface Metadata {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

interface RawSlice {
  readonly metadata: Metadata;
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly nodeName?: string;
    readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
    readonly targetRef?: { readonly uid?: string };
  }[];
}

interface RawPod {
  readonly metadata: Metadata;
  readonly spec: { readonly nodeName?: string };
  readonly status?: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/**
 * Keeps two clocks: when an address left according to the EndpointSlices, and when according to the pods themselves (a pod
 * terminates, is no longer ready, or is gone). The slices also say which pods belong to a Service. An address on a deleted node
 * leaves on both clocks.
 */
export class Watcher {
  readonly bySlices = new InService();
  readonly byPods = new InService();
  readonly #bare: BareLoop;
  readonly #watch: ObjectWatch;
  readonly #slices = new Map<string, readonly Located[]>();
  readonly #slicesOf = new Map<string, Set<string>>();
  /** Ready pods by UID, terminating or not. */
  readonly #pods = new Map<string, Located>();
  /** The UIDs of the pods that a slice of the Service has named, until the pods are gone; `#servicesOf` is the reverse. */
  readonly #podsOf = new Map<string, Set<string>>();
  readonly #servicesOf = new Map<string, Set<string>>();
  readonly #lostNodes = new Set<string>();

  private constructor(watch: ObjectWatch, bare: BareLoop) {
    this.#watch = watch;
    this.#bare = bare;
  }

  static async start(plane: ControlPlane, bare: BareLoop): Promise<Watcher> {
    const watch = new ObjectWatch(plane);
    const watcher = new Watcher(watch, bare);
    await watch.start('/apis/discovery.k8s.io/v1/endpointslices', watcher.#takeSlice);
    await watch.start('/api/v1/pods', watcher.#takePod);
    await watch.start<{ metadata: Metadata }>('/api/v1/nodes', (type, { metadata }, at) => {
      if (type === 'DELETED') watcher.#loseNode(metadata.name, at);
    });
    return watcher;
  }

  /** The events of the earliest source: the pods if they are in this cluster, otherwise the slices. */
  get events(): readonly EndpointEvent[] {
    return [
      ...this.byPods.events,
      ...this.bySlices.events.filter(({ service }) => !this.byPods.knows(service)),
    ];
  }

  /** When the last event came, on either clock. */
  get lastAt(): number {
    return Math.max(this.bySlices.events.at(-1)?.at ?? 0, this.byPods.events.at(-1)?.at ?? 0);
  }

  clear(): void {
    this.bySlices.events.length = 0;
    this.byPods.events.length = 0;
    this.#bare.clear();
  }

  close(): void {
    this.#watch.close();
  }

  readonly #takeSlice: TakeObject<RawSlice> = (type, object, at) => {
    const { namespace, name, labels } = object.metadata;
    const service = `${namespace}/${labels?.['kubernetes.io/service-name']}`;
    const key = `${namespace}/${name}`;
    const ofService = setIn(this.#slicesOf, service);
    if (type === 'DELETED') {
      this.#slices.delete(key);
      ofService.delete(key);
    } else {
      this.#slices.set(key, addressesOf(object));
      ofService.add(key);
    }
    this.#tellSlices(service, at);
    if (type !== 'DELETED') this.#learnPods(service, object, at);
  };

  /** Learns every pod that the slice names: a pod may appear a moment later, or be outside this cluster and never appear. */
  #learnPods(service: string, { endpoints }: RawSlice, at: number): void {
    const named = setIn(this.#podsOf, service);
    const added = (endpoints ?? [])
      .flatMap(({ targetRef }) => targetRef?.uid ?? [])
      .filter((uid) => !named.has(uid));
    for (const uid of added) {
      named.add(uid);
      setIn(this.#servicesOf, uid).add(service);
    }
    if (added.some((uid) => this.#pods.has(uid))) this.#tellPods(service, at);
  }

  readonly #takePod: TakeObject<RawPod> = (type, { metadata, spec, status }, at) => {
    const { uid, deletionTimestamp } = metadata;
    const services = this.#servicesOf.get(uid) ?? [];
    if (type === 'DELETED') {
      this.#pods.delete(uid);
      this.#servicesOf.delete(uid);
      for (const service of services) this.#podsOf.get(service)?.delete(uid);
    } else {
      const isReady = status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
      const ready = deletionTimestamp === undefined;
      if (isReady) this.#pods.set(uid, { ip: status?.podIP ?? '', node: spec.nodeName, ready });
      else this.#pods.delete(uid);
    }
    for (const service of services) this.#tellPods(service, at);
  };

  #loseNode(node: string, at: number): void {
    this.#lostNodes.add(node);
    for (const service of this.#podsOf.keys()) this.#tellPods(service, at);
    for (const service of this.#slicesOf.keys()) this.#tellSlices(service, at);
  }

  #tellSlices(service: string, at: number): void {
    const addresses = [...(this.#slicesOf.get(service) ?? [])].flatMap((key) => this.#slices.get(key) ?? []);
    const left = this.bySlices.take(service, this.#onNodesThatAre(addresses), at);
    if (left > 0 && !this.byPods.knows(service)) this.#bare.post(at, left);
  }

  #tellPods(service: string, at: number): void {
    const pods = [...(this.#podsOf.get(service) ?? [])].flatMap((uid) => this.#pods.get(uid) ?? []);
    const left = this.byPods.take(service, this.#onNodesThatAre(pods), at);
    if (left > 0) this.#bare.post(at, left);
  }

  #onNodesThatAre(addresses: readonly Located[]): readonly Located[] {
    return addresses.filter(({ node }) => node === undefined || !this.#lostNodes.has(node));
  }
}

function addressesOf({ endpoints }: RawSlice): readonly Located[] {
  return (endpoints ?? []).flatMap(({ addresses, nodeName, conditions }) => {
    const ready = conditions?.ready !== false;
    if (!ready && conditions?.serving !== true) return [];
    return [{ ip: addresses[0] ?? '', node: nodeName, ready }];
  });
}

function setIn<K, V>(sets: Map<K, Set<V>>, key: K): Set<V> {
  const known = sets.get(key) ?? new Set();
  sets.set(key, known);
  return known;
}
