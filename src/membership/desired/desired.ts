import type { Slot } from '../backend.ts';
import type { EndpointsView, NodesView, ServicePortView, ServiceView } from './cluster.ts';
import { endpointMembers, readyAddresses } from './endpoint-members.ts';
import type { LabelSelector } from './label-selector.ts';
import { nodeMembers } from './node-members.ts';

/** Something about the cluster that keeps a binding, or one of its members, from being served; worded for its user. */
export interface Problem {
  readonly reason:
    | 'ServiceNotFound'
    | 'ServiceNotSupported'
    | 'PortNotFound'
    | 'NodeWithoutInstance'
    | 'InvalidWeight';
  readonly message: string;
}

/** One backend that the cluster wants in the group. */
export interface Member {
  readonly slot: Slot;
  readonly type: 'ecs' | 'eni';
  /** The ECS instance; for eni unknown until the ENI of `ip` is looked up, which only an addition needs. */
  readonly instanceId?: string;
  /** The pod's address; only for eni. */
  readonly ip?: string;
  readonly port: number;
  readonly weight: number;
  /** It is on its way out, and stays only because nothing else serves: it is never added. */
  readonly lastResort?: true;
  /** Its node is drained: it gets weight 0, and `weight` back afterwards. */
  readonly drained?: true;
  /** Name of the pod, in the namespace of the binding. */
  readonly pod?: string;
  readonly podUID?: string;
  readonly node?: string;
}

/** Whether the cluster says the same of both. */
export function isSameMember(a: Member, b: Member): boolean {
  return (
    a === b ||
    (a.slot === b.slot &&
      a.podUID === b.podUID &&
      a.weight === b.weight &&
      a.drained === b.drained &&
      a.lastResort === b.lastResort &&
      a.node === b.node &&
      a.pod === b.pod &&
      a.type === b.type &&
      a.port === b.port &&
      a.ip === b.ip &&
      a.instanceId === b.instanceId)
  );
}

export type Desired =
  /** What the group should hold, sorted by slot, once each; `problems` name what was left out and why. */
  | { readonly kind: 'members'; readonly members: readonly Member[]; readonly problems: readonly Problem[] }
  /**
   * The binding or its Service can't be made sense of (a port that matches nothing, say). Nothing is added, and what
   * is in the group stays as long as its address is still alive: a typing error must not empty a group, and a pod
   * that left must leave the group all the same.
   */
  | { readonly kind: 'undetermined'; readonly alive: ReadonlySet<string>; readonly problem: Problem };

/** Everything that decides what one binding wants. */
export interface DesiredInput {
  readonly service: ServiceView | undefined;
  /** `namespace/name` of the Service, for messages. */
  readonly serviceName: string;
  readonly port: number | string;
  readonly backendType: 'eni' | 'ecs';
  readonly weight: number;
  readonly nodeSelector?: LabelSelector | undefined;
  readonly endpoints: readonly EndpointsView[];
  readonly nodes: NodesView;
  /** The weight annotation of a pod, if it has one; by pod UID. */
  readonly podWeight: (podUID: string) => string | undefined;
  readonly excludeCordonedNodes: boolean;
  /** `externalTrafficPolicy: Local`: weigh nodes by their ready endpoints instead of equally. */
  readonly localWeights: boolean;
}

/** Cluster → what the group should hold. Sorted by slot: the same cluster gives the same answer. */
export function computeDesired(input: DesiredInput): Desired {
  const { service } = input;
  if (service === undefined) {
    return undetermined(
      input,
      'ServiceNotFound',
      `Service ${input.serviceName} does not exist: create it, or correct spec.serviceRef.name`,
    );
  }
  if (service.type === 'ExternalName') {
    return undetermined(
      input,
      'ServiceNotSupported',
      `Service ${input.serviceName} is of type ExternalName and has no endpoints: use a Service that selects pods`,
    );
  }
  const port = findPort(service, input.port);
  if (port === undefined) {
    return undetermined(
      input,
      'PortNotFound',
      `Service ${input.serviceName} has no port ${input.port} (it has ${describePorts(service)}): correct spec.serviceRef.port`,
    );
  }
  if (input.backendType === 'eni') return endpointMembers(input, port);
  if (port.nodePort === undefined) {
    return undetermined(
      input,
      'ServiceNotSupported',
      `Service ${input.serviceName} is of type ${service.type} and port ${input.port} has no nodePort: make it a NodePort Service, or use spec.backendType eni`,
    );
  }
  return nodeMembers(input, service, port.nodePort);
}

/** A number names the Service's port, a string its name; a string of digits is taken as a number, as kubectl does. */
function findPort(service: ServiceView, wanted: number | string): ServicePortView | undefined {
  const byName = service.ports.find((port) => port.name === wanted);
  return byName ?? service.ports.find((port) => String(port.port) === String(wanted));
}

function describePorts(service: ServiceView): string {
  if (service.ports.length === 0) return 'none';
  return service.ports
    .map((port) => (port.name === '' ? `${port.port}` : `${port.port} (${port.name})`))
    .join(', ');
}

function undetermined(input: DesiredInput, reason: Problem['reason'], message: string): Desired {
  return { kind: 'undetermined', alive: aliveAddresses(input), problem: { reason, message } };
}

function aliveAddresses(input: DesiredInput): ReadonlySet<string> {
  if (input.backendType === 'eni') return readyAddresses(input);
  if (input.service === undefined) return new Set();
  const nodes = nodeMembers(input, input.service, 1);
  return new Set(nodes.kind === 'members' ? nodes.members.map((member) => member.instanceId ?? '') : []);
}
