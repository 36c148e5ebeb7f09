import { ecsSlot } from '../backend.ts';
import { isHere } from './alive.ts';
import {
  instanceIdOf,
  isHybrid,
  isVirtual,
  type NodeView,
  type ServicePortView,
  type ServiceView,
} from './cluster.ts';
import {
  givenByEndpoints,
  lacksTargetPort,
  memberOf,
  nextChange,
  noSuchTargetPort,
  restOf,
  servingEndpoints,
} from './endpoint-members.ts';
import { type EndpointOfPort, liveEndpoints, ofOneFamily, ofServicePort } from './endpoints.ts';
import { matchesSelector } from './label-selector.ts';
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
 * Each of these labels excludes a node from load balancers: the one of Kubernetes, its two predecessors, and the cloud's own.
 * https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers
 * https://github.com/kubernetes/cloud-provider-alibaba-cloud/blob/master/pkg/controller/helper/node_utils.go
 */
const EXCLUDE_LABELS = [
  'node.kubernetes.io/exclude-from-external-load-balancers',
  'alpha.service-controller.kubernetes.io/exclude-balancer',
  'service.beta.kubernetes.io/exclude-node',
  'service.alibabacloud.com/exclude-node',
];
/** The cluster autoscaler sets it on a node that it is about to delete. */
const AUTOSCALER_TAINT = 'ToBeDeletedByClusterAutoscaler';

/**
 * `ecs`: the instance and nodePort of each node that serves. The first row that fits:
 *
 * | node                                                | = member                                        |
 * |-----------------------------------------------------|-------------------------------------------------|
 * | about to be deleted by the autoscaler, not selected | no                                              |
 * | cordoned                                            | no, with --exclude-cordoned-nodes               |
 * | virtual                                             | no: its endpoints are, by address, as for `eni` |
 * | excluded by label                                   | no                                              |
 * | hybrid                                              | no: it is not an instance of this cloud         |
 * | policy Local, and no endpoint that serves is on it  | no, and it does not count as unreachable        |
 * | without an instance in spec.providerID              | no, and a problem reports it                    |
 * | not Ready                                           | as a last resort, if it stays (unreachable.ts)  |
 * | any other                                           | yes                                             |
 *
 * With policy Local, a node none of whose endpoints is a member by itself (alive.ts) is a last resort, too. The member of a drained
 * node is drained; that of a node that is about to go is departing, whatever the policy: connections that arrive through the node
 * end with it. With --local-weights, members weigh by their pods: the node with the most has the weight of the binding.
 */
export function nodeMembers(input: DesiredInput, service: ServiceView, port: ServicePortView): Desired {
  const isLocal = service.externalTrafficPolicy === 'Local';
  // Otherwise it does not matter where the endpoints are, so thousands of them need not be judged.
  const hasVirtual = [...input.nodes.values()].some(isVirtual);
  const all = isLocal || hasVirtual ? [...liveEndpoints(input)] : [];
  const ofPort = ofServicePort(all, port.name);
  if (lacksTargetPort(all, ofPort)) return noSuchTargetPort(input, port, all, givenByNodes(input, service));
  const problems = new Map<string, Problem>();
  // The share that may leave because of unready nodes is applied only once, to the nodes.
  const local = isLocal
    ? Map.groupBy(servingEndpoints(ofPort, { ...input, unreadyShare: 0 }), ({ nodeName }) => nodeName ?? '')
    : undefined;
  const serving = instances(input, problems, local).map((one) => {
    const endpoints = local?.get(one.node.name) ?? [];
    return { ...one, endpoints, pods: podsOf(endpoints) };
  });
  const most = Math.max(1, ...serving.map(({ pods }) => pods));
  const weightOf = (pods: number) => {
    if (local === undefined || !input.localWeights || input.weight === 0) return input.weight;
    return Math.max(1, Math.round((input.weight * pods) / most));
  };
  const members: Member[] = [];
  for (const endpoint of hasVirtual ? servingEndpoints(ofOneFamily(ofPort, input), input) : []) {
    if (isHere(endpoint.node) && isVirtual(endpoint.node) && isSelected(endpoint.node, input))
      members.push(...memberOf({ ...input, weight: weightOf(1) }, endpoint, problems));
  }
  for (const { node, instanceId, endpoints, pods } of serving) {
    const serves = ({ standing, outdated }: EndpointOfPort) => standing === 'member' && !outdated;
    members.push({
      slot: ecsSlot(instanceId, port.nodePort ?? 0),
      type: 'ecs',
      instanceId,
      port: port.nodePort ?? 0,
      weight: weightOf(pods),
      ...stateOf(node, local === undefined || endpoints.some(serves), input),
    });
  }
  const until = earliest(nextNodeChange(input), nextChange(ofPort, input));
  return { ...wantMembers(members, [...problems.values()]), until };
}

