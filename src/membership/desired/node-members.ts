import { ecsSlot } from '../backend.ts';
import { instanceIdOf, isDrained, type NodeView, type ServiceView } from './cluster.ts';
import { matchesSelector } from './label-selector.ts';
import {
  type Desired,
  type DesiredInput,
  type Member,
  nodeWithoutInstance,
  type Problem,
  wantMembers,
} from './member.ts';

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers */
const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** Set by the cluster autoscaler on a node that it is about to delete. */
const AUTOSCALER_TAINT = 'ToBeDeletedByClusterAutoscaler';

/**
 * `ecs`: the instance and nodePort of each eligible node.
 *
 * | node                                                               | member                         |
 * |--------------------------------------------------------------------|--------------------------------|
 * | not Ready, excluded by label, about to be deleted by the autoscaler | no                             |
 * | does not match spec.nodeSelector                                    | no                             |
 * | cordoned                                                            | yes, unless --exclude-cordoned-nodes |
 * | externalTrafficPolicy Local and no ready endpoint on it             | no                             |
 * | without an instance in spec.providerID                              | no, and a problem says so      |
 * | drained                                                             | yes, drained                   |
 * | any other                                                           | yes                            |
 */
export function nodeMembers(input: DesiredInput, service: ServiceView, nodePort: number): Desired {
  const eligible = [...input.nodes.values()].filter((node) => isEligible(node, input));
  const endpointsOn =
    service.externalTrafficPolicy === 'Local' ? endpointsByNode(input, eligible) : undefined;
  const most = Math.max(1, ...(endpointsOn?.values() ?? []));
  const members: Member[] = [];
  const problems: Problem[] = [];
  for (const node of eligible) {
    if (endpointsOn !== undefined && !endpointsOn.has(node.name)) continue;
    const instanceId = instanceIdOf(node);
    if (instanceId === undefined) {
      problems.push(nodeWithoutInstance(node));
      continue;
    }
    const share =
      input.localWeights && endpointsOn !== undefined ? (endpointsOn.get(node.name) ?? 0) / most : 1;
    members.push({
      slot: ecsSlot(instanceId, nodePort),
      type: 'ecs',
      instanceId,
      port: nodePort,
      weight: input.weight === 0 ? 0 : Math.max(1, Math.round(input.weight * share)),
      ...(isDrained(node) && { drained: true as const }),
      node: node.name,
    });
  }
  return wantMembers(members, problems);
}

function isEligible(node: NodeView, input: DesiredInput): boolean {
  return (
    node.ready &&
    !Object.hasOwn(node.labels, EXCLUDE_LABEL) &&
    !node.taintKeys.includes(AUTOSCALER_TAINT) &&
    !(input.excludeCordonedNodes && node.unschedulable) &&
    matchesSelector(input.nodeSelector, node.labels)
  );
}

/** Ready endpoints of the Service on each of the nodes; while none is ready on any, those that still serve. */
function endpointsByNode(input: DesiredInput, nodes: readonly NodeView[]): ReadonlyMap<string, number> {
  const eligible = new Set(nodes.map(({ name }) => name));
  const ready = new Map<string, Set<string>>();
  const serving = new Map<string, Set<string>>();
  for (const { subsets } of input.endpoints) {
    for (const { addresses } of subsets) {
      for (const { ip, nodeName, ...address } of addresses) {
        if (nodeName === undefined || !eligible.has(nodeName)) continue;
        if (address.ready) addTo(ready, nodeName, ip);
        else if (address.serving) addTo(serving, nodeName, ip);
      }
    }
  }
  const counted = ready.size > 0 ? ready : serving;
  return new Map([...counted].map(([node, ips]) => [node, ips.size]));
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}
