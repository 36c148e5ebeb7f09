import type { AssumedRole, Scope } from '../cloud/group-ref.ts';
import type { ServerGroups } from '../cloud/server-groups.ts';

/** The groups of all accounts: each call uses the role of its scope, or without one the operator's own credentials. */
export function groupsByRole(
  own: Required<ServerGroups>,
  withRole: (role: AssumedRole) => Required<ServerGroups>,
): Required<ServerGroups> {
  const at = ({ account, role }: Scope) => {
    if (role !== undefined) return withRole(role);
    if (account !== undefined) throw new Error(`there is no role to call account ${account} with`);
    return own;
  };
  return {
    limits: own.limits,
    describe: async (group, options) => await at(group).describe(group, options),
    list: async (loadBalancer, options) => await at(loadBalancer).list(loadBalancer, options),
    describeHealth: async (loadBalancer, options) =>
      await at(loadBalancer).describeHealth(loadBalancer, options),
    add: async (group, rows, options) => await at(group).add(group, rows, options),
    setWeight: async (group, rows, options) => await at(group).setWeight(group, rows, options),
    remove: async (group, rows, options) => await at(group).remove(group, rows, options),
    job: async (group, jobId, options) => await at(group).job(group, jobId, options),
    acquire: async (scope, action, urgent, signal) => await at(scope).acquire(scope, action, urgent, signal),
  };
}
