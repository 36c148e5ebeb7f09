import type { Clock } from '../../clock.ts';
import { type AssumedRole, type GroupRef, roleKey, vServerGroup } from '../../cloud/group-ref.ts';
import type { ServerGroups } from '../../cloud/server-groups.ts';
import type { Result } from '../../kubernetes/queue/reconcile-loop.ts';
import type { Row } from '../../membership/backend.ts';
import type { Batch } from '../../membership/plan/batches.ts';
import type { Claim } from '../../membership/plan/claim.ts';
import type { BindingMemory } from '../binding/binding-memory.ts';
import type { BindingReporter } from '../binding/binding-reporter.ts';
import type { Finalizers } from '../binding/finalizers.ts';
import { LOOK_AFTER_MS } from '../binding/former-members.ts';
import { hasNothingLeft, mayGoWithoutRole } from '../binding/may-go.ts';
import {
  type ClusterCaches,
  type GroupKey,
  isBeingDeleted,
  splitGroupKey,
  statusOf,
} from '../cluster/cluster-caches.ts';
import type { DrainIndex } from '../cluster/drain-index.ts';
import type { GroupNames } from '../naming/group-names.ts';
import type { ReadinessGates } from '../readiness/readiness-gates.ts';
import type { Bound } from './bound.ts';
import { rolesToCallWith } from './caller.ts';
import { type DecideOptions, type Decision, decide, keep, lookForUnseen } from './decide.ts';
import type { EniDirectory } from './eni-directory.ts';
import type { GroupWriter, WriteResult } from './group-writer.ts';
import { nextStep, type Pacing, type Step, type Wait } from './next-step.ts';
import { GroupState } from './state/group-state.ts';

export interface GroupControllerOptions extends DecideOptions, Pacing {
  /** A group is read again after this long, give or take a tenth, even without an event. */
  readonly resyncMs: number;
}

export interface GroupControllerParts {
  readonly caches: ClusterCaches;
  readonly memory: BindingMemory;
  readonly groups: Pick<ServerGroups, 'acquire'>;
  readonly enis: EniDirectory;
  readonly drains: DrainIndex;
  readonly finalizers: Finalizers;
  readonly writer: GroupWriter;
  readonly reporter: BindingReporter;
  /** Undefined: readiness gates are not opened. */
  readonly gates: Pick<ReadinessGates, 'concluded'> | undefined;
  readonly names: Pick<GroupNames, 'groupMayBeGone' | 'isRecording'>;
  readonly freshness: CacheFreshness;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Whether the caches can be trusted: after the process stood still they can't until they have caught up. */
export interface CacheFreshness {
  isFresh(): boolean;
  /** Rejects if the signal is aborted first. */
  untilFresh(signal: AbortSignal): Promise<void>;
}

/** A token that arrives within this time counts as not waited for. */
const SAME_TURN_MS = 2;

interface Decided extends Decision {
  readonly step: Step;
}

/**
 * Reconciles vServer groups, never one group twice at the same time. Level-based: each turn reads the caches and makes a new
 * decision, so what is sent is never older than the last event, and a retry is a new plan.
 */
export class GroupController {
  readonly #options: GroupControllerOptions;
  readonly #parts: GroupControllerParts;
  readonly #groups = new Map<GroupKey, GroupState>();

