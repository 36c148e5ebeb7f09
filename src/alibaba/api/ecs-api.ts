import type { CallOptions } from '../../cloud/server-groups.ts';

/**
 * The part of the ECS API (version 2014-05-26) that the operator uses: which network interface holds a pod's address.
 * Rejects with an `ApiError` and nothing else, except for an aborted signal.
 */
export interface EcsApi {
  /** Any number of addresses, IPv4 and IPv6; batches and pages are hidden. Addresses nobody has are left out. */
  describeNetworkInterfaces(
    query: NetworkInterfaceQuery,
    options?: Pick<CallOptions, 'signal'>,
  ): Promise<readonly NetworkInterface[]>;
}

export interface NetworkInterfaceQuery {
  readonly regionId: string;
  /** Private addresses repeat across VPCs: without it, interfaces of any VPC are found. */
  readonly vpcId?: string;
  readonly privateIps: readonly string[];
}

export interface NetworkInterface {
  readonly networkInterfaceId: string;
  /** Absent in a reply that names none. */
  readonly vpcId?: string;
  /** All private addresses, IPv4 and IPv6. */
  readonly privateIps: readonly string[];
  /** As `10.0.0.16/28`: blocks of which every address leads to it, whether `privateIps` lists it or not. */
  readonly prefixes: readonly string[];
  /** `InUse` when attached to an instance; `Available`, `Attaching`, `Detaching`, `Deleting` …. */
  readonly status: string;
}
