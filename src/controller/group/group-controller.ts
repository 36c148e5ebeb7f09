import type { Clock } from '../../clock.ts';
import type { GroupRef } from '../../cloud/group-ref.ts';
import type { ServerGroups } from '../../cloud/server-groups.ts';
import type { Row } from '../../membership/backend.ts';
import type { Batch } from '../../membership/plan/batches.ts';
import type { Claim } from '../../membership/plan/claim.ts';
import type { ClaimReport, GroupPlan } from '../../membership/plan/plan.ts';
import type { BindingReporter } from '../binding/binding-reporter.ts';
import { notYetTold } from '../binding/dry-run.ts';
import type { Finalizers } from '../binding/finalizers.ts';
import {
  type BindingObject,
  type ClusterCaches,
  type GroupKey,
  isBeingDeleted,
  splitGroupKey,
  statusOf,
} from '../cluster/cluster-caches.ts';
import type { DrainIndex } from '../cluster/drain-index.ts';
import { type DecideOptions, type Decision, decide } from './decide.ts';
import type { EniDirectory } from './eni-directory.ts';
import { GroupState } from './group-state.ts';
import type { GroupWriter } from './group-writer.ts';
import { nextStep, type Pacing, type Step } from './next-step.ts';
import { outcomeOf } from './outcome.ts';

export interface GroupControllerOptions extends DecideOptions, Pacing {
  /** A group is read again after this long without an event, give or take a tenth. */
  readonly resyncMs: number;
}

export interface GroupControllerParts {
  readonly caches: ClusterCaches;
  readonly groups: Pick<ServerGroups, 'acquire'>;
  readonly enis: EniDirectory;
  readonly drains: DrainIndex;
  readonly finalizers: Finalizers;
  readonly writer: GroupWriter;
  readonly reporter: BindingReporter;
  readonly clock: Clock;
  readonly random: () => number;
}

/** A token that came so soon did not have to be waited for. */
const SAME_TURN_MS = 2;

interface Decided extends Decision {
  readonly step: Step;
}

/**
 * The loop: one reconcile per vServer group, never two of one group at once. Level-based: each turn reads the caches and
 * decides anew, so what is sent is never older than the last event, and a retry is a new plan.
 */
export class GroupController {
  readonly #options: GroupControllerOptions;
  readonly #parts: GroupControllerParts;
  readonly #groups = new Map<GroupKey, GroupState>();

