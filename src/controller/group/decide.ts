import type { Clock } from '../../clock.ts';
import type { GroupLimits } from '../../cloud/server-groups.ts';
import {
  type BackendKey,
  type KnownRow,
  knownRow,
  slotOf,
  type WriteAction,
} from '../../membership/backend.ts';
import type { Member } from '../../membership/desired/member.ts';
import type { Claim } from '../../membership/plan/claim.ts';
import { type GroupPlan, planGroup } from '../../membership/plan/plan.ts';
import type { BindingMemory } from '../binding/binding-memory.ts';
import { type ClusterCaches, type GroupKey, metadataOf } from '../cluster/cluster-caches.ts';
import type { Bound } from './bound.ts';
import type { EniDirectory, MissingEni } from './eni-directory.ts';
import { type GatherOptions, gather } from './gather.ts';
import type { GroupState } from './state/group-state.ts';

export interface DecideOptions extends GatherOptions {
  /** Rows per call. */
  readonly rowsPerCall: Readonly<Record<WriteAction, number>>;
}

/** The limits of a kind of group, with the rows per call capped at the configured maximum. */
export function withinLimits(
  { rowsPerCall: { add, set, remove }, description }: GroupLimits,
  maxRowsPerCall: number,
): Pick<DecideOptions, 'rowsPerCall' | 'longestDescription'> {
  const most = (rows: number) => Math.min(rows, maxRowsPerCall);
  return {
    rowsPerCall: { add: most(add), set: most(set), remove: most(remove) },
    longestDescription: description.max,
  };
}

export interface DecideParts {
  readonly caches: ClusterCaches;
  readonly memory: BindingMemory;
  readonly enis: EniDirectory;
  readonly clock: Clock;
}

export interface Decision {
  /** `Clock.now()` milliseconds: the plan leaves out what has to wait beyond this time. */
  readonly now: number;
  readonly bound: readonly Bound[];
  readonly claims: readonly Claim[];
  /** Must be kept (`keep`) whether or not it is carried out: the next decision builds on it. */
  readonly plan: GroupPlan;
  /** Members whose ENI is not known (yet): the directory enqueues the group when that changes. */
  readonly missingEnis: readonly MissingEni[];
}

/**
 * Decides what one group needs now, from the caches and the group's state. The only I/O is ENI lookups in the background,
 * and nothing but their results is stored.
 */
export function decide(
  key: GroupKey,
  group: GroupState,
  parts: DecideParts,
  options: DecideOptions,
): Decision {
  const bound = gather(key, group.view, parts, options);
  const claims = bound.flatMap(({ claim }) => (claim === undefined ? [] : [claim]));
  const now = parts.clock.now();
  parts.enis.refresh(group.ref.regionId, key, now, () => claims.flatMap(addedMembers));
  const plan = planOf(group, claims, parts, options, now);
  const { found, missing } = parts.enis.resolve(group.ref.regionId, plan.lookups, key);
  return {
    now,
    bound,
    claims,
    plan: found > 0 ? planOf(group, claims, parts, options, now) : plan,
    missingEnis: missing,
  };
}

/** Stores what a decision found out about the group and its bindings. In a dry run no binding comes to own anything. */
export function keep(
  { bound, plan }: Decision,
  group: GroupState,
  memory: BindingMemory,
  dryRun: boolean,
): void {
  const isPresumed = group.view.rows === undefined || dryRun;
  for (const { claim, records } of plan.reports)
    memory.keepRecords(claim.uid, isPresumed ? claim.records : records);
  for (const { object, claim } of bound)
    if (claim?.mode === 'RemoveOnly')
      memory.formerOf(object).take(claim.desired, metadataOf(object).generation);
}

/**
 * Remembers the leaving members of RemoveOnly bindings that were not in the group when it was last read: they may have been
 * added since. Returns whether there are any.
 */
export function lookForUnseen({ now, bound, plan }: Decision, memory: BindingMemory): boolean {
  let found = false;
  for (const { object, claim } of bound) {
    if (claim?.mode !== 'RemoveOnly') continue;
    const former = memory.formerOf(object);
    const leaving = former.leaving(claim.desired, metadataOf(object).generation);
    if (leaving.length === 0) continue;
    const records = plan.reports.find((report) => report.claim === claim)?.records ?? claim.records;
    const seen = new Set([...records.values()].map(({ row }) => slotOf(row)));
    const unseen = leaving.filter(({ slot }) => !seen.has(slot));
    former.lookFor(unseen, now);
    found ||= unseen.length > 0;
  }
  return found;
}

function planOf(
  { view, attempts, unshown, leaving, ref }: GroupState,
  claims: readonly Claim[],
  { enis }: DecideParts,
  { rowsPerCall }: DecideOptions,
  now: number,
): GroupPlan {
  return planGroup({
    rows: view.rows ?? presumedRows(claims),
    rowsAre: view.rows === undefined ? 'presumed' : view.isReliable ? 'shown' : 'doubted',
    claims,
    eniOf: (ip, podUID) => enis.eniOf(ref.regionId, ip, podUID),
    refused: { has: (key, action) => attempts.isRefused(key, action, now) },
    cohorts: { get: (key) => attempts.cohortOf(key) },
    additionsBlocked: attempts.backsOffUntil('add') > now,
    isFull: attempts.failures.get('add')?.error.kind === 'quota',
    rowsPerCall: attempts.room.limit(rowsPerCall),
    unshownForMs: (key) => unshown.forMs(key, now),
    leavingForMs: (key) => leaving.forMs(key, now),
    now,
  });
}

/** Stands in for the rows until the group is first read: what the bindings' status recorded. */
function presumedRows(claims: readonly Claim[]): readonly KnownRow[] {
  const rows = new Map<BackendKey, KnownRow>();
  for (const { records } of claims) {
    for (const [key, { row }] of records) rows.set(key, knownRow(row));
  }
  return [...rows.values()];
}

/** The members that this binding adds. In RemoveOnly mode something else adds them, and nobody compares the ENI it used. */
function addedMembers({ mode, desired, suspended, granted }: Claim): readonly Member[] {
  return mode === 'Sync' && !suspended && granted && desired.kind === 'members' ? desired.members : [];
}
