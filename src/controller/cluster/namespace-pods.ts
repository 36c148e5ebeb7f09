import { WEIGHT_ANNOTATION } from '../../api/names.ts';
import type { Store } from '../../kubernetes/informer/store.ts';
import { isOlder } from '../../kubernetes/objects/metadata.ts';
import type { PodObject } from '../../kubernetes/objects/objects.ts';
import type { PodRef, PodsView } from '../../membership/desired/cluster.ts';
import { Departed } from './departed.ts';

/** All pods of one namespace, and what is remembered about pods that no longer exist. */
export class NamespacePods implements PodsView {
  readonly #store: Store<PodObject>;
  readonly #seenUpTo: () => string;
  readonly #departed = new Departed();
  /** Former addresses, by pod name: the next pod of a StatefulSet gets the same name, but another address. */
  readonly #addresses = new Departed();

  /** `seenUpTo`: the version of the cluster's store up to which the pods are known. */
  constructor(store: Store<PodObject>, seenUpTo: () => string) {
    this.#store = store.index('uid', ({ uid }) => [uid]);
    this.#seenUpTo = seenUpTo;
    store.onChange(({ old, new: now }) => {
      if (old === undefined) return;
      for (const ip of old.ips) if (!now?.ips.includes(ip)) this.#addresses.add(placeOf(old, ip));
      if (old.uid === now?.uid) return;
      this.#departed.add(old.uid);
      if (now === undefined) this.#departed.add(old.key);
    });
  }

  /** Changes whenever the pods do. */
  get version(): number {
    return this.#store.version;
  }

  get({ namespace, name, uid }: PodRef): PodObject | undefined {
    const pod = this.#store.get(`${namespace}/${name}`);
    return uid === '' || pod?.uid === uid ? pod : undefined;
  }

  had(pod: PodRef): boolean {
    return this.#departed.has(nameOf(pod));
  }

  hadAt(pod: Pick<PodRef, 'namespace' | 'name'>, ip: string): boolean {
    const here = this.#store.get(`${pod.namespace}/${pod.name}`);
    return !here?.ips.includes(ip) && this.#addresses.has(placeOf(pod, ip));
  }

  isAsNewAs(resourceVersion: string): boolean {
    return !isOlder(this.#seenUpTo(), resourceVersion);
  }

  /** The pod exists and has not ended. */
  lives(uid: string): boolean {
    return this.#store.byIndex('uid', uid).some(({ ended }) => !ended);
  }

  /** The pod can answer requests, also while it is not Ready because of a load balancer's gate. */
  isReady(uid: string): boolean {
    return this.#store
      .byIndex('uid', uid)
      .some(({ ready, registrable, ended }) => (ready || registrable === true) && !ended);
  }

  /** A pod other than `otherThan` (a UID) that has not ended has the address. */
  hasAt(address: string, otherThan: string | undefined): boolean {
    return this.#store
      .list()
      .some(({ uid, ips, ended }) => uid !== otherThan && !ended && ips.includes(address));
  }

  weightOf(uid: string): string | undefined {
    return this.#store.byIndex('uid', uid)[0]?.annotations[WEIGHT_ANNOTATION];
  }

  /** A binding's status names a pod from before this process started, and its address: if the pod is not here, it is gone. */
  remember(pod: PodRef, ip: string | undefined): void {
    if (this.get(pod) === undefined) {
      this.#departed.add(pod.uid);
      if (ip !== undefined) this.#addresses.add(placeOf(pod, ip));
    }
    const unnamed = { ...pod, uid: '' };
    if (this.get(unnamed) === undefined) this.#departed.add(nameOf(unnamed));
  }
}

function placeOf({ namespace, name }: Pick<PodRef, 'namespace' | 'name'>, ip: string): string {
  return `${namespace}/${name} ${ip}`;
}

/** The name to remember a pod by. An endpoint list made by hand may name a pod without its UID. */
function nameOf({ namespace, name, uid }: PodRef): string {
  return uid === '' ? `${namespace}/${name}` : uid;
}
