import { WEIGHT_ANNOTATION } from '../../api/names.ts';
import { ecsSlot, eniSlot, type Slot } from '../backend.ts';
import { departureOf, isHere } from './alive.ts';
import {
  type AddressView,
  instanceIdOf,
  isDrained,
  isHybrid,
  type NodeView,
  type PodRef,
  type ServicePortView,
} from './cluster.ts';
import {
  byPort,
  type EndpointOfPort,
  type LiveEndpoint,
  liveEndpoints,
  ofOneFamily,
  ofServicePort,
  untilPodsAreKnown,
} from './endpoints.ts';
import {
  type Desired,
  type DesiredInput,
  earliest,
  type GivenState,
  type GivenStates,
  type Member,
  nodeWithoutInstance,
  type Problem,
  wantMembers,
} from './member.ts';
import { isLost, nextEnd, othersOf, stayingUnreachable } from './unreachable.ts';

/**
 * `eni`: the endpoints of the Service's port that are alive (alive.ts).
 *
 * | endpoint                                       | = member                                           |
 * |------------------------------------------------|----------------------------------------------------|
 * | member                                         | yes                                                |
 * | unreachable                                    | as a last resort, if it stays (unreachable.ts)     |
 * | last resort                                    | as a last resort, if there is none of the above    |
 * | … in a list that is older than the Service     | as a last resort (endpoints.ts)                    |
 * | … on a drained node                            | drained                                            |
 * | … on a node that is about to go (alive.ts)     | departing                                          |
 * | … with its node's own address (hostNetwork)    | the node's instance, as ecs; none on a hybrid node |
 *
 * The same address in two slices is one member (slices may overlap while endpoints move between them:
 * https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#duplicate-endpoints).
 */
export function endpointMembers(input: DesiredInput, servicePort: ServicePortView): Desired {
  const endpoints = ofOneFamily([...liveEndpoints(input)], input);
  const ofPort = ofServicePort(endpoints, servicePort.name);
  if (lacksTargetPort(endpoints, ofPort))
    return noSuchTargetPort(input, servicePort, endpoints, givenByEndpoints(input));
  const members: Member[] = [];
  const problems = new Map<string, Problem>();
  for (const endpoint of servingEndpoints(ofPort, input))
    members.push(...memberOf(input, endpoint, problems));
  return { ...wantMembers(members, [...problems.values()]), until: nextChange(ofPort, input) };
}

/** Selects the endpoints of one port that belong in the group. */
export function servingEndpoints(
  endpoints: readonly EndpointOfPort[],
  input: DesiredInput,
): readonly EndpointOfPort[] {
  const ready = endpoints.filter(({ standing }) => standing === 'member');
  const unreachable = endpoints.flatMap((endpoint) =>
    endpoint.standing === 'unreachable' && isHere(endpoint.node)
      ? [{ of: endpoint, node: endpoint.node }]
      : [],
  );
  const others = () =>
    othersOf(
      ready.map((endpoint) => ({
        node: isHere(endpoint.node) ? endpoint.node : undefined,
        rests: weightOf(input, podOf(endpoint)).weight === 0,
      })),
    );
  const staying = unreachable.length === 0 ? [] : stayingUnreachable(others(), unreachable, input);
  const serving = [...ready, ...staying];
  // What is outdated is not added, so it takes no last resort's place.
  return serving.some(({ outdated }) => !outdated)
    ? serving
    : [...serving, ...endpoints.filter(({ standing }) => standing === 'last resort')];
}

/** When the passing of time alone changes which of the endpoints serve; `Clock.now()` milliseconds. */
export function nextChange(endpoints: readonly LiveEndpoint[], input: DesiredInput): number | undefined {
  return earliest(nextEnd(nodesOf(endpoints), input), untilPodsAreKnown(endpoints, input));
}

/** The nodes that decide which of the unreachable endpoints stay; none if there are no such endpoints. */
function nodesOf(endpoints: readonly LiveEndpoint[]): readonly NodeView[] {
  if (!endpoints.some(({ standing }) => standing === 'unreachable')) return [];
  return [...new Set(endpoints.flatMap(({ node }) => (isHere(node) ? [node] : [])))];
}

/** No container of the ready pods has the Service's named targetPort, or the lists are older than the name of the Service's port. */
export function lacksTargetPort(all: readonly LiveEndpoint[], ofPort: readonly EndpointOfPort[]): boolean {
  return ofPort.length === 0 && all.some(({ standing }) => standing === 'member');
}

