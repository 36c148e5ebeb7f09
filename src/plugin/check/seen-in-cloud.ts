import type { NetworkInterface } from '../../alibaba/api/ecs-api.ts';
import type { ProbedWrite } from '../../alibaba/api/rights-probe.ts';
import { ApiError } from '../../cloud/api-error.ts';
import type { AssumedRole } from '../../cloud/group-ref.ts';
import type { GroupDescription } from '../../cloud/server-groups.ts';
import type { KubeSeen, Seen } from './seen.ts';

export type CloudSeen<T> = Seen<T, ApiError>;

/** What was seen from one place, with that place's credentials, network and clock. */
export interface CloudSurvey {
  readonly region: string;
  readonly vpcId: string | undefined;
  readonly endpoints: { readonly slb: string; readonly ecs: string };
  /** Where the credentials come from. */
  readonly credentials: CloudSeen<string>;
  /** The group that the user named. If undefined, `group` is the result of asking for a group that does not exist. */
  readonly groupId: string | undefined;
  readonly group: CloudSeen<Pick<GroupDescription, 'loadBalancerId' | 'rows'>>;
  /** The role that the group was read with, as the operator's own credentials do not read it. */
  readonly groupRole?: AssumedRole | undefined;
  /** All groups of the group's load balancer. This and the next two fields are only set if the group was found. */
  readonly siblings?: CloudSeen<unknown>;
  readonly health?: CloudSeen<unknown>;
  readonly writes?: Readonly<Record<ProbedWrite, CloudSeen<unknown>>>;
  readonly roles: readonly RoleSeen[];
  /** How many more roles and external ids there are. */
  readonly untriedRoles: number;
  readonly nodes: KubeSeen<readonly NodeSample[]>;
  /** Addresses of running pods that do not use the host network. */
  readonly podIPs: KubeSeen<readonly string[]>;
  /** ENIs found for the addresses of nodes and pods, in the VPC if one is set. */
  readonly interfaces: CloudSeen<readonly NetworkInterface[]>;
  /** ENIs found for the nodes' addresses in any VPC. Only set if a VPC is set and no node was found in it. */
  readonly elsewhere?: CloudSeen<readonly NetworkInterface[]>;
  /** How far the other clocks are ahead, in milliseconds; undefined if unknown. */
  readonly cloudAheadMs: number | undefined;
  readonly apiServerAheadMs: number | undefined;
}

/** A role that bindings may name, with one of its external ids. */
export interface RoleSeen {
  readonly role: AssumedRole;
  /** Whether a binding names the role; a failure if none does of those that could be listed, and some could not. */
  readonly isNamed: KubeSeen<boolean>;
  /** The result of asking for a group that does not exist, in a session of the role. */
  readonly asked: CloudSeen<unknown>;
}

export interface NodeSample {
  readonly name: string;
  /** From spec.providerID; undefined if the node is not an instance of this cloud. */
  readonly region: string | undefined;
  readonly address: string | undefined;
}

/** A group that does not exist is enough to see whether the API answers. */
export const NO_GROUP = 'rsp-vsgb0000check';

/** Rejects if the signal is aborted, or with an error that is not the API's. */
export async function seenInCloud<T>(signal: AbortSignal, call: () => Promise<T>): Promise<CloudSeen<T>> {
  try {
    return { value: await call() };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError) return { failure: error };
    throw error;
  }
}
