import type { Params, Rpc } from '../rpc/rpc.ts';
import { parseGroup } from './parse.ts';
import {
  type BackendServer,
  type CallOptions,
  type GroupRef,
  type GroupReply,
  MAX_BACKENDS_PER_CALL,
  type SlbApi,
} from './slb-api.ts';

export const SLB_API_VERSION = '2014-05-15';

/** What a call may carry as a Description (…-addvservergroupbackendservers, BackendServers). */
const DESCRIPTION = /^[A-Za-z0-9/._-]{1,80}$/;

/** `rpc` answers for a region, since each has an endpoint of its own. */
export function createSlbApi(rpc: (regionId: string) => Rpc): SlbApi {
  const change = async (
    action: string,
    group: GroupRef,
    backends: readonly BackendServer[],
    options: CallOptions,
  ): Promise<GroupReply> => {
    const params = { ...groupParams(group), BackendServers: backendServers(backends) };
    const context = { group, count: backends.length, ...options };
    const reply = await rpc(group.regionId)(action, params, context);
    const { requestId, backends: after } = parseGroup(reply, { action, group });
    return { requestId, backends: after };
  };
  return {
    async describeVServerGroup(group, options = {}) {
      const action = 'DescribeVServerGroupAttribute';
      const reply = await rpc(group.regionId)(action, groupParams(group), { group, signal: options.signal });
      return parseGroup(reply, { action, group });
    },
    addBackends: (group, backends, options = {}) =>
      change('AddVServerGroupBackendServers', group, backends, options),
    setBackends: (group, backends, options = {}) =>
      change('SetVServerGroupAttribute', group, backends, options),
    removeBackends: (group, backends, options = {}) =>
      change('RemoveVServerGroupBackendServers', group, backends, options),
  };
}

function groupParams(group: GroupRef): Params {
  return { RegionId: group.regionId, VServerGroupId: group.vServerGroupId };
}

/**
 * The parameter is JSON inside a string (…-addvservergroupbackendservers, BackendServers). Numbers go as numbers.
 * Type is always given, since the API takes `ecs` for granted; ServerIp tells the addresses of one ENI apart and has
 * no place in an ecs row. Weight is sent with removals too: older pages call it required there. A Description that
 * somebody else gave a row may be one that the API does not take back, as the console's Chinese; it is no part of the
 * row's identity and is left out.
 */
function backendServers(backends: readonly BackendServer[]): string {
  if (backends.length < 1 || backends.length > MAX_BACKENDS_PER_CALL) {
    throw new RangeError(`a call takes 1 to ${MAX_BACKENDS_PER_CALL} backends, not ${backends.length}`);
  }
  return JSON.stringify(
    backends.map((backend) => ({
      ServerId: backend.serverId,
      ServerIp: backend.type === 'ecs' ? undefined : backend.serverIp,
      Port: backend.port,
      Type: backend.type,
      Weight: backend.weight,
      Description: DESCRIPTION.test(backend.description ?? '') ? backend.description : undefined,
    })),
  );
}
