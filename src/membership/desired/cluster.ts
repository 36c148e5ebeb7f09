// What membership reads of the cluster: plain data, a subset of what the caches hold.
import { DRAIN_LABEL } from '../../api/names.ts';

export interface ServiceView {
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  readonly publishNotReadyAddresses: boolean;
  /** It has a selector. */
  readonly selects: boolean;
  /** In its own order; empty when it has none. */
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[];
  readonly ports: readonly ServicePortView[];
}

export interface ServicePortView {
  /** '' when the Service's only port has no name. */
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
  /** Its label says that Kubernetes' own controllers write it, from the pods that the Service selects. */
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

/** What a pod says of itself. */
export interface PodView {
  readonly uid: string;
  /** It has a deletionTimestamp. */
  readonly terminating: boolean;
  /** Its phase is Succeeded or Failed. */
  readonly ended: boolean;
  /** Its condition Ready. */
  readonly ready: boolean;
  /** Its containers are ready and its readiness gates are open: what is ready of it, be it Ready or not. */
  readonly able: boolean;
  /** It is ready but for the readiness gates of load balancers. Only with ours. */
  readonly registrable?: boolean;
  readonly ips: readonly string[];
  readonly nodeName?: string;
}

/** How an endpoint names a pod; a list that is made by hand may leave the UID out (''). */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** All pods of a namespace. */
export interface PodsView {
  get(pod: PodRef): PodView | undefined;
  /** It was here and is no more. */
  had(pod: PodRef): boolean;
  /** A pod of that name had the address, and none has it now. */
  hadAt(pod: Pick<PodRef, 'namespace' | 'name'>, ip: string): boolean;
  /** What happened up to that version of the cluster's store has been seen. */
  isAsNewAs(resourceVersion: string): boolean;
}

export interface NodeView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly providerID?: string;
  readonly unschedulable: boolean;
  readonly ready: boolean;
  /** When `ready` last changed, by the API server's clock; milliseconds since the Unix epoch. 0: unknown. */
  readonly readyChangedAt: number;
  /** Its kubelet has said that it shuts down, and it was not Ready since. */
  readonly shuttingDown: boolean;
  /** Its condition InstanceExpired: the instance is about to be released. */
  readonly expiring: boolean;
  readonly internalIPs: readonly string[];
  readonly taintKeys: readonly string[];
}

/** As long as a node has the label, whatever its value. */
export function isDrained({ labels }: Pick<NodeView, 'labels'>): boolean {
  return labels[DRAIN_LABEL] !== undefined;
}

/** What a node is that stands for elastic container instances: its pods are machines of their own. */
export function isVirtual({ labels }: Pick<NodeView, 'labels'>): boolean {
  return labels['type'] === 'virtual-kubelet';
}

/** A machine of somebody's own, joined to the cluster from outside the cloud. */
export function isHybrid({ providerID }: Pick<NodeView, 'providerID'>): boolean {
  return providerID?.startsWith('ack-hybrid://') ?? false;
}

export interface NodesView {
  get(name: string): NodeView | undefined;
  values(): Iterable<NodeView>;
  /** It was here and is no more. */
  had(name: string): boolean;
}

/**
 * The ECS instance of a node, from `spec.providerID`: `<region>.<instanceId>`, optionally behind `alicloud://`.
 * Undefined when the node has none or it names no instance: such a node can't be a backend.
 * https://github.com/kubernetes/cloud-provider-alibaba-cloud/blob/master/docs/getting-started.md
 */
export function instanceIdOf(node: Pick<NodeView, 'providerID'>): string | undefined {
  const id = node.providerID?.replace(/^alicloud:\/\//, '');
  return id?.match(/^[a-z0-9-]+\.(i-[A-Za-z0-9-]+)$/)?.[1];
}
