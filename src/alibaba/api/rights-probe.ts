import type { GroupRef } from '../../cloud/group-ref.ts';
import type { CallOptions } from '../../cloud/server-groups.ts';
import type { Rpc } from '../rpc/rpc.ts';

export const PROBED_WRITES = [
  'AddVServerGroupBackendServers',
  'SetVServerGroupAttribute',
  'RemoveVServerGroupBackendServers',
] as const;

export type ProbedWrite = (typeof PROBED_WRITES)[number];

/** Whether an action is allowed, asked by calls that change nothing. The API has no dry run. */
export interface RightsProbe {
  /** Rejects with the `ApiError` that the call got: one of kind `denied` says that the right is missing. */
  probe(action: ProbedWrite, group: GroupRef, options?: Pick<CallOptions, 'signal'>): Promise<void>;
}

/** An instance that nobody has, so that it is in no group. */
const NOBODY = JSON.stringify([{ ServerId: 'i-vsgb00000000000check', Port: 65_535, Type: 'ecs', Weight: 0 }]);

/**
 * What is to be changed is left out, which a call of Add may not do, and of a call of Set leaves nothing to change. A removal
 * names a backend that is not in the group, which is ignored without an error (…-removevservergroupbackendservers). Whether a
 * call that lacks a parameter is refused for that before its right is looked at, no page says.
 */
const NOTHING: Readonly<Record<ProbedWrite, { readonly BackendServers?: string }>> = {
  AddVServerGroupBackendServers: {},
  SetVServerGroupAttribute: {},
  RemoveVServerGroupBackendServers: { BackendServers: NOBODY },
};

export function createRightsProbe(write: (regionId: string) => Rpc): RightsProbe {
  return {
    async probe(action, group, { signal } = {}) {
      const params = { RegionId: group.regionId, VServerGroupId: group.id, ...NOTHING[action] };
      await write(group.regionId)(action, params, { group, signal });
    },
  };
}
