import { isIP } from 'node:net';
import { asArray, asObject, asString, type JsonObject } from '../../json.ts';
import { identity, intern, metadata, port } from './metadata.ts';

export interface EndpointAddress {
  readonly ip: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly nodeName?: string;
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid: string };
}

export interface EndpointPort {
  /** '' when unnamed. */
  readonly name: string;
  readonly port: number;
}

export interface EndpointSubset {
  readonly addresses: readonly EndpointAddress[];
  readonly ports: readonly EndpointPort[];
}

/** An Endpoints object, or one EndpointSlice (with one subset; a Service has any number of slices). */
export interface EndpointsObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly serviceName: string;
  readonly subsets: readonly EndpointSubset[];
  /** Kubernetes has left out addresses (only in Endpoints, beyond 1,000). */
  readonly overCapacity: boolean;
  readonly source: 'Endpoints' | 'EndpointSlice';
  /** Its label says that Kubernetes' own controller manages it. */
  readonly byKubernetes: boolean;
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#management */
const SLICE_MANAGER_LABEL = 'endpointslice.kubernetes.io/managed-by';
/** Since 1.33. */
const ENDPOINTS_MANAGER_LABEL = 'endpoints.kubernetes.io/managed-by';
const OVER_CAPACITY_ANNOTATION = 'endpoints.kubernetes.io/over-capacity';

/** Returns undefined for a slice without a Service, or with host names instead of addresses. */
export function transformEndpointSlice(object: unknown): EndpointsObject | undefined {
  const { key, namespace, name, resourceVersion } = identity(object, 'namespaced');
  const { addressType, endpoints, ports } = asObject(object);
  const labels = asObject(metadata(object)['labels']);
  const serviceName = intern(asString(labels[SERVICE_NAME_LABEL]));
  if (serviceName === '' || addressType === 'FQDN') return undefined;
  return {
    key,
    namespace,
    name,
    resourceVersion,
    serviceName,
    subsets: [
      {
        addresses: asArray(endpoints).flatMap(sliceAddressIn(namespace)),
        ports: asArray(ports).flatMap(endpointPort),
      },
    ],
    overCapacity: false,
    source: 'EndpointSlice',
    byKubernetes: labels[SLICE_MANAGER_LABEL] === 'endpointslice-controller.k8s.io',
  };
}

export function transformEndpoints(object: unknown): EndpointsObject {
  const { key, namespace, name, resourceVersion } = identity(object, 'namespaced');
  const { subsets } = asObject(object);
  const { annotations, labels } = metadata(object);
  return {
    key,
    namespace,
    name,
    resourceVersion,
    serviceName: name,
    subsets: asArray(subsets).map(subsetIn(namespace)),
    overCapacity: asString(asObject(annotations)[OVER_CAPACITY_ANNOTATION]) !== '',
    source: 'Endpoints',
    byKubernetes: asObject(labels)[ENDPOINTS_MANAGER_LABEL] === 'endpoint-controller',
  };
}

/** All addresses of an endpoint belong to the same pod and are interchangeable; like kube-proxy, we use the first. */
const sliceAddressIn =
  (namespace: string) =>
  (value: unknown): EndpointAddress[] => {
    const endpoint = asObject(value);
    const conditions = asObject(endpoint['conditions']);
    // Defaults that the API defines for unset conditions: ready → true, serving → same as ready, terminating → false.
    const ready = conditions['ready'] !== false;
    const { serving, terminating } = conditions;
    return address(asArray(endpoint['addresses'])[0], endpoint, namespace, {
      ready,
      serving: typeof serving === 'boolean' ? serving : ready,
      terminating: terminating === true,
    });
  };

const subsetIn =
  (namespace: string) =>
  (value: unknown): EndpointSubset => {
    const { addresses, notReadyAddresses, ports } = asObject(value);
    const as = (ready: boolean) => (entry: unknown) =>
      address(asObject(entry)['ip'], asObject(entry), namespace, {
        ready,
        serving: ready,
        terminating: false,
      });
    return {
      addresses: [...asArray(addresses).flatMap(as(true)), ...asArray(notReadyAddresses).flatMap(as(false))],
      ports: asArray(ports).flatMap(endpointPort),
    };
  };

type Conditions = Pick<EndpointAddress, 'ready' | 'serving' | 'terminating'>;

function address(
  ip: unknown,
  of: JsonObject,
  list: string,
  { ready, serving, terminating }: Conditions,
): EndpointAddress[] {
  // Node.js accepts `fe80::1%eth0`, but such an address is meaningless on other machines.
  if (typeof ip !== 'string' || isIP(ip) === 0 || ip.includes('%')) return [];
  const nodeName = asString(of['nodeName']);
  const pod = podOf(of['targetRef'], list);
  return [
    {
      ip,
      ready,
      serving,
      terminating,
      ...(nodeName === '' ? {} : { nodeName: intern(nodeName) }),
      ...(pod === undefined ? {} : { pod }),
    },
  ];
}

/** Without a namespace in `targetRef`, the pod is in the namespace of the list. */
function podOf(targetRef: unknown, list: string): EndpointAddress['pod'] {
  const { kind, namespace, name, uid } = asObject(targetRef);
  if (kind !== 'Pod' || asString(name) === '') return undefined;
  return { namespace: intern(asString(namespace) || list), name: asString(name), uid: asString(uid) };
}

/** In a slice, a null port means "all ports", which cannot be a backend. */
function endpointPort(value: unknown): EndpointPort[] {
  const entry = asObject(value);
  const number = port(entry['port']);
  if (number === undefined) return [];
  return [{ name: intern(asString(entry['name'])), port: number }];
}
