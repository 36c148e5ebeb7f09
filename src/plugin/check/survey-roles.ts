import type { Cloud } from '../../alibaba/cloud.ts';
import type { Clock } from '../../clock.ts';
import { accountOfRole, roleKey, vServerGroup } from '../../cloud/group-ref.ts';
import { listBindings } from '../bindings.ts';
import type { Cluster } from '../command.ts';
import { seenInEach } from './seen.ts';
import { type CloudSurvey, NO_GROUP, type RoleSeen, seenInCloud } from './seen-in-cloud.ts';

const MOST_SESSIONS = 20;

export interface SurveyRolesOptions {
  readonly cloud: { readonly groups: Pick<Cloud['groups'], 'describe'> };
  readonly region: string;
  /** ARNs that bindings may name. */
  readonly assumableRoles: readonly string[];
  readonly cluster: Pick<Cluster, 'transport'>;
  /** Where bindings are listed; empty: in all namespaces. */
  readonly namespaces: readonly string[];
  /** Which bindings are listed; undefined: all. */
  readonly bindingSelector: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Assumes each role with every external id that bindings give for it, or without one if none is seen that names the role. */
export async function surveyRoles(
  options: SurveyRolesOptions,
): Promise<Pick<CloudSurvey, 'roles' | 'untriedRoles'>> {
  const { cloud, region, assumableRoles, signal } = options;
  if (assumableRoles.length === 0) return { roles: [], untriedRoles: 0 };
  const all = await rolesOf(options);
  const tried = new Set(oneOfEachFirst(all).slice(0, MOST_SESSIONS));
  const roles = await Promise.all(
    all
      .filter((one) => tried.has(one))
      .map(async (one) => {
        const ref = vServerGroup(region, NO_GROUP, { account: accountOfRole(one.role), role: one.role });
        return { ...one, asked: await seenInCloud(signal, () => cloud.groups.describe(ref, { signal })) };
      }),
  );
  return { roles, untriedRoles: all.length - tried.size };
}

/** Too many external ids of one role crowd out no other role. */
function oneOfEachFirst<T extends Pick<RoleSeen, 'role'>>(all: readonly T[]): readonly T[] {
  const isFirst = ({ role }: T, i: number) => all.findIndex((one) => one.role.roleArn === role.roleArn) === i;
  return [...all.filter(isFirst), ...all.filter((one, i) => !isFirst(one, i))];
}

async function rolesOf({
  assumableRoles,
  cluster,
  clock,
  namespaces,
  bindingSelector: labelSelector,
  signal,
}: SurveyRolesOptions): Promise<readonly Omit<RoleSeen, 'asked'>[]> {
  const { found, failure } = await seenInEach(signal, namespaces, (namespace) =>
    listBindings(cluster, clock, signal, { namespace, labelSelector }),
  );
  const named = found.flatMap(({ parsed }) =>
    parsed.ok && parsed.binding.spec.assumeRole !== undefined ? [parsed.binding.spec.assumeRole] : [],
  );
  const roles = new Map<string, Omit<RoleSeen, 'asked'>>();
  for (const roleArn of assumableRoles) {
    const ofBindings = named.filter((role) => role.roleArn === roleArn);
    for (const role of ofBindings) roles.set(roleKey(role), { role, isNamed: { value: true } });
    if (ofBindings.length === 0)
      roles.set(roleKey({ roleArn }), {
        role: { roleArn },
        isNamed: failure === undefined ? { value: false } : { failure },
      });
  }
  return [...roles.values()];
}