export function noSuchTargetPort(
  input: DesiredInput,
  { name, port }: ServicePortView,
  endpoints: readonly LiveEndpoint[],
  given: GivenStates,
): Desired {
  return {
    kind: 'undetermined',
    ...given,
    ...(endpoints.some(({ formerPorts }) => formerPorts.length > 0) && { lagging: true as const }),
    problem: {
      reason: 'PortNotFound',
      message: `no endpoint of Service ${input.serviceName} has port ${port}${name === '' ? '' : ` (${name})`}: its targetPort matches no container port of its pods; correct the Service or the pods`,
    },
  };
}

/** What the endpoints of the Service give by any of its ports and families, by the same rules as members. */
export function givenByEndpoints(input: DesiredInput): GivenStates {
  const given = new Map<Slot, GivenState>();
  const endpoints = byPort(liveEndpoints(input));
  for (const ofPort of Map.groupBy(endpoints, ({ port }) => port.name).values()) {
    for (const endpoint of servingEndpoints(ofPort, input)) {
      const { address, port, node } = endpoint;
      const host = hostOf(address, node);
      const instanceId = host && instanceIdOf(host);
      const state = stateOf(endpoint, input);
      given.set(eniSlot(address.ip, port.port), state);
      if (instanceId !== undefined) given.set(ecsSlot(instanceId, port.port), state);
    }
  }
  return { given, until: nextChange(endpoints, input) };
}

function stateOf({ standing, outdated, node, nodeName }: EndpointOfPort, input: DesiredInput): GivenState {
  return {
    ...((standing !== 'member' || outdated) && { lastResort: true as const }),
    ...(standing === 'unreachable' && isHere(node) && isLost(node, input) && { unreachable: true as const }),
    ...(isHere(node) && restOf(node)),
    ...(nodeName !== undefined && { node: nodeName }),
  };
}

/** Whether the backends of a node may have weight 0 because of it. */
export function restOf(node: NodeView): Pick<GivenState, 'drained' | 'departing'> {
  return {
    ...(isDrained(node) && { drained: true as const }),
    ...(departureOf(node) && { departing: true as const }),
  };
}

/** The endpoint's node, if the address is the node's own because the pod uses hostNetwork. */
function hostOf({ ip }: AddressView, node: LiveEndpoint['node']): NodeView | undefined {
  return isHere(node) && node.internalIPs.includes(ip) ? node : undefined;
}

/** Returns no member for a pod with hostNetwork whose node is not an instance. */
export function memberOf(
  input: DesiredInput,
  endpoint: EndpointOfPort,
  problems: Map<string, Problem>,
): readonly Member[] {
  const { address, node } = endpoint;
  const { port } = endpoint.port;
  const { ip } = address;
  const pod = podOf(endpoint);
  const host = hostOf(address, node);
  const origin = {
    ...stateOf(endpoint, input),
    ...(isHere(node) && isHybrid(node) && { outside: true as const }),
    ...(pod && { pod: pod.name }),
    ...(pod && pod.uid !== '' && { podUID: pod.uid }),
  };
  const { weight, problem } = weightOf(input, pod);
  if (problem !== undefined) problems.set(`weight ${pod?.uid}`, problem);
  if (host !== undefined) {
    const instanceId = instanceIdOf(host);
    if (instanceId === undefined) {
      if (isHybrid(host)) return [];
      problems.set(`node ${host.name}`, nodeWithoutInstance(host));
      return [];
    }
    return [{ slot: ecsSlot(instanceId, port), type: 'ecs', instanceId, ip, port, weight, ...origin }];
  }
  return [{ slot: eniSlot(ip, port), type: 'eni', ip, port, weight, ...origin }];
}

/** A list written by hand may name a pod without its UID. */
function podOf({ address, pod }: LiveEndpoint): PodRef | undefined {
  return address.pod && { ...address.pod, uid: address.pod.uid || (isHere(pod) ? pod.uid : '') };
}

function weightOf(
  input: DesiredInput,
  pod: PodRef | undefined,
): { readonly weight: number; readonly problem?: Problem } {
  const text = pod && input.podWeight(pod.uid);
  if (pod === undefined || text === undefined) return { weight: input.weight };
  const wrong = (what: string): Problem => ({
    reason: 'InvalidWeight',
    message: `pod ${pod.namespace}/${pod.name} has weight ${what}; correct the annotation ${WEIGHT_ANNOTATION}`,
  });
  if (!/^-?\d+$/.test(text.trim())) {
    const problem = wrong(
      `"${text.slice(0, 40)}", which is no whole number of 0 to 100: spec.weight ${input.weight} is used`,
    );
    return { weight: input.weight, problem };
  }
  const weight = Math.min(100, Math.max(0, Number(text)));
  if (weight === Number(text)) return { weight };
  return { weight, problem: wrong(`${text.trim().slice(0, 40)}, outside 0 to 100: ${weight} is used`) };
}
