import type { CallOptions } from '../../cloud/server-groups.ts';

/**
 * The part of the ECS API (version 2014-05-26) that the operator uses: which network interface holds a pod's address.
 * Rejects only with an `ApiError`, or with the reason of an aborted signal.
 */
export interface EcsApi {
  /** Takes any number of IPv4 and IPv6 addresses; batches and pages are hidden. Addresses without an interface are left out. */
  describeNetworkInterfaces(
    query: NetworkInterfaceQuery,
    options?: Pick<CallOptions, 'signal'>,
  ): Promise<readonly NetworkInterface[]>;
}

export interface NetworkInterfaceQuery {
  readonly regionId: string;
  /** Private addresses repeat across VPCs: without `vpcId`, interfaces of all VPCs match. */
  readonly vpcId?: string;
  readonly privateIps: readonly string[];
}

export interface NetworkInterface {
  readonly networkInterfaceId: string;
  /** Absent if the reply names none. */
  readonly vpcId?: string;
  /** All private addresses, IPv4 and IPv6. */
  readonly privateIps: readonly string[];
  /** Blocks such as `10.0.0.16/28`; the interface holds all their addresses, whether or not `privateIps` lists them. */
  readonly prefixes: readonly string[];
  /** `InUse` when attached to an instance; `Available`, `Attaching`, `Detaching`, `Deleting` …. */
  readonly status: string;
}
