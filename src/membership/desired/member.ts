import { byCodeUnit, type Slot } from '../backend.ts';
import type { EndpointsView, NodesView, ServiceView } from './cluster.ts';
import type { LabelSelector } from './label-selector.ts';

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

/** What the group should hold. */
interface DesiredMembers {
  readonly kind: 'members';
  /** Sorted by address and port, once each. */
  readonly members: readonly Member[];
  /** By port and address, the index in `members`. */
  readonly indexAt: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** What was left out, and why. */
  readonly problems: readonly Problem[];
}

export type Desired =
  | DesiredMembers
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

/**
 * Sorted, and of two members for one place always the same one: the order of what is cached says nothing. There are two
 * while an address passes from pod to pod, or when a node has registered under another name.
 */
export function wantMembers(
  candidates: readonly Member[],
  problems: readonly Problem[] = [],
): DesiredMembers {
  const sorted = [...candidates].sort(
    (a, b) =>
      byCodeUnit(addressOf(a), addressOf(b)) ||
      a.port - b.port ||
      byCodeUnit(b.podUID ?? '', a.podUID ?? '') ||
      byCodeUnit(a.node ?? '', b.node ?? ''),
  );
  const members: Member[] = [];
  const indexAt = new Map<number, Map<string, number>>();
  for (const member of sorted) {
    const address = addressOf(member);
    const atPort = indexAt.get(member.port) ?? new Map<string, number>();
    if (atPort.has(address)) continue;
    indexAt.set(member.port, atPort.set(address, members.length));
    members.push(member);
  }
  return {
    kind: 'members',
    members,
    indexAt,
    problems: [...problems].sort((a, b) => byCodeUnit(a.message, b.message)),
  };
}

function addressOf({ ip, instanceId }: Member): string {
  return ip ?? instanceId ?? '';
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