  constructor(options: GroupControllerOptions, parts: GroupControllerParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Something that the group depends on has changed: removals count their delay from here. */
  noteChange(key: GroupKey): void {
    const group = this.#groups.get(key);
    if (group !== undefined) group.changedAt ??= this.#parts.clock.now();
  }

  /** Someone changed a binding of the group: what failed before may succeed now. */
  forgetFailures(key: GroupKey): void {
    this.#groups.get(key)?.forgetFailures();
  }

  /** There are other credentials. Returns the groups that wait for such: they need not rest any longer. */
  credentialsChanged(): readonly GroupKey[] {
    return [...this.#groups].flatMap(([key, group]) => (group.forgetCredentialFailures() ? [key] : []));
  }

  /**
   * Takes a group as far as it can go now: decide, take one step, decide again. Returns after how many milliseconds it
   * wants to be called without an event; undefined when no binding is left on the group. After `signal` is aborted no
   * further step is taken. Throws only on a bug.
   */
  async reconcile(key: GroupKey, signal: AbortSignal): Promise<number | undefined> {
    const group = this.#state(key);
    let hasToken = false;
    for (;;) {
      const decided = this.#decide(key, group);
      if (decided.bound.length === 0) return this.#drop(key);
      const { step } = decided;
      if (step.do === 'wait' || signal.aborted) return this.#rest(group, decided);
      if (step.do === 'describe') {
        await this.#parts.writer.describe(group, this.#resyncIn());
      } else if (!hasToken && (await this.#takeToken(step.batch, signal)) === 'waited') {
        hasToken = true;
      } else {
        hasToken = false;
        const result = await this.#parts.writer.write(group, step.batch);
        if (result.is === 'not sent') {
          this.#rest(group, decided);
          // Not at once again: this process ends, and until then would do nothing but ask.
          return this.#options.resyncMs;
        }
        if (result.is === 'written') {
          this.#parts.reporter.reportWrite(decided.bound, group, step.batch, result.requestId);
        }
      }
    }
  }

  /** Each group that is looked after, and for how long the backend that waits longest to leave it has waited. */
  *longestLeaving(): Generator<{ readonly group: GroupRef; readonly ms: number }> {
    const now = this.#parts.clock.now();
    for (const group of this.#groups.values()) yield { group: group.ref, ms: group.longestLeavingMs(now) };
  }

  #state(key: GroupKey): GroupState {
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const { regionId, vServerGroupId } = splitGroupKey(key);
    const group = new GroupState(regionId, vServerGroupId);
    group.resyncAt = this.#parts.clock.now();
    this.#groups.set(key, group);
    return group;
  }

  #drop(key: GroupKey): undefined {
    this.#groups.delete(key);
    this.#parts.drains.update(key, []);
  }

  #decide(key: GroupKey, group: GroupState): Decided {
    group.keepTime(this.#parts.clock.now(), this.#parts.clock.wall());
    const decision = decide(key, group, this.#parts, this.#options);
    const { bound, claims, plan } = decision;
    if (!this.#options.dryRun) for (const { object } of bound) this.#parts.finalizers.ensure(object);
    this.#remember(key, group, plan);
    return { ...decision, step: this.#step(group, plan, claims, this.#parts.clock.now()) };
  }

  #step(group: GroupState, plan: GroupPlan, claims: readonly Claim[], now: number): Step {
    if (claims.length === 0) return { do: 'wait', at: Number.POSITIVE_INFINITY };
    const drainsEnd = plan.wakeAt === undefined ? undefined : now + plan.wakeAt - this.#parts.clock.wall();
    const visible = this.#options.dryRun ? { ...plan, batches: [] } : plan;
    return nextStep(visible, group, this.#options, now, drainsEnd);
  }

  /** What the plan found out is kept at once: the next decision builds on it, written to status or not. */
  #remember(key: GroupKey, group: GroupState, plan: GroupPlan): void {
    const now = this.#parts.clock.now();
    const draining: string[] = [];
    for (const { claim, records } of plan.reports) {
      if (group.rows !== undefined && !this.#options.dryRun) group.records.set(claim.uid, records);
      for (const record of records.values()) {
        if (record.podUID === undefined) continue;
        if (record.state === 'Draining') draining.push(record.podUID);
        else if (record.state === 'Removing') this.#noteLeaver(group, claim, record.podUID, record.row);
      }
    }
    this.#parts.drains.update(key, draining);
    group.noteLeavers(plan.batches, group.changedAt ?? now);
    if (group.rows !== undefined && !group.needsDescribe) group.forgetFailuresOfDone(plan.batches);
    group.changedAt = undefined;
    const waits = plan.batches.some(({ urgent }) => !urgent);
    group.additionsWaitSince = waits ? (group.additionsWaitSince ?? now) : undefined;
  }

  /** What RemoveOnly took over, something else has added, with an ENI that nobody has compared. */
  #noteLeaver({ regionId }: GroupState, { mode }: Claim, podUID: string, row: Row): void {
    const { type, serverIp, serverId } = row;
    if (mode === 'Sync' && type === 'eni' && serverIp !== undefined)
      this.#parts.enis.noteLeaver(regionId, serverIp, podUID, serverId);
  }

  /** After a wait the caller decides anew: what was planned before is old. */
  async #takeToken({ action, urgent }: Batch, signal: AbortSignal): Promise<'at once' | 'waited'> {
    const { groups, clock } = this.#parts;
    const before = clock.now();
    try {
      await groups.acquire(action, urgent, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      return 'waited';
    }
    return clock.now() - before < SAME_TURN_MS ? 'at once' : 'waited';
  }

  /** Nothing more can be done for now: says so, lets go of bindings that are done with, and when to come back. */
  #rest(group: GroupState, { bound, plan, missingEnis, step }: Decided): number {
    const { reporter, finalizers, writer, clock } = this.#parts;
    const { dryRun } = this.#options;
    if (dryRun && group.rows !== undefined) writer.withhold(group, notYetTold(group, plan.batches));
    for (const one of bound) {
      const report = plan.reports.find(({ claim }) => claim === one.claim);
      const { object } = one;
      if (isBeingDeleted(object) && !dryRun && hasNothingLeft(object, report, group))
        finalizers.release(object);
      else
        reporter.report(one, {
          group,
          report,
          batches: plan.batches,
          missingEnis,
          dryRun,
        });
    }
    group.keepOnly(bound.map(({ object }) => object));
    const at = step.do === 'wait' ? step.at : Number.POSITIVE_INFINITY;
    return Number.isFinite(at) ? Math.max(0, at - clock.now()) : this.#options.resyncMs;
  }

  #resyncIn(): number {
    return this.#options.resyncMs * (0.9 + this.#parts.random() * 0.2);
  }
}

/**
 * Whether a binding that is being deleted may go.
 *
 * | its rows                                      | the group                              | may go |
 * |-----------------------------------------------|----------------------------------------|--------|
 * | stay where they are (`Retain`, suspended)     | –                                      | yes    |
 * | –                                             | does not exist any more                | yes    |
 * | none                                          | was read                               | yes    |
 * | none recorded                                 | was never read, and someone has to act | yes    |
 * | any other                                     |                                        | no     |
 *
 * Nothing is added to a group that was never read: an unknown region or a missing right must not hold a binding for ever.
 */
function hasNothingLeft(object: BindingObject, report: ClaimReport | undefined, group: GroupState): boolean {
  const failure = group.failures.get('describe')?.error;
  if (report === undefined || failure?.kind === 'groupMissing') return true;
  const { mode } = report.claim;
  const leaving = [...report.records.values()].filter(
    ({ state }) => mode === 'Sync' || state !== 'Registered',
  );
  if (leaving.length > 0) return false;
  if (group.rows !== undefined) return true;
  const neverRead = statusOf(object)?.loadBalancerId === undefined;
  return neverRead && failure !== undefined && outcomeOf(failure).stalled;
}
