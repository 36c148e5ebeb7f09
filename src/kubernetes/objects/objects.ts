import { asArray, asObject, asString } from '../../json.ts';
import { identity, intern, metadata, port, strings } from './metadata.ts';

export type { EndpointAddress, EndpointPort, EndpointsObject } from './endpoints.ts';
export { transformEndpointSlice, transformEndpoints } from './endpoints.ts';
export type { GatedPodObject } from './gated-pods.ts';
export { isSettled, transformGatedPod, transformUnsettledPod } from './gated-pods.ts';
export type { PodObject } from './pods.ts';
export { isSamePod, transformPod } from './pods.ts';

export interface ServicePort {
  /** '' when unnamed. */
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly nodePort?: number;
}

export interface ServiceObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  readonly publishNotReadyAddresses: boolean;
  /** It has a selector. */
  readonly selects: boolean;
  /** Empty if it has none. */
  readonly selector: Readonly<Record<string, string>>;
  /** In the Service's order; empty if it has none. */
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[];
  readonly ports: readonly ServicePort[];
}

export interface NodeObject {
  readonly key: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly providerID?: string;
  readonly unschedulable: boolean;
  readonly ready: boolean;
  /** When `ready` last changed, by its status (`lastTransitionTime`), in milliseconds since the Unix epoch; 0 if unknown. */
  readonly readyTransitionTime: number;
  /** Its kubelet reports that the node is shutting down. */
  readonly shuttingDown: boolean;
  /** Its condition InstanceExpired: the instance is about to be released. */
  readonly expiring: boolean;
  readonly internalIPs: readonly string[];
  readonly taintKeys: readonly string[];
}

/** Collection paths of each kind, in one namespace or in all. */
export const paths = {
  services: (namespace?: string) => namespaced('/api/v1', 'services', namespace),
  endpoints: (namespace?: string) => namespaced('/api/v1', 'endpoints', namespace),
  endpointSlices: (namespace?: string) =>
    namespaced('/apis/discovery.k8s.io/v1', 'endpointslices', namespace),
  pods: (namespace?: string) => namespaced('/api/v1', 'pods', namespace),
  nodes: () => '/api/v1/nodes',
  namespaces: () => '/api/v1/namespaces',
} as const;

export function namespaced(group: string, plural: string, namespace?: string): string {
  return namespace === undefined
    ? `${group}/${plural}`
    : `${group}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

export function transformService(object: unknown): ServiceObject {
  const spec = asObject(asObject(object)['spec']);
  const policy = spec['externalTrafficPolicy'];
  const selector = strings(spec['selector']);
  return {
    ...identity(object, 'namespaced'),
    type: serviceType(spec['type']),
    ...(policy === 'Cluster' || policy === 'Local' ? { externalTrafficPolicy: policy } : {}),
    publishNotReadyAddresses: spec['publishNotReadyAddresses'] === true,
    selects: Object.keys(selector).length > 0,
    selector,
    ipFamilies: asArray(spec['ipFamilies']).filter((family) => family === 'IPv4' || family === 'IPv6'),
    ports: asArray(spec['ports']).flatMap(servicePort),
  };
}

function serviceType(type: unknown): ServiceObject['type'] {
  return type === 'NodePort' || type === 'LoadBalancer' || type === 'ExternalName' ? type : 'ClusterIP';
}

function servicePort(value: unknown): ServicePort[] {
  const entry = asObject(value);
  const number = port(entry['port']);
  if (number === undefined) return [];
  const nodePort = port(entry['nodePort']);
  const name = intern(asString(entry['name']));
  const protocol = intern(asString(entry['protocol']) || 'TCP');
  return [{ name, port: number, protocol, ...(nodePort === undefined ? {} : { nodePort }) }];
}

/**
 * Part of the message of the condition Ready, next to other reasons why the node is not ready.
 * https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#graceful-node-shutdown
 */
const SHUTTING_DOWN = 'node is shutting down';
/**
 * Condition that ack-node-problem-detector sets on the node of a spot instance that is about to be released.
 * https://www.alibabacloud.com/help/en/container-service-for-kubernetes/latest/check-whether-a-preemptible-instance-is-about-to-expire
 */
const EXPIRED = 'InstanceExpired';

export function transformNode(object: unknown): NodeObject {
  const { key, name, uid, resourceVersion } = identity(object, 'cluster');
  const { spec, status } = asObject(object);
  const providerID = asString(asObject(spec)['providerID']);
  const conditions = asArray(asObject(status)['conditions']).map(asObject);
  const ready = asObject(conditions.find(({ type }) => type === 'Ready'));
  return {
    key,
    name,
    uid,
    resourceVersion,
    labels: strings(metadata(object)['labels']),
    ...(providerID === '' ? {} : { providerID }),
    unschedulable: asObject(spec)['unschedulable'] === true,
    ready: ready['status'] === 'True',
    readyTransitionTime: Date.parse(asString(ready['lastTransitionTime'])) || 0,
    shuttingDown: ready['status'] === 'False' && asString(ready['message']).includes(SHUTTING_DOWN),
    expiring: conditions.some(({ type, status }) => type === EXPIRED && status === 'True'),
    internalIPs: asArray(asObject(status)['addresses']).flatMap(internalIP),
    taintKeys: asArray(asObject(spec)['taints']).flatMap(taintKey),
  };
}

function internalIP(value: unknown): string[] {
  const { type, address } = asObject(value);
  return type === 'InternalIP' && typeof address === 'string' && address !== '' ? [address] : [];
}

function taintKey(value: unknown): string[] {
  const key = asString(asObject(value)['key']);
  return key === '' ? [] : [intern(key)];
}
