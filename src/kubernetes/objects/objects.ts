import { NAME_PREFIX } from '../../api/names.ts';
import { identity, intern, items, port, raw, strings, text } from './raw.ts';

export type { EndpointAddress, EndpointPort, EndpointsObject } from './endpoints.ts';
export { trimEndpointSlice, trimEndpoints } from './endpoints.ts';

export interface ServicePort {
  /** '' when unnamed. */
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly nodePort?: number;
  readonly targetPort?: number | string;
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
  readonly deleting: boolean;
}

/** From a pod's metadata alone: a PartialObjectMetadata is enough. */
export interface PodObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly deleting: boolean;
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

export function trimService(object: unknown): ServiceObject {
  const { key, namespace, name, uid, resourceVersion } = identity(object, 'namespaced');
  const spec = raw(raw(object)['spec']);
  const policy = spec['externalTrafficPolicy'];
  return {
    key,
    namespace,
    name,
    uid,
    resourceVersion,
    type: serviceType(spec['type']),
    ...(policy === 'Cluster' || policy === 'Local' ? { externalTrafficPolicy: policy } : {}),
    publishNotReadyAddresses: spec['publishNotReadyAddresses'] === true,
    ports: items(spec['ports']).flatMap(servicePort),
  };
}

function serviceType(type: unknown): ServiceObject['type'] {
  return type === 'NodePort' || type === 'LoadBalancer' || type === 'ExternalName' ? type : 'ClusterIP';
}

function servicePort(value: unknown): ServicePort[] {
  const entry = raw(value);
  const number = port(entry['port']);
  if (number === undefined) return [];
  const nodePort = port(entry['nodePort']);
  const named = text(entry['targetPort']);
  const targetPort = port(entry['targetPort']) ?? (named === '' ? undefined : intern(named));
  return [
    {
      name: intern(text(entry['name'])),
      port: number,
      protocol: intern(text(entry['protocol']) || 'TCP'),
      ...(nodePort === undefined ? {} : { nodePort }),
      ...(targetPort === undefined ? {} : { targetPort }),
    },
  ];
}

export function trimNode(object: unknown): NodeObject {
  const { key, name, uid, resourceVersion } = identity(object, 'cluster');
  const { metadata, spec, status } = raw(object);
  const providerID = text(raw(spec)['providerID']);
  return {
    key,
    name,
    uid,
    resourceVersion,
    labels: strings(raw(metadata)['labels']),
    ...(providerID === '' ? {} : { providerID }),
    unschedulable: raw(spec)['unschedulable'] === true,
    ready: items(raw(status)['conditions']).some(isReadyCondition),
    internalIPs: items(raw(status)['addresses']).flatMap(internalIP),
    taintKeys: items(raw(spec)['taints']).flatMap(taintKey),
    deleting: isDeleting(metadata),
  };
}

function isReadyCondition(value: unknown): boolean {
  const { type, status } = raw(value);
  return type === 'Ready' && status === 'True';
}

function internalIP(value: unknown): string[] {
  const { type, address } = raw(value);
  return type === 'InternalIP' && typeof address === 'string' && address !== '' ? [address] : [];
}

function taintKey(value: unknown): string[] {
  const key = text(raw(value)['key']);
  return key === '' ? [] : [intern(key)];
}

export function trimPod(object: unknown): PodObject {
  const { key, namespace, name, uid, resourceVersion } = identity(object, 'namespaced');
  const metadata = raw(raw(object)['metadata']);
  const annotations = strings(metadata['annotations'], (annotation) => annotation.startsWith(NAME_PREFIX));
  return { key, namespace, name, uid, resourceVersion, deleting: isDeleting(metadata), annotations };
}

function isDeleting(metadata: unknown): boolean {
  return text(raw(metadata)['deletionTimestamp']) !== '';
}
