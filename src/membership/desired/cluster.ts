import { DRAIN_LABEL } from '../../api/names.ts';
/** What membership reads of the cluster: plain data, a subset of what the caches hold. */

export interface ServiceView {
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  readonly ports: readonly ServicePortView[];
}

export interface ServicePortView {
  /** '' when the Service's only port has no name. */
  readonly name: string;
  readonly port: number;
  readonly nodePort?: number;
}

/** Endpoints or an EndpointSlice: addresses that share ports. */
export interface EndpointsView {
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
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid: string };
}

export interface NodeView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly providerID?: string;
  readonly unschedulable: boolean;
  readonly ready: boolean;
  readonly internalIPs: readonly string[];
  readonly taintKeys: readonly string[];
}

/** As long as a node has the label, whatever its value. */
export function isDrained({ labels }: Pick<NodeView, 'labels'>): boolean {
  return labels[DRAIN_LABEL] !== undefined;
}

export interface NodesView {
  get(name: string): NodeView | undefined;
  values(): Iterable<NodeView>;
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
