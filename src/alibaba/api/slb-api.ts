/**
 * The part of the classic load balancer API (Slb, version 2014-05-15) that the operator uses.
 * Every call rejects with an `ApiError` and nothing else, except for a programming error and an aborted signal
 * (rejects with the signal's reason).
 *
 * API reference: https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/
 * (api-slb-2014-05-15-<action>).
 */
export interface SlbApi {
  /** The group's members, all of them: the action has no paging (…-describevservergroupattribute). */
  describeVServerGroup(group: GroupRef, options?: CallOptions): Promise<GroupDescription>;

  /**
   * Adds backends (…-addvservergroupbackendservers). What happens to a row that is there already is not
   * documented for vServer groups, so callers compare first.
   */
  addBackends(
    group: GroupRef,
    backends: readonly BackendServer[],
    options?: CallOptions,
  ): Promise<GroupReply>;

  /**
   * Changes weight and description of backends of the group (…-setvservergroupattribute); it adds and removes
   * nothing. A row without description keeps what it has.
   */
  setBackends(
    group: GroupRef,
    backends: readonly BackendServer[],
    options?: CallOptions,
  ): Promise<GroupReply>;

  /**
   * Removes backends (…-removevservergroupbackendservers). What is not in the group is ignored, so a repeat is
   * safe. Pass the rows as the group showed them: whether a wrong Type or a missing ServerIp still matches the row
   * of an ENI is not documented.
   */
  removeBackends(
    group: GroupRef,
    backends: readonly BackendServer[],
    options?: CallOptions,
  ): Promise<GroupReply>;
}

export type BackendType = 'ecs' | 'eni' | 'eci';

/** One row of a group: (ServerId, Port) is the identity of an ecs row, (ServerId, ServerIp, Port) of the others. */
export interface BackendServer {
  readonly serverId: string;
  /** 1–65535. */
  readonly port: number;
  readonly type: BackendType;
  /** The address on the ENI; absent for ecs. */
  readonly serverIp?: string;
  /** 0–100; 0 takes no new requests. */
  readonly weight: number;
  /** 1–80 characters out of letters, digits and `- / . _`. */
  readonly description?: string;
}

export interface GroupRef {
  readonly regionId: string;
  readonly vServerGroupId: string;
}

/** `backends` is the group's full list after the call, for all three writes. */
export interface GroupReply {
  readonly requestId: string;
  readonly backends: readonly BackendServer[];
}

export interface GroupDescription extends GroupReply {
  readonly vServerGroupName: string;
  readonly loadBalancerId?: string;
}

/** Order in the account's token bucket: removals first. */
export type Priority = 'removal' | 'read' | 'addition';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Asked when the signed request is about to leave, also a second one: a call that may not rejects with `WithdrawnError`. */
  readonly mayLeave?: () => boolean;
}

/** The call was not made, because who asked for it may not make it any more. */
export class WithdrawnError extends Error {
  override readonly name = 'WithdrawnError';

  constructor(action: string) {
    super(`${action} was not sent: this process may not write any more`);
  }
}

/**
 * Servers named in one call. The pages say "up to 20" (…-removevservergroupbackendservers, BackendServers); production
 * evidently takes up to 40, which is what the vendor's own controller sends. The caller's batch size keeps to 20 unless told.
 */
export const MAX_BACKENDS_PER_CALL = 40;
