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
}

/** A live endpoint with one of its ports. */
export type EndpointOfPort = LiveEndpoint & {
  readonly port: EndpointPort;
  /** Its list is older than the port's name. */
  readonly outdated?: true;
};

/** All live endpoints of the Service, in the group's one address family. */
export function* liveEndpoints(input: DesiredInput): Generator<LiveEndpoint> {
  const { service, nodes, pods } = input;
  for (const given of input.endpoints) {
    const isWanted = familyFilter(input, given);
    const list = { ...given, byKubernetes: isByKubernetes(given, service) };
    for (const { addresses, ports } of given.subsets) {
      const formerPorts = list.byKubernetes ? ports.filter(({ name }) => !hasPort(service, name)) : [];
      for (const address of addresses) {
        if (!isWanted(address.ip)) continue;
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
  const isAwaited = ({ pod, address }: LiveEndpoint) => pod === 'unknown' && address.pod !== undefined;
  return pods !== undefined && endpoints.some(isAwaited) ? now + LOOK_AGAIN_MS : undefined;
}

function hasPort(service: ServiceView | undefined, name: string): boolean {
  return service?.ports.some((port) => port.name === name) ?? false;
}

/** Before 1.33 Kubernetes did not label its Endpoints; those of a Service that selects pods are Kubernetes' own. */
function isByKubernetes(
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
 * | the binding says | the Service has | = the family                                          |
 * |------------------|-----------------|-------------------------------------------------------|
 * | one, and `eni`   | –               | that one                                              |
 * | any other        | both            | IPv4; for Endpoints the first, as they hold no other  |
 * | any other        | one             | that one                                              |
 *
 * https://github.com/kubernetes/cloud-provider-alibaba-cloud/tree/master/pkg/controller/service/reconcile/backend
 * https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services
 */
function familyFilter(
  { addressFamily, backendType, service }: DesiredInput,
  { source }: Pick<EndpointsView, 'source'>,
): (ip: string) => boolean {
  const families = service?.ipFamilies ?? [];
  const usual = source === 'EndpointSlice' && families.includes('IPv4') ? 'IPv4' : families[0];
  const family = (backendType === 'eni' ? addressFamily : undefined) ?? usual;
  if (family === undefined) return () => true;
  return (ip) => ip.includes(':') === (family === 'IPv6');
}
