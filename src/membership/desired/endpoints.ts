import { type Found, findNode, findPod, isHere, type Standing, standingOf } from './alive.ts';
import type { AddressView, EndpointsView, NodesView, NodeView, PodView, ServiceView } from './cluster.ts';
import type { DesiredInput } from './member.ts';

type EndpointPort = EndpointsView['subsets'][number]['ports'][number];

/** An endpoint that is alive (alive.ts). */
export interface LiveEndpoint {
  readonly address: AddressView;
  /** Empty if a named targetPort matches no port of its pod. */
  readonly ports: readonly EndpointPort[];
  /** Those of `ports` that the Service no longer has: the endpoint's list is older than the Service. */
  readonly formerPorts: readonly EndpointPort[];
  readonly standing: Exclude<Standing, 'none'>;
  readonly pod: Found<PodView>;
  readonly node: Found<NodeView>;
  /** Undefined if the endpoint may be of another cluster. A row recorded with a node is gone once its pod or node is. */
  readonly nodeName: string | undefined;
  /** The lists are older than the Service's families or the port's name: it stays in the group, but is not added. */
  readonly outdated?: true;
}

/** A live endpoint with one of its ports. */
export type EndpointOfPort = LiveEndpoint & { readonly port: EndpointPort };

/** All live endpoints of the Service, in any address family. */
export function* liveEndpoints(input: DesiredInput): Generator<LiveEndpoint> {
  const { service, nodes, pods } = input;
  for (const given of input.endpoints) {
    const list = { ...given, byKubernetes: isByKubernetes(given, service) };
    for (const { addresses, ports } of given.subsets) {
      const formerPorts = list.byKubernetes ? ports.filter(({ name }) => !hasPort(service, name)) : [];
      for (const address of addresses) {
        const pod = findPod(address, list, pods, nodes);
        const node = isHere(pod) ? nodeOf(pod, address, list, nodes) : findNode(address, list, nodes);
        const { ready, serving } = address;
        const standing = standingOf({
          list: { byKubernetes: list.byKubernetes, ready, serving },
          pod,
          node,
          published: service?.publishNotReadyAddresses ?? false,
          opensGates: input.opensGates,
        });
        if (standing === 'none') continue;
        const nodeName = node === 'elsewhere' ? undefined : address.nodeName;
        const ofHere = isHere(pod) ? (pod.nodeName ?? nodeName) : nodeName;
        yield { address, ports, formerPorts, standing, pod, node, nodeName: ofHere };
      }
    }
  }
}

/** A known pod names its own node, whatever the list says or omits. */
function nodeOf(
  { nodeName }: PodView,
  address: AddressView,
  list: Pick<EndpointsView, 'byKubernetes'>,
  nodes: NodesView,
): Found<NodeView> {
  return nodeName === undefined
    ? findNode(address, list, nodes)
    : findNode({ nodeName }, { byKubernetes: true }, nodes);
}

/** The endpoints with each of their ports, or only with the port of this name. */
export function byPort(endpoints: Iterable<LiveEndpoint>, name?: string): readonly EndpointOfPort[] {
  return [...endpoints].flatMap((endpoint) =>
    endpoint.ports.flatMap((port) =>
      name === undefined || port.name === name ? [{ ...endpoint, port }] : [],
    ),
  );
}

/**
 * Selects the endpoints of the Service's port. Lists are updated one after the other: when the port is renamed, some have the new
 * name while others only have the old one. The endpoints of the latter are alive, so their rows stay until their list is updated.
 *
 * | the endpoint's list has                              | = of the port                                                      |
 * |------------------------------------------------------|--------------------------------------------------------------------|
 * | the port                                             | yes                                                                |
 * | not the port, but one that the Service no longer has | by that, as outdated, if others have the port, but not its address |
 * | any other                                            | no                                                                 |
 */
