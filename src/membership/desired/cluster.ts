// The cluster as membership sees it: plain data, a subset of what the caches hold.
import { DRAIN_LABEL } from '../../api/names.ts';

export interface ServiceView {
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  readonly publishNotReadyAddresses: boolean;
  /** It has a selector. */
  readonly selects: boolean;
  /** In the Service's order; empty if it has none. */
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[];
  readonly ports: readonly ServicePortView[];
}

export interface ServicePortView {
  /** '' if the Service's only port has no name. */
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly nodePort?: number;
}

/** Endpoints or an EndpointSlice: addresses that share ports. */
export interface EndpointsView {
  readonly namespace: string;
  readonly resourceVersion: string;
  readonly source: 'Endpoints' | 'EndpointSlice';
  /** Its label says that Kubernetes' own controllers write it, for the pods that the Service selects. */
  readonly byKubernetes: boolean;
  readonly subsets: readonly {
    readonly addresses: readonly AddressView[];
    readonly ports: readonly { readonly name: string; readonly port: number }[];
  }[];
}

export interface AddressView {
  readonly ip: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly nodeName?: string;
  readonly pod?: PodRef;
}

/** A pod's own spec and status. */
export interface PodView {
  readonly uid: string;
  /** It has a deletionTimestamp. */
  readonly terminating: boolean;
  /** Its phase is Succeeded or Failed. */
  readonly ended: boolean;
  /** Its condition Ready. */
  readonly ready: boolean;
  /** Its containers are ready and its readiness gates are open, whether or not it is Ready. */
  readonly able: boolean;
  /** It is ready except for the readiness gates of load balancers. Only set for pods with our gate. */
  readonly registrable?: boolean;
  readonly ips: readonly string[];
  readonly nodeName?: string;
}

/** An endpoint's reference to a pod; a list written by hand may omit the UID (''). */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** All pods of a namespace. */
export interface PodsView {
  get(pod: PodRef): PodView | undefined;
  /** The pod existed and is gone. */
  had(pod: PodRef): boolean;
  /** A pod of this name had the address, and the current one, if any, does not have it. */
  hadAt(pod: Pick<PodRef, 'namespace' | 'name'>, ip: string): boolean;
  /** All changes up to this version of the cluster's store have been seen. */
  isAsNewAs(resourceVersion: string): boolean;
}

export interface NodeView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly providerID?: string;
  readonly unschedulable: boolean;
  readonly ready: boolean;
  /** When `ready` last changed, in `Clock.now()` milliseconds; before any other time if unknown. */
  readonly readyChangedAt: number;
  /** Its kubelet has reported that the node is shutting down, and it has not been Ready since. */
  readonly shuttingDown: boolean;
  /** Its condition InstanceExpired: the instance is about to be released. */
  readonly expiring: boolean;
  readonly internalIPs: readonly string[];
  readonly taintKeys: readonly string[];
}

/** A node is drained while it has the label, whatever the label's value. */
export function isDrained({ labels }: Pick<NodeView, 'labels'>): boolean {
  return labels[DRAIN_LABEL] !== undefined;
}

/** A virtual node stands for elastic container instances: each of its pods is a machine of its own. */
export function isVirtual({ labels }: Pick<NodeView, 'labels'>): boolean {
  return labels['type'] === 'virtual-kubelet';
}

/** A hybrid node is a machine outside the cloud that has joined the cluster. */
export function isHybrid({ providerID }: Pick<NodeView, 'providerID'>): boolean {
  return providerID?.startsWith('ack-hybrid://') ?? false;
}

export interface NodesView {
  get(name: string): NodeView | undefined;
  values(): Iterable<NodeView>;
  /** The node existed and is gone. */
  had(name: string): boolean;
}

/**
 * The ECS instance of a node, from `spec.providerID`: `<region>.<instanceId>`, optionally with the prefix `alicloud://`.
 * Undefined if there is none, or if it names no instance: such a node cannot be a backend.
 * https://github.com/kubernetes/cloud-provider-alibaba-cloud/blob/master/docs/getting-started.md
 */
export function instanceIdOf(node: Pick<NodeView, 'providerID'>): string | undefined {
  const id = node.providerID?.replace(/^alicloud:\/\//, '');
  return id?.match(/^[a-z0-9-]+\.(i-[A-Za-z0-9-]+)$/)?.[1];
}