  constructor(options: GroupControllerOptions, parts: GroupControllerParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Something that the group depends on has changed: the delay of removals counts from now. */
  noteChange(key: GroupKey): void {
    this.#groups.get(key)?.leaving.changed(this.#parts.clock.now());
  }

  /** The group waits for a binding's status to show its rows. */
  awaitsStatus(key: GroupKey): boolean {
    return (this.#groups.get(key)?.unshown.size ?? 0) > 0;
  }

  /** Someone changed a binding of the group: what failed before may succeed now. */
  forgetFailures(key: GroupKey): void {
    const group = this.#groups.get(key);
    if (group === undefined) return;
    group.attempts.forget();
    this.#parts.enis.lookAgain(group.ref.regionId, key);
  }

  /** The grants of a binding's namespace have changed, or may have before the start: maybe for a group that has its name by now. */
  grantsChanged(key: GroupKey): void {
    this.#state(key).namesAskedAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * The credentials of this role (undefined: the operator's own) have changed. Returns the groups that were waiting for that:
   * they can be retried now.
   */
  credentialsChanged(role: AssumedRole | undefined): readonly GroupKey[] {
    const waited = [...this.#groups].filter(
      ([, { ref, attempts }]) => roleKey(ref.role) === roleKey(role) && attempts.forgetWantOfCredentials(),
    );
    return waited.map(([key]) => key);
  }

  /**
   * Takes a group as far as it can go now: decide, take one step, decide again. Returns when to call it next if there is no
   * event before, or `done` when no binding is left on the group. After `signal` is aborted no further step is taken. Throws
   * only on a bug.
   */
  async reconcile(key: GroupKey, signal: AbortSignal): Promise<Result> {
    const group = this.#state(key);
    let hasToken = false;
    for (;;) {
      if (!(await this.#cachesAreFresh(signal))) return 'done';
      const decided = this.#decide(key, group);
      if (decided.bound.length === 0) return this.#drop(key);
      const { step } = decided;
      if (step.do === 'wait' || signal.aborted) return this.#conclude(group, decided);
      this.#reportUnshown(group, decided);
      if (
        step.do === 'write' &&
        !hasToken &&
        (await this.#takeToken(group, step.batch, signal)) === 'waited'
      ) {
        hasToken = true;
        continue;
      }
      hasToken = false;
      const result = await this.#take(step, group, decided.bound);
      if (result?.is === 'not sent') {
        this.#conclude(group, decided);
        // Not requeued at once: this process is about to end, and until then would only spin.
        return { requeueAfterMs: this.#options.resyncMs };
      }
      if (result?.is === 'written') this.#noteWritten(group, decided, result.batch, result.requestId);
    }
  }

  /** For each group: the longest time, in milliseconds, that a backend has waited to leave it. */
  *longestLeaving(): Generator<{ readonly group: GroupRef; readonly ms: number }> {
    const now = this.#parts.clock.now();
    for (const group of this.#groups.values()) yield { group: group.ref, ms: group.leaving.longestMs(now) };
  }

  /** Waits until the caches are fresh. False: the loop is being stopped. */
  async #cachesAreFresh(signal: AbortSignal): Promise<boolean> {
    const { freshness } = this.#parts;
    if (!freshness.isFresh()) await freshness.untilFresh(signal).catch(() => {});
    return freshness.isFresh();
  }

  async #take(
    step: Exclude<Step, Wait>,
    group: GroupState,
    bound: readonly Bound[],
  ): Promise<WriteResult | undefined> {
    const { writer } = this.#parts;
    switch (step.do) {
      case 'write':
        return await writer.write(group, step.batch);
      case 'poll':
        return await writer.poll(group, step.job);
      case 'describe':
        await this.#look(group, bound);
        return undefined;
    }
  }

  /** Who left too shortly before is looked for by the next read, a second later: one read serves all who leave in a second. */
  async #look(group: GroupState, bound: readonly Bound[]): Promise<void> {
    const { writer, memory, clock } = this.#parts;
    const at = clock.now();
    if (!(await writer.describe(group, this.#resyncIn()))) return;
    const tooEarly = bound.map(({ object }) => memory.noteLook(object, at));
    if (tooEarly.includes(true)) group.view.resyncBy(at + LOOK_AFTER_MS);
  }

  #noteWritten(group: GroupState, { bound }: Decided, batch: Batch, requestId: string): void {
    const { reporter, memory, clock } = this.#parts;
    reporter.reportWrite(bound, group, batch, requestId);
    if (batch.action !== 'remove') return;
    const removedFor = new Set(batch.changes.map(({ claim }) => claim));
    for (const { object } of bound) if (removedFor.has(object.key)) memory.noteRemoval(object, clock.wall());
  }

  #state(key: GroupKey): GroupState {
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const { clock, random } = this.#parts;
    const { regionId, vServerGroupId, account } = splitGroupKey(key);
    const ref = vServerGroup(regionId, vServerGroupId, { account });
    const group = new GroupState(ref, clock.now(), random);
    this.#groups.set(key, group);
    return group;
  }

  #drop(key: GroupKey): Result {
    this.#groups.delete(key);
    this.#parts.drains.update(key, []);
    this.#parts.enis.forgetGroup(key);
    return 'done';
  }

  #decide(key: GroupKey, group: GroupState): Decided {
    const { memory, finalizers } = this.#parts;
    const { dryRun } = this.#options;
    const decision = decide(key, group, this.#parts, this.#options);
    group.callWith(rolesToCallWith(decision.bound));
    if (lookForUnseen(decision, memory)) group.view.resyncBy(decision.now + LOOK_AFTER_MS);
    keep(decision, group, memory, dryRun);
    if (!dryRun)
      for (const { object, claim, granted, isClosed } of decision.bound)
        if (claim !== undefined && granted.is !== 'no role' && !isClosed) finalizers.ensure(object);
    this.#note(key, group, decision);
    return { ...decision, step: this.#step(group, decision) };
  }

  #step(group: GroupState, { plan, claims, now }: Decision): Step {
    if (claims.length === 0 || group.isOutOfReach)
      return { do: 'wait', at: Number.POSITIVE_INFINITY, urgent: false };
    const visible = this.#options.dryRun ? { batches: [] } : plan;
    return nextStep(visible, group, this.#options, now, plan.wakeAt);
  }

  /** Passes the plan on to everything that tracks time or failures from it. */
  #note(key: GroupKey, group: GroupState, { now, plan }: Decision): void {
    const { batches, reports } = plan;
    const lingering = new Set(plan.lingering);
    const draining: string[] = [];
    for (const { claim, records } of reports) {
      for (const [backend, record] of records) {
        if (record.podUID === undefined) continue;
        if (record.state === 'Draining' || lingering.has(backend)) draining.push(record.podUID);
        else if (record.state === 'Removing') this.#noteLeaver(group, claim, record.podUID, record.row);
      }
    }
    this.#parts.drains.update(key, draining);
    const { view, attempts, leaving, pace, unshown } = group;
    unshown.planned(reports, now);
    leaving.planned(plan, reports, (backend) => attempts.refusals.has(backend), now);
    pace.planned(batches, now);
    if (view.rows !== undefined && !view.inDoubt) attempts.forgetNeedless(batches, view.rows, reports, now);
  }

  /** Not in RemoveOnly mode: there something else added the row, with an ENI that nobody has compared. */
  #noteLeaver({ ref: { regionId } }: GroupState, { mode }: Claim, podUID: string, row: Row): void {
    const { type, serverIp, serverId } = row;
    if (mode === 'Sync' && type === 'eni' && serverIp !== undefined)
      this.#parts.enis.noteLeaver(regionId, serverIp, podUID, serverId);
  }

  /** After a wait the caller must decide again: the plan is stale. */
  async #takeToken(
    { ref }: GroupState,
    { action, urgent }: Batch,
    signal: AbortSignal,
  ): Promise<'at once' | 'waited'> {
    const { groups, clock } = this.#parts;
    const before = clock.now();
    try {
      await groups.acquire(ref, action, urgent, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      return 'waited';
    }
    return clock.now() - before < SAME_TURN_MS ? 'at once' : 'waited';
  }

  /**
   * Nothing more can be done for now: reports that, releases the bindings that may go, and returns when to reconcile next. Of a
   * binding that goes nothing is reported, unless it was not let go.
   */
  #conclude(group: GroupState, decided: Decided): Result {
    const { plan, step } = decided;
    const { reporter, finalizers, writer, clock, memory, gates, names } = this.#parts;
    const { dryRun } = this.#options;
    if (dryRun && group.view.rows !== undefined) writer.withhold(group, group.withheld.news(plan.batches));
    const isMissing = [...group.attempts.failures.values()].some(
      ({ error }) => error.kind === 'groupMissing',
    );
    const namesAreDue = clock.now() - group.namesAskedAt >= this.#options.resyncMs;
    if (namesAreDue) group.namesAskedAt = clock.now();
    for (const one of decided.bound) {
      const { object, granted, claim } = one;
      if (one.isClosed) continue;
      // Without a claim, the group is not read: its name alone shows that it was recreated.
      const isUnread = granted.is === 'none' && claim === undefined;
      if (isMissing || (namesAreDue && isUnread)) names.groupMayBeGone(object);
      if (names.isRecording(object) && !isBeingDeleted(object)) continue;
      const facts = this.#factsOf(group, decided, one);
      gates?.concluded(object, facts);
      const mayGo = () => (granted.is === 'no role' ? mayGoWithoutRole(object) : hasNothingLeft(facts));
      const goes = isBeingDeleted(object) && !dryRun && mayGo();
      if (goes) finalizers.release(object);
      if (!goes || facts.unwritten !== undefined) reporter.report(one, facts, memory.lastRemovalOf(object));
    }
    if (step.do !== 'wait' || !Number.isFinite(step.at)) return { requeueAfterMs: this.#options.resyncMs };
    return {
      requeueAfterMs: Math.max(0, step.at - clock.now()),
      priority: step.urgent ? 'high' : 'normal',
    };
  }

  /** Rows that wait for a status are reported before the step is taken, so that they do not have to wait for that too. */
  #reportUnshown(group: GroupState, decided: Decided): void {
    const { reporter, memory } = this.#parts;
    if (group.unshown.size === 0) return;
    for (const one of decided.bound) {
      if (one.isClosed) continue;
      const facts = this.#factsOf(group, decided, one);
      if (facts.report?.unshown.length) reporter.report(one, facts, memory.lastRemovalOf(one.object));
    }
  }

  #factsOf(group: GroupState, { plan, missingEnis }: Decided, { object, granted, claim }: Bound) {
    const report = plan.reports.find((one) => one.claim === claim);
    const wasRead = group.view.rows !== undefined || statusOf(object)?.loadBalancerId !== undefined;
    const { memory, finalizers } = this.#parts;
    const unlooked = memory.unlookedOf(object);
    const unwritten = finalizers.failureOf(object);
    const { batches } = plan;
    const { dryRun } = this.#options;
    return { group, wasRead, granted, report, batches, missingEnis, unlooked, unwritten, dryRun };
  }

  #resyncIn(): number {
    return this.#options.resyncMs * (0.9 + this.#parts.random() * 0.2);
  }
}