export function ofServicePort(endpoints: readonly LiveEndpoint[], name: string): readonly EndpointOfPort[] {
  const current = byPort(endpoints, name);
  const outdated = endpoints.filter(
    ({ ports, formerPorts }) => formerPorts.length > 0 && !ports.some((port) => port.name === name),
  );
  if (current.length === 0 || outdated.length === 0) return current;
  const there = new Set(current.map(({ address }) => address.ip));
  const left = outdated.filter(({ address }) => !there.has(address.ip));
  return [
    ...current,
    ...left.flatMap((endpoint) =>
      endpoint.formerPorts.map((port) => ({ ...endpoint, port, outdated: true as const })),
    ),
  ];
}

/** Bookmarks arrive every half minute and show how new the cache is, but trigger no handler. */
const LOOK_AGAIN_MS = 1_000;

/** When to check again for pods that are not in the cache yet because a list is newer; `Clock.now()` milliseconds. */
export function untilPodsAreKnown(
  endpoints: readonly LiveEndpoint[],
  { pods, now }: Pick<DesiredInput, 'pods' | 'now'>,
): number | undefined {
  return pods !== undefined && endpoints.some(isAwaited) ? now + LOOK_AGAIN_MS : undefined;
}

/** Its pod is not in the cache yet. */
function isAwaited({ pod, address }: LiveEndpoint): boolean {
  return pod === 'unknown' && address.pod !== undefined;
}

function hasPort(service: ServiceView | undefined, name: string): boolean {
  return service?.ports.some((port) => port.name === name) ?? false;
}

/** Before 1.33 Kubernetes did not label its Endpoints; those of a Service that selects pods are Kubernetes' own. */
export function isByKubernetes(
  { byKubernetes, source }: EndpointsView,
  service: Pick<ServiceView, 'selects'> | undefined,
): boolean {
  return byKubernetes || (source === 'Endpoints' && service?.selects === true);
}

/**
 * A group holds addresses of one family; otherwise a pod with both would be in it twice, or be refused once. The load balancer does
 * not tell which family: its own address says nothing about its backends. The cloud's own controller writes IPv4 addresses to every
 * CLB, including IPv6 instances.
 *
 * | the binding says | the Service has | its endpoints                     | = the family |
 * |------------------|-----------------|-----------------------------------|--------------|
 * | one, and `eni`   | –               | –                                 | that one     |
 * | any other        | one             | –                                 | that one     |
 * | any other        | both            | have IPv4 addresses, or soon will | IPv4         |
 * | any other        | both            | any other                         | IPv6         |
 *
 * The slices of each family are written one after the other. While none has a pod's address of the family yet, the other address of
 * the pod is outdated.
 *
 * https://github.com/kubernetes/cloud-provider-alibaba-cloud/tree/master/pkg/controller/service/reconcile/backend
 * https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services
 */
export function ofOneFamily<T extends LiveEndpoint>(
  all: readonly T[],
  { addressFamily, backendType, service, endpoints }: DesiredInput,
): readonly T[] {
  const families = service?.ipFamilies ?? [];
  const said = backendType === 'eni' ? addressFamily : undefined;
  const family = said ?? (families.includes('IPv4') ? 'IPv4' : families[0]);
  const isWanted = (ip: string) => ip.includes(':') === (family === 'IPv6');
  if (family === undefined || all.every(({ address }) => isWanted(address.ip))) return all;
  const { wanted = [], others = [] } = Object.groupBy(all, ({ address }) =>
    isWanted(address.ip) ? 'wanted' : 'others',
  );
  const listed = new Set(wanted.map(({ address }) => address.pod?.name));
  const isLate = (endpoint: T) =>
    !listed.has(endpoint.address.pod?.name) &&
    (isHere(endpoint.pod) ? endpoint.pod.ips.some(isWanted) : isAwaited(endpoint));
  // Endpoints only ever have one family, and lists written by hand only what their author gives them.
  const areFollowed = service?.selects && endpoints.every(({ source }) => source === 'EndpointSlice');
  const late = areFollowed && families.includes(family) ? others.filter(isLate) : [];
  const found = [...wanted, ...late.map((endpoint) => ({ ...endpoint, outdated: true as const }))];
  const isOnly = said !== undefined || families.length === 1;
  return found.length > 0 || isOnly ? found : others;
}
