import { WEIGHT_ANNOTATION } from '../../api/names.ts';
import { ecsSlot, eniSlot } from '../backend.ts';
import { type AddressView, instanceIdOf, isDrained, type NodeView, type ServicePortView } from './cluster.ts';
import {
  type Desired,
  type DesiredInput,
  type Member,
  nodeWithoutInstance,
  type Problem,
  wantMembers,
} from './member.ts';

interface Candidate {
  readonly address: AddressView;
  readonly port: number;
}

/**
 * `eni`: the ready endpoints of the Service's port.
 *
 * | endpoint                                    | member                                                        |
 * |---------------------------------------------|---------------------------------------------------------------|
 * | ready                                       | yes                                                           |
 * | terminating, still serving                  | only while no endpoint is ready (as kube-proxy does, KEP-1669), as a last resort |
 * | not ready                                   | no                                                            |
 * | on a node that no longer exists             | no                                                            |
 * | on a drained node                           | yes, drained                                                  |
 * | with its node's own address (hostNetwork)   | the node's instance, as ecs                                   |
 *
 * `publishNotReadyAddresses` needs no row: Kubernetes then marks the endpoints ready itself. The same address in two
 * slices is one member (slices may overlap while endpoints move between them:
 * https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#duplicate-endpoints).
 */
export function endpointMembers(input: DesiredInput, servicePort: ServicePortView): Desired {
  const candidates: Candidate[] = [];
  let sawPort = false;
  let sawReady = false;
  for (const { address, ports } of usableAddresses(input)) {
    sawReady ||= address.ready;
    for (const { name, port } of ports) {
      if (name !== servicePort.name) continue;
      sawPort = true;
      candidates.push({ address, port });
    }
  }
  if (sawReady && !sawPort) return noSuchTargetPort(input, servicePort);
  const ready = candidates.filter(({ address }) => address.ready);
  const serving = ready.length > 0 ? ready : candidates;
  const members: Member[] = [];
  const problems = new Map<string, Problem>();
  for (const candidate of serving) addMember(input, candidate, members, problems);
  return wantMembers(members, [...problems.values()]);
}

/** Ready or serving, and not on a node that was deleted under its pods. */
function* usableAddresses(input: DesiredInput) {
  for (const { subsets } of input.endpoints) {
    for (const { addresses, ports } of subsets) {
      for (const address of addresses) {
        const onLostNode = address.nodeName !== undefined && input.nodes.get(address.nodeName) === undefined;
        if ((address.ready || address.serving) && !onLostNode) yield { address, ports };
      }
    }
  }
}

/** The Service's targetPort is a name that no container of its ready pods has. */
function noSuchTargetPort(input: DesiredInput, { name, port }: ServicePortView): Desired {
  return {
    kind: 'undetermined',
    alive: readyAddresses(input),
    problem: {
      reason: 'PortNotFound',
      message: `no endpoint of Service ${input.serviceName} has port ${port}${name === '' ? '' : ` (${name})`}: its targetPort matches no container port of its pods; correct the Service or the pods`,
    },
  };
}

/** The addresses of all ready endpoints, whatever their ports; for hostNetwork pods the node's instance too. */
export function readyAddresses(input: DesiredInput): ReadonlySet<string> {
  const ready = new Set<string>();
  for (const { address } of usableAddresses(input)) {
    if (!address.ready) continue;
    ready.add(address.ip);
    const host = hostOf(input, address);
    const instanceId = host && instanceIdOf(host);
    if (instanceId !== undefined) ready.add(instanceId);
  }
  return ready;
}

/** The node whose own address this is: the pod uses hostNetwork. */
function hostOf(input: DesiredInput, { ip, nodeName }: AddressView): NodeView | undefined {
  const node = nodeName === undefined ? undefined : input.nodes.get(nodeName);
  return node?.internalIPs.includes(ip) ? node : undefined;
}

function addMember(
  input: DesiredInput,
  { address, port }: Candidate,
  members: Member[],
  problems: Map<string, Problem>,
): void {
  const host = hostOf(input, address);
  const node = address.nodeName === undefined ? undefined : input.nodes.get(address.nodeName);
  const origin = {
    ...(!address.ready && { lastResort: true as const }),
    ...(node !== undefined && isDrained(node) && { drained: true as const }),
    ...(address.pod && { pod: address.pod.name, podUID: address.pod.uid }),
    ...(address.nodeName !== undefined && { node: address.nodeName }),
  };
  const weight = weightOf(input, address, problems);
  if (host !== undefined) {
    const instanceId = instanceIdOf(host);
    if (instanceId === undefined) {
      problems.set(`node ${host.name}`, nodeWithoutInstance(host));
      return;
    }
    const slot = ecsSlot(instanceId, port);
    members.push({ slot, type: 'ecs', instanceId, port, weight, ...origin });
    return;
  }
  const slot = eniSlot(address.ip, port);
  members.push({ slot, type: 'eni', ip: address.ip, port, weight, ...origin });
}

function weightOf(input: DesiredInput, { pod }: AddressView, problems: Map<string, Problem>): number {
  const text = pod && input.podWeight(pod.uid);
  if (pod === undefined || text === undefined) return input.weight;
  if (!/^-?\d+$/.test(text.trim())) {
    problems.set(`weight ${pod.uid}`, {
      reason: 'InvalidWeight',
      message: `pod ${pod.namespace}/${pod.name} has weight "${text.slice(0, 40)}", which is no whole number of 0 to 100: spec.weight ${input.weight} is used; correct the annotation ${WEIGHT_ANNOTATION}`,
    });
    return input.weight;
  }
  const weight = Math.min(100, Math.max(0, Number(text)));
  if (weight !== Number(text)) {
    problems.set(`weight ${pod.uid}`, {
      reason: 'InvalidWeight',
      message: `pod ${pod.namespace}/${pod.name} has weight ${text.trim().slice(0, 40)}, outside 0 to 100: ${weight} is used; correct the annotation ${WEIGHT_ANNOTATION}`,
    });
  }
  return weight;
}
