import { type Found, findNode, findPod, isHere, type Standing, standingOf } from './alive.ts';
import type { AddressView, EndpointsView, NodeView, PodView, ServiceView } from './cluster.ts';
import type { DesiredInput } from './member.ts';

type EndpointPort = EndpointsView['subsets'][number]['ports'][number];

/** An endpoint that is not dead (alive.ts). */
export interface LiveEndpoint {
  readonly address: AddressView;
  /** None when a named targetPort matches no port of its pod. */
  readonly ports: readonly EndpointPort[];
  readonly standing: Exclude<Standing, 'none'>;
  readonly pod: Found<PodView>;
  readonly node: Found<NodeView>;
  /** Undefined for what may be of another cluster: with it is recorded what ends with its pod or node here. */
  readonly nodeName: string | undefined;
}

/** The same by one of its ports. */
export type EndpointOfPort = LiveEndpoint & { readonly port: EndpointPort };

/** All endpoints of the Service that are not dead, of the group's one address family. */
export function* liveEndpoints(input: DesiredInput): Generator<LiveEndpoint> {
  const { service, nodes, pods } = input;
  const isWanted = familyFilter(input);
  for (const given of input.endpoints) {
    const list = { ...given, byKubernetes: isByKubernetes(given, service) };
    for (const { addresses, ports } of given.subsets) {
      for (const address of addresses) {
        if (!isWanted(address.ip)) continue;
        const pod = findPod(address, list, pods, nodes);
        const node = findNode(address, list, nodes);
        const { ready, serving } = address;
        const standing = standingOf({
          list: { byKubernetes: list.byKubernetes, ready, serving },
          pod,
          node,
          published: service?.publishNotReadyAddresses ?? false,
        });
        if (standing === 'none') continue;
        const nodeName = node === 'elsewhere' ? undefined : address.nodeName;
        const ofHere = isHere(pod) ? (pod.nodeName ?? nodeName) : nodeName;
        yield { address, ports, standing, pod, node, nodeName: ofHere };
      }
    }
  }
}

/** Those with the port of this name, or by all their ports. */
export function byPort(endpoints: Iterable<LiveEndpoint>, name?: string): readonly EndpointOfPort[] {
  return [...endpoints].flatMap((endpoint) =>
    endpoint.ports.flatMap((port) =>
      name === undefined || port.name === name ? [{ ...endpoint, port }] : [],
    ),
  );
}

/** Before 1.33 Kubernetes put no label on its Endpoints: those of a Service that selects pods are its own. */
function isByKubernetes(
  { byKubernetes, source }: EndpointsView,
  service: Pick<ServiceView, 'selects'> | undefined,
): boolean {
  return byKubernetes || (source === 'Endpoints' && service?.selects === true);
}

/**
 * A group takes addresses of one family, that of its load balancer: a pod with both would stand in it twice, or be refused once. Where
 * the binding doesn't say, it is the first family of the Service, the only one that Endpoints hold:
 * https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services
 */
function familyFilter({ addressFamily, service }: DesiredInput): (ip: string) => boolean {
  const family = addressFamily ?? service?.ipFamilies[0];
  if (family === undefined) return () => true;
  return (ip) => ip.includes(':') === (family === 'IPv6');
}
