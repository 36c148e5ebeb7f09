import type { GroupRef } from '../../cloud/group-ref.ts';
import type { CallOptions } from '../../cloud/server-groups.ts';
import type { Rpc } from '../rpc/rpc.ts';

export const PROBED_WRITES = [
  'AddVServerGroupBackendServers',
  'SetVServerGroupAttribute',
  'RemoveVServerGroupBackendServers',
] as const;

export type ProbedWrite = (typeof PROBED_WRITES)[number];

/** Finds out whether an action is allowed with calls that change nothing. The API has no dry run. */
export interface RightsProbe {
  /** Rejects with the `ApiError` of the call: kind `denied` means that the permission is missing. */
  probe(action: ProbedWrite, group: GroupRef, options?: Pick<CallOptions, 'signal'>): Promise<void>;
}

/** An instance that does not exist, so it is in no group. */
const NOBODY = JSON.stringify([{ ServerId: 'i-vsgb00000000000check', Port: 65_535, Type: 'ecs', Weight: 0 }]);

/**
 * Add and Set leave out BackendServers: Add requires it, and Set without it has nothing to change. Remove names a backend
 * that is not in the group, which is ignored without an error (…-removevservergroupbackendservers). It is not documented
 * whether a call that lacks a parameter is refused for that before its permission is checked.
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
