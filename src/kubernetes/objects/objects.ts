import { NAME_PREFIX } from '../../api/names.ts';
import { asArray, asObject, asString } from '../../json.ts';
import { identity, intern, metadata, port, strings } from './metadata.ts';

export type { EndpointAddress, EndpointPort, EndpointsObject } from './endpoints.ts';
export { transformEndpointSlice, transformEndpoints } from './endpoints.ts';

export interface ServicePort {
  /** '' when unnamed. */
  readonly name: string;
  readonly port: number;
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
  readonly internalIPs: readonly string[];
  readonly taintKeys: readonly string[];
}

/** From a pod's metadata alone: a PartialObjectMetadata is enough. */
export interface PodObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Only those of the operator (`NAME_PREFIX`). */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Where each kind is listed and watched: in one namespace, or in all. */
export const paths = {
  services: (namespace?: string) => namespaced('/api/v1', 'services', namespace),
  endpoints: (namespace?: string) => namespaced('/api/v1', 'endpoints', namespace),
  endpointSlices: (namespace?: string) =>
    namespaced('/apis/discovery.k8s.io/v1', 'endpointslices', namespace),
  pods: (namespace?: string) => namespaced('/api/v1', 'pods', namespace),
  nodes: () => '/api/v1/nodes',
} as const;

export function namespaced(group: string, plural: string, namespace?: string): string {
  return namespace === undefined
    ? `${group}/${plural}`
    : `${group}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

export function transformService(object: unknown): ServiceObject {
  const spec = asObject(asObject(object)['spec']);
  const policy = spec['externalTrafficPolicy'];
  return {
    ...identity(object, 'namespaced'),
    type: serviceType(spec['type']),
    ...(policy === 'Cluster' || policy === 'Local' ? { externalTrafficPolicy: policy } : {}),
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
  return [{ name, port: number, ...(nodePort === undefined ? {} : { nodePort }) }];
}

export function transformNode(object: unknown): NodeObject {
  const { key, name, uid, resourceVersion } = identity(object, 'cluster');
  const { spec, status } = asObject(object);
  const providerID = asString(asObject(spec)['providerID']);
  return {
    key,
    name,
    uid,
    resourceVersion,
    labels: strings(metadata(object)['labels']),
    ...(providerID === '' ? {} : { providerID }),
    unschedulable: asObject(spec)['unschedulable'] === true,
    ready: asArray(asObject(status)['conditions']).some(isReadyCondition),
    internalIPs: asArray(asObject(status)['addresses']).flatMap(internalIP),
    taintKeys: asArray(asObject(spec)['taints']).flatMap(taintKey),
  };
}

function isReadyCondition(value: unknown): boolean {
  const { type, status } = asObject(value);
  return type === 'Ready' && status === 'True';
}

function internalIP(value: unknown): string[] {
  const { type, address } = asObject(value);
  return type === 'InternalIP' && typeof address === 'string' && address !== '' ? [address] : [];
}

function taintKey(value: unknown): string[] {
  const key = asString(asObject(value)['key']);
  return key === '' ? [] : [intern(key)];
}

export function transformPod(object: unknown): PodObject {
  const { annotations } = metadata(object);
  return {
    ...identity(object, 'namespaced'),
    annotations: strings(annotations, (annotation) => annotation.startsWith(NAME_PREFIX)),
  };
}
