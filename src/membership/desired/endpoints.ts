import { type Found, findNode, findPod, isHere, type Standing, standingOf } from './alive.ts';
import type { AddressView, EndpointsView, NodesView, NodeView, PodView, ServiceView } from './cluster.ts';
import type { DesiredInput } from './member.ts';

type EndpointPort = EndpointsView['subsets'][number]['ports'][number];

/** An endpoint that is not dead (alive.ts). */
export interface LiveEndpoint {
  readonly address: AddressView;
  /** None when a named targetPort matches no port of its pod. */
  readonly ports: readonly EndpointPort[];
  /** Those of them that the Service has no more: its list is older than the Service. */
  readonly formerPorts: readonly EndpointPort[];
  readonly standing: Exclude<Standing, 'none'>;
  readonly pod: Found<PodView>;
  readonly node: Found<NodeView>;
  /** Undefined for what may be of another cluster: with it is recorded what ends with its pod or node here. */
  readonly nodeName: string | undefined;
}

/** The same by one of its ports. */
export type EndpointOfPort = LiveEndpoint & {
  readonly port: EndpointPort;
  /** Its list is older than the port's name. */
  readonly outdated?: true;
};

/** All endpoints of the Service that are not dead, of the group's one address family. */
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

/** A pod that is here knows its node, whatever the list says or leaves out. */
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

/** Those with the port of this name, or by all their ports. */
export function byPort(endpoints: Iterable<LiveEndpoint>, name?: string): readonly EndpointOfPort[] {
  return [...endpoints].flatMap((endpoint) =>
    endpoint.ports.flatMap((port) =>
      name === undefined || port.name === name ? [{ ...endpoint, port }] : [],
    ),
  );
}

/**
 * Those of the Service's port. Lists are written one after the other: when the port gets another name, some have it and some have
 * none but the old one yet. Their endpoints live, so what the group has of them stays until their list says more.
 *
 * | the endpoint's list has                             | = of the port        |
 * |-----------------------------------------------------|----------------------|
 * | the port                                            | by it                |
 * | not the port, but one that the Service has no more  | by that, as outdated, unless the address is there by the port, or nobody is |
 * | any other                                           | no                   |
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

/** Bookmarks, half a minute apart, show how new the cache is, but trigger no handler. */
const LOOK_AGAIN_MS = 1_000;

/** When to look again at those whose list is newer than the cache of pods, which has not heard of theirs; milliseconds since the epoch. */
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

/** Before 1.33 Kubernetes put no label on its Endpoints: those of a Service that selects pods are its own. */
function isByKubernetes(
  { byKubernetes, source }: EndpointsView,
  service: Pick<ServiceView, 'selects'> | undefined,
): boolean {
  return byKubernetes || (source === 'Endpoints' && service?.selects === true);
}

/**
 * A group takes addresses of one family: a pod with both would stand in it twice, or be refused once. Which one, the load balancer
 * can't be asked: its own address says nothing about its backends. The cloud's own controller writes IPv4 to every CLB, IPv6
 * instances included.
 *
 * | the binding says | the Service has | = the family                                            |
 * |------------------|-----------------|---------------------------------------------------------|
 * | one              | –               | that one                                                |
 * | nothing          | both            | IPv4; from Endpoints the first, for they hold no other  |
 * | nothing          | one             | that one                                                |
 *
 * https://github.com/kubernetes/cloud-provider-alibaba-cloud/tree/master/pkg/controller/service/reconcile/backend
 * https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services
 */
function familyFilter(
  { addressFamily, service }: DesiredInput,
  { source }: Pick<EndpointsView, 'source'>,
): (ip: string) => boolean {
  const families = service?.ipFamilies ?? [];
  const usual = source === 'EndpointSlice' && families.includes('IPv4') ? 'IPv4' : families[0];
  const family = addressFamily ?? usual;
  if (family === undefined) return () => true;
  return (ip) => ip.includes(':') === (family === 'IPv6');
}
