import { byCodeUnit, type Slot } from '../backend.ts';
import type { EndpointsView, NodesView, PodsView, ServiceView } from './cluster.ts';
import type { LabelSelector } from './label-selector.ts';

/** One backend that the cluster wants in the group. */
export interface Member {
  readonly slot: Slot;
  readonly type: 'ecs' | 'eni';
  /** The ECS instance. Absent for eni: the ENI of `ip` must be looked up, which only an addition needs. */
  readonly instanceId?: string;
  /**
   * The pod's address. Members of type ecs have one only for a pod with hostNetwork: its node's address, because another system
   * may have written the row by it, as eni.
   */
  readonly ip?: string;
  readonly port: number;
  readonly weight: number;
  /** It is a member only because nothing better serves, or although its node is not Ready. It stays but is never added. */
  readonly lastResort?: true;
  /** It is a last resort because its node has been not Ready for longer than is tolerated (unreachable.ts). */
  readonly unreachable?: true;
  /** Its node is not a machine of this cloud, so its address may never have an ENI. */
  readonly outside?: true;
  /** Its node is drained: it has weight 0 until the drain ends, then `weight` again. */
  readonly drained?: true;
  /** It is about to go with its node (alive.ts): it also has weight 0 while others take requests (plan.ts). */
  readonly departing?: true;
  /** Name of the pod, in the namespace of the binding. */
  readonly pod?: string;
  readonly podUID?: string;
  readonly node?: string;
}

/** What is known of a backend that a Service gives a group, whether or not a binding asks for it. */
export type GivenState = Pick<Member, 'lastResort' | 'unreachable' | 'drained' | 'departing' | 'node'>;

/** A reason in the cluster why a binding, or one of its members, is not served; worded for its user. */
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

interface Timed {
  /** When it changes by the passing of time alone; `Clock.now()` milliseconds. */
  readonly until?: number | undefined;
}

/** What the group should hold. */
interface DesiredMembers extends Timed {
  readonly kind: 'members';
  /** Sorted by address and port, without duplicates. */
  readonly members: readonly Member[];
  /** The index in `members`, by port and address or instance. */
  readonly indexAt: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** Why members were left out or changed. */
  readonly problems: readonly Problem[];
}

/** What a Service gives by any of its ports. */
export interface GivenStates extends Timed {
  readonly given: ReadonlyMap<Slot, GivenState>;
}

export type Desired =
  | DesiredMembers
  /**
   * The binding asks for something that does not exist (a Service, a port, nodes with certain labels). Nothing is added. What is
   * in the group stays if the Service, or the one that the binding named before, still gives it by any port: a typo in a binding
   * must not empty a group. Everything else leaves as usual.
   */
  | (GivenStates & {
      readonly kind: 'undetermined';
      readonly problem: Problem;
      /** The endpoint lists are older than the Service, so this may pass on its own. */
      readonly lagging?: true;
    });

/** What is known of all backends that are to be, or may stay, in the group. */
export function statesOf(desired: Desired): readonly GivenState[] {
  return desired.kind === 'members' ? desired.members : [...desired.given.values()];
}

/** Nodes that are not Ready but whose backends stayed nevertheless. */
export function nodesKept(desired: Desired): ReadonlySet<string> {
  return new Set(statesOf(desired).flatMap(({ unreachable, node }) => (unreachable && node ? [node] : [])));
}

/** Everything that decides what one binding wants. */
export interface DesiredInput {
  readonly service: ServiceView | undefined;
  /** `namespace/name` of the Service, for messages. */
  readonly serviceName: string;
  /** The Service whose backends the group holds, if it still exists and the binding names another one now. */
  readonly former?: Pick<DesiredInput, 'endpoints'> & { readonly service: ServiceView };
  readonly port: number | string;
  readonly backendType: 'eni' | 'ecs';
  readonly weight: number;
  readonly nodeSelector?: LabelSelector | undefined;
  readonly endpoints: readonly EndpointsView[];
  readonly nodes: NodesView;
  /** The pods of the binding's namespace; undefined until they are known. */
  readonly pods: PodsView | undefined;
  /** The address family of the backends, if the binding specifies one. Only for `eni`. */
  readonly addressFamily?: 'IPv4' | 'IPv6' | undefined;
  /** The binding opens the readiness gates of its pods once they are in the group. */
  readonly opensGates: boolean;
  /** The weight annotation of the pod with this UID, if it has one. */
  readonly podWeight: (podUID: string) => string | undefined;
  readonly excludeCordonedNodes: boolean;
  /** `externalTrafficPolicy: Local`: weigh nodes by their ready endpoints instead of equally. */
  readonly localWeights: boolean;
  /** The share of the backends, from 0 to 1, that may be gone at a time because their nodes are not Ready. */
  readonly unreadyShare: number;
  /** Nodes that were not Ready at the last evaluation, but whose backends stayed. */
  readonly keptNodes: ReadonlySet<string>;
  /** How long a node may be not Ready before its backends may leave, in milliseconds (unreachable.ts). */
  readonly unreadyToleranceMs: number;
  /** `Clock.now()` milliseconds. */
  readonly now: number;
}

/**
 * Sorts the members. Of two members for one slot it always picks the same one, and no last resort if possible, because the order of
 * the caches is arbitrary. There are two while an address passes from pod to pod, or if a node has registered under another name.
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

/** The earliest of the defined times; undefined if there are none. */
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
