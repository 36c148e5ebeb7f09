import type { GroupRef } from '../../cloud/group-ref.ts';
import type { CallOptions, ServerGroups, WriteReply } from '../../cloud/server-groups.ts';
import type { Row } from '../../membership/backend.ts';
import type { Params, Rpc } from '../rpc/rpc.ts';
import type { RateLimiter } from '../throttle.ts';
import { parseGroup, parseGroups, parseHealth } from './parse.ts';

export const SLB_API_VERSION = '2014-05-15';

/**
 * Servers named in one call. The pages say "up to 20" (…-removevservergroupbackendservers, BackendServers); production
 * evidently takes up to 40, which is what the vendor's own controller sends. The caller's batch size keeps to 20 unless told.
 */
const MAX_BACKENDS_PER_CALL = 40;

/** What a call may carry as a Description (…-addvservergroupbackendservers, BackendServers). */
const DESCRIPTION = /^[A-Za-z0-9/._-]{1,80}$/;

export interface VServerGroupsOptions {
  /** Each answers for a region, since each has an endpoint of its own. */
  readonly read: (regionId: string) => Rpc;
  /** For questions about health, which let all others go first. */
  readonly health: (regionId: string) => Rpc;
  readonly write: (regionId: string) => Rpc;
  readonly limiter: Pick<RateLimiter, 'acquire'>;
}

/**
 * The vServer groups of classic load balancers (Slb, version 2014-05-15). A write is done with its reply, which holds the
 * full list. A description that is not given stays as it is, and a removal of what is not there is ignored. Rows are
 * removed as the group showed them: whether a wrong Type or a missing ServerIp still matches the row of an ENI is not
 * documented, nor what becomes of an added row that is there already.
 *
 * API reference: https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/
 * (api-slb-2014-05-15-<action>).
 */
export function createVServerGroups({
  read,
  health,
  write,
  limiter,
}: VServerGroupsOptions): Required<ServerGroups> {
  const change =
    (action: string) =>
    async (group: GroupRef, rows: readonly Row[], options: CallOptions = {}): Promise<WriteReply> => {
      const params = { ...groupParams(group), BackendServers: backendServers(rows) };
      const context = { group, count: rows.length, ...options };
      const reply = await write(group.regionId)(action, params, context);
      const { requestId, rows: after } = parseGroup(reply, { action, group });
      return { is: 'done', requestId, rows: after };
    };
  const rowsPerCall = MAX_BACKENDS_PER_CALL;
  return {
    limits: {
      rowsPerCall: { add: rowsPerCall, set: rowsPerCall, remove: rowsPerCall },
      description: { min: 1, max: 80 },
      pollMs: 1_000,
    },
    /** The action has no paging (…-describevservergroupattribute). */
    async describe(group, options = {}) {
      const action = 'DescribeVServerGroupAttribute';
      const reply = await read(group.regionId)(action, groupParams(group), { group, signal: options.signal });
      return { ...parseGroup(reply, { action, group }), pending: false };
    },
    /**
     * The action has no paging (…-describevservergroups). How its name filter compares is not documented: all groups are
     * asked for, and names compared by whoever asks.
     */
    async list({ regionId, id }, { signal } = {}) {
      const action = 'DescribeVServerGroups';
      const reply = await read(regionId)(action, { RegionId: regionId, LoadBalancerId: id }, { signal });
      return parseGroups(reply, { action });
    },
    /** For a load balancer or one of its listeners, not for a group (…-describehealthstatus); RegionId is optional. */
    async describeHealth({ regionId, id }, { signal } = {}) {
      const action = 'DescribeHealthStatus';
      const reply = await health(regionId)(action, { RegionId: regionId, LoadBalancerId: id }, { signal });
      return parseHealth(reply, { action });
    },
    add: change('AddVServerGroupBackendServers'),
    setWeight: change('SetVServerGroupAttribute'),
    remove: change('RemoveVServerGroupBackendServers'),
    job: () => Promise.resolve({ is: 'done' }),
    acquire: (_scope, _action, urgent, signal) => limiter.acquire(urgent ? 'removal' : 'addition', signal),
  };
}

function groupParams(group: GroupRef): Params {
  return { RegionId: group.regionId, VServerGroupId: group.id };
}

/**
 * The parameter is JSON inside a string (…-addvservergroupbackendservers, BackendServers). Numbers go as numbers.
 * Type is always given, since the API takes `ecs` for granted; ServerIp tells the addresses of one ENI apart and has
 * no place in an ecs row. Weight is sent with removals too: older pages call it required there. A Description that
 * somebody else gave a row may be one that the API does not take back, as the console's Chinese; it is no part of the
 * row's identity and is left out.
 */
function backendServers(rows: readonly Row[]): string {
  if (rows.length < 1 || rows.length > MAX_BACKENDS_PER_CALL) {
    throw new RangeError(`a call takes 1 to ${MAX_BACKENDS_PER_CALL} backends, not ${rows.length}`);
  }
  return JSON.stringify(
    rows.map((row) => ({
      ServerId: row.serverId,
      ServerIp: row.type === 'ecs' ? undefined : row.serverIp,
      Port: row.port,
      Type: row.type,
      Weight: row.weight,
      Description: DESCRIPTION.test(row.description ?? '') ? row.description : undefined,
    })),
  );
}