function nextNodeChange(input: DesiredInput): number | undefined {
  const nodes = [...input.nodes.values()];
  return nodes.every(({ ready }) => ready) ? undefined : nextEnd(nodes, input);
}

function stateOf(node: NodeView, serves: boolean, input: DesiredInput): GivenState {
  return {
    ...(!(node.ready && serves) && { lastResort: true as const }),
    ...(isLost(node, input) && { unreachable: true as const }),
    ...restOf(node),
    node: node.name,
  };
}

/**
 * What the nodes that serve give by all current node ports of the Service. With policy Local, those without an endpoint may stay,
 * but as last resorts, because which port the group holds is not known. What the endpoints give counts too, for virtual nodes, and
 * because `ecs` may be the mistake, and the group still hold what `eni` has added.
 */
export function givenByNodes(
  input: DesiredInput,
  { ports, externalTrafficPolicy }: ServiceView,
): GivenStates {
  const nodePorts = ports.flatMap(({ nodePort }) => (nodePort === undefined ? [] : [nodePort]));
  const local =
    externalTrafficPolicy === 'Local'
      ? Map.groupBy(liveEndpoints(input), ({ nodeName }) => nodeName ?? '')
      : undefined;
  const serves = ({ name }: NodeView) =>
    local === undefined || (local.get(name) ?? []).some(({ standing }) => standing === 'member');
  const byEndpoints = givenByEndpoints(input);
  const given = new Map(byEndpoints.given);
  // The share of nodes that may leave is one of those with endpoints, as for members.
  const found = [...instances(input, new Map()), ...(local ? instances(input, new Map(), local) : [])];
  for (const { node, instanceId } of found) {
    const state = stateOf(node, serves(node), input);
    for (const nodePort of nodePorts) given.set(ecsSlot(instanceId, nodePort), state);
  }
  return { given, until: earliest(byEndpoints.until, nextNodeChange(input)) };
}

interface Instance {
  readonly node: NodeView;
  readonly instanceId: string;
}

/** The nodes that serve, with their instances; only those in `local`, if given. */
function instances(
  input: DesiredInput,
  problems: Map<string, Problem>,
  local?: ReadonlyMap<string, unknown>,
): readonly Instance[] {
  const ready: Instance[] = [];
  const unreachable: { of: Instance; node: NodeView }[] = [];
  for (const node of input.nodes.values()) {
    if (!isSelected(node, input) || isVirtual(node) || isHybrid(node)) continue;
    if (local !== undefined && !local.has(node.name)) continue;
    const instanceId = instanceIdOf(node);
    if (instanceId === undefined) {
      if (node.ready) problems.set(node.name, nodeWithoutInstance(node));
    } else if (node.ready) ready.push({ node, instanceId });
    else unreachable.push({ of: { node, instanceId }, node });
  }
  return [...ready, ...stayingUnreachable(othersOf(ready), unreachable, input)];
}

/** Exclude labels are about instances: virtual nodes usually have one, and their pods are backends all the same. */
function isSelected(node: NodeView, input: DesiredInput): boolean {
  return (
    (isVirtual(node) || !EXCLUDE_LABELS.some((label) => Object.hasOwn(node.labels, label))) &&
    !node.taintKeys.includes(AUTOSCALER_TAINT) &&
    !(input.excludeCordonedNodes && node.unschedulable) &&
    matchesSelector(input.nodeSelector, node.labels)
  );
}

/** Number of the pods: one may be in several slices, and have an address of each family. */
function podsOf(endpoints: readonly EndpointOfPort[]): number {
  return new Set(endpoints.map(({ address }) => address.pod?.name ?? address.ip)).size;
}
