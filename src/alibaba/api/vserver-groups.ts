import type { GroupRef } from '../../cloud/group-ref.ts';
import type { CallOptions, ServerGroups, WriteReply } from '../../cloud/server-groups.ts';
import type { Row } from '../../membership/backend.ts';
import type { Params, Rpc } from '../rpc/rpc.ts';
import type { RateLimiter } from '../throttle.ts';
import { parseGroup, parseGroups, parseHealth } from './parse.ts';

export const SLB_API_VERSION = '2014-05-15';

/**
 * Servers in one call. The API reference says "up to 20" (…-removevservergroupbackendservers, BackendServers), but production
 * evidently accepts 40, which is what the vendor's own controller sends. The caller's batch size is 20 unless configured.
 */
const MAX_BACKENDS_PER_CALL = 40;

/** The descriptions that a call accepts (…-addvservergroupbackendservers, BackendServers). */
const DESCRIPTION = /^[A-Za-z0-9/._-]{1,80}$/;

export interface VServerGroupsOptions {
  /** A function of the region, because each region has its own endpoint. */
  readonly read: (regionId: string) => Rpc;
  /** For health queries, which let all other calls go first. */
  readonly health: (regionId: string) => Rpc;
  readonly write: (regionId: string) => Rpc;
  readonly limiter: Pick<RateLimiter, 'acquire'>;
}

/**
 * The vServer groups of classic load balancers (Slb, version 2014-05-15). A write is complete with its reply, which holds
 * the full list. An omitted description stays as it is, and removing a row that does not exist is ignored. Rows are
 * removed exactly as the group showed them: it is not documented whether a wrong Type or a missing ServerIp still matches
 * the row of an ENI, nor what happens when an added row already exists.
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
     * The action has no paging (…-describevservergroups). How its name filter matches is not documented, so all groups
     * are listed and the caller compares the names.
     */
    async list({ regionId, id }, { signal } = {}) {
      const action = 'DescribeVServerGroups';
      const reply = await read(regionId)(action, { RegionId: regionId, LoadBalancerId: id }, { signal });
      return parseGroups(reply, { action });
    },
    /** The action takes a load balancer or one of its listeners, not a group (…-describehealthstatus); RegionId is optional. */
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
 * The parameter is JSON inside a string (…-addvservergroupbackendservers, BackendServers), with numbers as numbers.
 * Type is always sent, because the API's default is `ecs`. ServerIp distinguishes the addresses of one ENI and does not
 * belong in an ecs row. Weight is sent with removals too: older pages of the reference require it there. The API may not
 * accept a Description that somebody else gave a row, such as the Chinese text of the console; such a Description is
 * left out, as it is not part of the row's identity.
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
