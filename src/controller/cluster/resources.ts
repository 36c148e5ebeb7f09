import { API_VERSION, PLURAL } from '../../api/names.ts';
import type { Clock } from '../../clock.ts';
import { hasStatus } from '../../kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';
import { Store, type Stored } from '../../kubernetes/informer/store.ts';
import {
  type EndpointsObject,
  type GatedPodObject,
  type NodeObject,
  namespaced,
  type PodObject,
  paths,
  type ServiceObject,
  transformEndpointSlice,
  transformEndpoints,
  transformNode,
  transformPod,
  transformService,
  transformUnsettledPod,
} from '../../kubernetes/objects/objects.ts';
import { addIndexes, type BindingObject, type ClusterCaches, transformBinding } from './cluster-caches.ts';
import { KnownNodes } from './known-nodes.ts';
import { type NamespaceObject, transformNamespace } from './namespaces.ts';

export const RESOURCES = [PLURAL, 'services', 'endpoints', 'nodes', 'namespaces', 'pods'] as const;
export type Resource = (typeof RESOURCES)[number];

export type EndpointsSource = 'auto' | 'endpointslices' | 'endpoints';

/** Where one kind of object is listed, and what is cached of it. */
export interface Listed<T extends Stored> {
  readonly resource: Resource;
  readonly path: (namespace?: string) => string;
  readonly transform: (raw: unknown) => T | undefined;
  /** `namespace`: as for the path. */
  readonly query?: (namespace?: string) => {
    readonly labelSelector?: string;
    readonly fieldSelector?: string;
  };
}

export interface ListedResources {
  readonly bindings: Listed<BindingObject>;
  readonly services: Listed<ServiceObject>;
  readonly endpoints: Listed<EndpointsObject>;
  readonly nodes: Listed<NodeObject>;
  readonly namespaces: Listed<NamespaceObject>;
  readonly pods: Listed<PodObject>;
  readonly unsettledPods: Listed<GatedPodObject>;
}

/** Exactly what the operator needs from the cluster. */
export async function listedResources(
  config: { readonly bindingSelector: string | undefined; readonly endpointsSource: EndpointsSource },
  transport: Pick<KubeTransport, 'request'>,
  signal: AbortSignal,
): Promise<ListedResources> {
  const slices = await servesSlices(config.endpointsSource, transport, signal);
  const selector = config.bindingSelector;
  return {
    bindings: {
      resource: PLURAL,
      path: (namespace) => namespaced(`/apis/${API_VERSION}`, PLURAL, namespace),
      transform: transformBinding,
      ...(selector !== undefined && { query: () => ({ labelSelector: selector }) }),
    },
    services: { resource: 'services', path: paths.services, transform: transformService },
    endpoints: slices
      ? { resource: 'endpoints', path: paths.endpointSlices, transform: transformEndpointSlice }
      : { resource: 'endpoints', path: paths.endpoints, transform: transformEndpoints },
    nodes: { resource: 'nodes', path: paths.nodes, transform: transformNode },
    namespaces: {
      resource: 'namespaces',
      path: paths.namespaces,
      // A role that is limited to one namespace by resourceNames allows only a list with this selector.
      query: (namespace) => (namespace === undefined ? {} : { fieldSelector: `metadata.name=${namespace}` }),
      transform: transformNamespace,
    },
    pods: { resource: 'pods', path: paths.pods, transform: transformPod },
    unsettledPods: { resource: 'pods', path: paths.pods, transform: transformUnsettledPod },
  };
}

/** Creates empty caches, with their indexes, for everything but pods. */
export function createCaches(
  region: string,
  clock: Pick<Clock, 'now' | 'wall'>,
  onHandlerError: (resource: Resource, error: unknown) => void,
): Omit<ClusterCaches, 'pods'> {
  const store = <T extends Stored>(resource: Resource) =>
    new Store<T>({ onHandlerError: (error) => onHandlerError(resource, error) });
  const caches = {
    bindings: store<BindingObject>(PLURAL),
    services: store<ServiceObject>('services'),
    endpoints: store<EndpointsObject>('endpoints'),
    nodes: store<NodeObject>('nodes'),
    namespaces: store<NamespaceObject>('namespaces'),
  };
  const knownNodes = new KnownNodes(caches.nodes, clock);
  addIndexes(caches, region);
  return { ...caches, knownNodes, closedNamespaces: new Set() };
}

/** `auto`: EndpointSlices if the cluster serves them. Endpoints are truncated at 1,000 addresses and deprecated since 1.33. */
async function servesSlices(
  source: EndpointsSource,
  transport: Pick<KubeTransport, 'request'>,
  signal: AbortSignal,
): Promise<boolean> {
  if (source !== 'auto') return source === 'endpointslices';
  try {
    await transport.request('GET', '/apis/discovery.k8s.io/v1', { signal });
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}
