import type { Clock } from '../../clock.ts';
import { type BackendKey, backendKey, type Row } from '../../membership/backend.ts';
import type { Claim } from '../../membership/plan/claim.ts';
import { type GroupPlan, planGroup } from '../../membership/plan/plan.ts';
import type { ClusterCaches, GroupKey } from '../cluster/cluster-caches.ts';
import type { EniDirectory, MissingEni } from './eni-directory.ts';
import { type Bound, type GatherOptions, gather } from './gather.ts';
import type { GroupState } from './group-state.ts';

export interface DecideOptions extends GatherOptions {
  /** Rows that one call carries. */
  readonly batchSize: number;
}

export interface DecideParts {
  readonly caches: ClusterCaches;
  readonly enis: EniDirectory;
  readonly clock: Clock;
}

export interface Decision {
  readonly bound: readonly Bound[];
  readonly claims: readonly Claim[];
  readonly plan: GroupPlan;
  /** Members that wait for a look-up, which is under way: the directory calls back when there is more to know. */
  readonly missingEnis: readonly MissingEni[];
}

/** What one group needs now. Reads the caches and what is known of the group; no I/O but look-ups in the background. */
export function decide(
  key: GroupKey,
  group: GroupState,
  parts: DecideParts,
  options: DecideOptions,
): Decision {
  const bound = gather(key, group, parts.caches, options);
  const claims = bound.flatMap(({ claim }) => (claim === undefined ? [] : [claim]));
  const plan = planOf(group, claims, parts, options);
  if (plan.lookups.length === 0) return { bound, claims, plan, missingEnis: [] };
  const { found, missing } = parts.enis.resolve(group.regionId, plan.lookups, key);
  return {
    bound,
    claims,
    plan: found > 0 ? planOf(group, claims, parts, options) : plan,
    missingEnis: missing,
  };
}

function planOf(
  group: GroupState,
  claims: readonly Claim[],
  { clock, enis }: DecideParts,
  { batchSize }: DecideOptions,
): GroupPlan {
  const now = clock.now();
  const plan = planGroup({
    rows: group.rows ?? presumedRows(claims),
    presumed: group.rows === undefined,
    claims,
    eniOf: (ip, podUID) => enis.eniOf(group.regionId, ip, podUID),
    eniVersion: enis.version,
    refused: group.refusedAt(now),
    cohorts: group.cohorts,
    additionsBlocked: (group.failures.get('add')?.retryAt ?? now) > now,
    batchSize,
    now: clock.wall(),
    atRest: group.atRest,
  });
  group.atRest = plan.atRest;
  return plan;
}

/** Before the group was read: what the bindings' status recorded. */
function presumedRows(claims: readonly Claim[]): readonly Row[] {
  const rows = new Map<BackendKey, Row>();
  for (const { records } of claims) {
    for (const { row } of records.values()) rows.set(backendKey(row), row);
  }
  return [...rows.values()];
}
