import { byCodeUnit, type Slot } from '../backend.ts';
import type { EndpointsView, NodesView, PodsView, ServiceView } from './cluster.ts';
import type { LabelSelector } from './label-selector.ts';

/** One backend that the cluster wants in the group. */
export interface Member {
  readonly slot: Slot;
  readonly type: 'ecs' | 'eni';
  /** The ECS instance; for eni unknown until the ENI of `ip` is looked up, which only an addition needs. */
  readonly instanceId?: string;
  /** The pod's address. Of ecs only a pod with hostNetwork has one, its node's: others may have written its row by it, as eni. */
  readonly ip?: string;
  readonly port: number;
  readonly weight: number;
  /** It would be none, but for the others: nothing better serves, or too many nodes are lost at once. It stays and is never added. */
  readonly lastResort?: true;
  /** The reason for that is its node, which is not Ready. */
  readonly unreachable?: true;
  /** Its node is no machine of this cloud: it may be that no ENI ever has its address. */
  readonly outside?: true;
  /** Its node is drained: it gets weight 0, and `weight` back afterwards. */
  readonly drained?: true;
  /** It is about to go with its node (alive.ts): it gets weight 0 as well, while others take requests (plan.ts). */
  readonly departing?: true;
  /** Name of the pod, in the namespace of the binding. */
  readonly pod?: string;
  readonly podUID?: string;
  readonly node?: string;
}

/** Something about the cluster that keeps a binding, or one of its members, from being served; worded for its user. */
export interface Problem {
  readonly reason:
    | 'ServiceNotFound'
    | 'ServiceNotSupported'
    | 'PortNotFound'
    | 'NodesNotFound'
    | 'AddressFamilyNotFound'
    | 'NodeWithoutInstance'
    | 'InvalidWeight'
    | 'AmbiguousPort';
  readonly message: string;
}

/** What the group should hold. */
interface DesiredMembers {
  readonly kind: 'members';
  /** Sorted by address and port, once each. */
  readonly members: readonly Member[];
  /** By port and address, or instance, the index in `members`. */
  readonly indexAt: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** What was left out, and why. */
  readonly problems: readonly Problem[];
  /** When time alone changes it; milliseconds since the Unix epoch. */
  readonly until?: number | undefined;
}

export type Desired =
  | DesiredMembers
  /**
   * The binding asks for what there is not (a Service that does not exist, a port that it hasn't got, nodes with labels that none has). Nothing is added, and what is
   * in the group stays where the Service, or the one that the binding named before, still gives it, by whatever port: a typing
   * error in a binding must not empty a group. What they give no more leaves all the same.
   */
  | { readonly kind: 'undetermined'; readonly given: ReadonlySet<Slot>; readonly problem: Problem };

/** Everything that decides what one binding wants. */
export interface DesiredInput {
  readonly service: ServiceView | undefined;
  /** `namespace/name` of the Service, for messages. */
  readonly serviceName: string;
  /** The Service that gave what the group holds, when the binding names another one now, and that one exists still. */
  readonly former?: Pick<DesiredInput, 'endpoints'> & { readonly service: ServiceView };
  readonly port: number | string;
  readonly backendType: 'eni' | 'ecs';
  readonly weight: number;
  readonly nodeSelector?: LabelSelector | undefined;
  readonly endpoints: readonly EndpointsView[];
  readonly nodes: NodesView;
  /** Those of the binding's namespace; undefined while they are not known. */
  readonly pods: PodsView | undefined;
  /** Of the backends, if the binding says it. */
  readonly addressFamily?: 'IPv4' | 'IPv6' | undefined;
  /** The readiness gates of its pods are opened once they are in the group. */
  readonly opensGates: boolean;
  /** The weight annotation of a pod, if it has one; by pod UID. */
  readonly podWeight: (podUID: string) => string | undefined;
  readonly excludeCordonedNodes: boolean;
  /** `externalTrafficPolicy: Local`: weigh nodes by their ready endpoints instead of equally. */
  readonly localWeights: boolean;
  /** The share of the backends, from 0 to 1, that may leave at once because their nodes are not Ready. */
  readonly unreadyShare: number;
  /** Nodes whose backends stayed, the last time, although they were not Ready. */
  readonly keptNodes: ReadonlySet<string>;
  /** For how long a node that is not Ready takes nothing out, in milliseconds (unreachable.ts). */
  readonly unreadyToleranceMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/**
 * Sorted, and of two members for one place always the same one, no last resort if it can be: the order of what is cached says
 * nothing. There are two while an address passes from pod to pod, or when a node has registered under another name.
 */
export function wantMembers(
  candidates: readonly Member[],
  problems: readonly Problem[] = [],
): DesiredMembers {
  const sorted = [...candidates].sort(
    (a, b) =>
      byCodeUnit(a.ip ?? a.instanceId ?? '', b.ip ?? b.instanceId ?? '') ||
      a.port - b.port ||
      byCodeUnit(a.type, b.type) ||
      Number(a.lastResort ?? false) - Number(b.lastResort ?? false) ||
      byCodeUnit(b.podUID ?? '', a.podUID ?? '') ||
      byCodeUnit(a.node ?? '', b.node ?? ''),
  );
  const members: Member[] = [];
  const indexAt = new Map<number, Map<string, number>>();
  for (const member of sorted) {
    const { ip, instanceId, port } = member;
    const atPort = indexAt.get(port) ?? new Map<string, number>();
    indexAt.set(port, atPort);
    const isThere = (name: string | undefined) => name !== undefined && atPort.has(name);
    if (isThere(ip) || isThere(instanceId)) continue;
    if (ip !== undefined) atPort.set(ip, members.length);
    if (instanceId !== undefined) atPort.set(instanceId, members.length);
    members.push(member);
  }
  return {
    kind: 'members',
    members,
    indexAt,
    problems: [...problems].sort((a, b) => byCodeUnit(a.message, b.message)),
  };
}

/** Of times, as far as there are any. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

export function nodeWithoutInstance(node: { readonly name: string; readonly providerID?: string }): Problem {
  const lack =
    node.providerID === undefined
      ? 'has no spec.providerID'
      : `has spec.providerID "${node.providerID}", which names no ECS instance`;
  return {
    reason: 'NodeWithoutInstance',
    message: `node ${node.name} ${lack}: its backends are left out until it is set to <region>.<instanceId>`,
  };
}
