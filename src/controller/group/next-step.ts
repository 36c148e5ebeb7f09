import type { WriteAction } from '../../membership/backend.ts';
import type { Batch } from '../../membership/plan/batches.ts';
import type { GroupPlan } from '../../membership/plan/plan.ts';
import type { Attempts, RefusedBackend } from './state/attempts.ts';
import type { GroupState } from './state/group-state.ts';
import type { Job } from './state/group-view.ts';
import type { WritePace } from './state/pace.ts';

export interface Pacing {
  /** Milliseconds from the start of a write to a group to the next one. */
  readonly writeSpacingMs: number;
  /** The same between two additions. */
  readonly addWindowMs: number;
  /** Rows per call. */
  readonly rowsPerCall: Readonly<Record<WriteAction, number>>;
}

export type Step =
  | { readonly do: 'describe' }
  | { readonly do: 'poll'; readonly job: Job }
  | { readonly do: 'write'; readonly batch: Batch }
  | Wait;

/** Nothing may be done before `at` (`Clock.now()` milliseconds). `urgent`: at that time something leaves that should not be there. */
export interface Wait {
  readonly do: 'wait';
  readonly at: number;
  readonly urgent: boolean;
}

/** How many add windows additions yield to removals before one batch of them gets its turn. */
const PATIENCE_WINDOWS = 4;

/**
 * Returns what to do with a group now. Times are `Clock.now()` milliseconds; `wakeAt` is when the plan's next drain ends.
 *
 * | the group              | plan                       | = step                                                |
 * |------------------------|----------------------------|-------------------------------------------------------|
 * | is applying our job    | anything                   | poll the job, at intervals                            |
 * | is applying a change   | anything                   | describe, at intervals                                |
 * | is in doubt            | anything                   | describe: an unknown outcome is resolved first        |
 * | was never read         | removals known from status | write them: the reply is as good as a Describe        |
 * | was never read         | anything else              | describe                                              |
 * | was read               | a batch that may go        | write the first such batch                            |
 * | was read               | only batches that may not  | wait until the first of them may                      |
 * | was read               | nothing, resync due        | describe                                              |
 * | was read               | nothing                    | wait for the resync or the end of the next drain      |
 *
 * A batch may go when its action is not backing off after a failure and the write spacing is over; additions and weight
 * changes also wait for the add window. A batch that is full (room.ts), or a piece of a refused batch, waits for the backoff only.
 * Removals go first, but after four add windows of waiting one batch of additions gets a turn.
 */
export function nextStep(
  plan: Pick<GroupPlan, 'batches'>,
  { view, attempts, pace }: Pick<GroupState, 'view' | 'attempts' | 'pace'>,
  pacing: Pacing,
  now: number,
  wakeAt: number | undefined,
): Step {
  const candidates = inTurn(plan.batches, pace, pacing, now);
  const readAt = attempts.backsOffUntil('describe');
  const waitToLook = (at: number): Wait => ({
    do: 'wait',
    at,
    urgent: candidates.some(({ urgent }) => urgent),
  });
  if (view.pending !== undefined) {
    const { job, lookAt } = view.pending;
    if (Math.max(lookAt, readAt) > now) return waitToLook(Math.max(lookAt, readAt));
    return job === undefined ? { do: 'describe' } : { do: 'poll', job };
  }
  const presumed = view.mayPresume && candidates[0]?.action === 'remove';
  if (view.inDoubt && !presumed) return readAt > now ? waitToLook(readAt) : { do: 'describe' };
  let next = firstWithoutBatch(attempts, now, wakeAt);
  for (const batch of candidates) {
    const at = mayGoAt(batch, attempts, pace, pacing);
    if (at <= now) return { do: 'write', batch };
    next = sooner(next, at, batch.urgent);
    if (batch.urgent && attempts.backsOffUntil(batch.action) <= now) break;
  }
  if (view.resyncAt > now) return sooner(next, view.resyncAt, false);
  return readAt > now ? sooner(next, readAt, false) : { do: 'describe' };
}

function inTurn(batches: readonly Batch[], pace: WritePace, pacing: Pacing, now: number): readonly Batch[] {
  const passedOver = batches.find(({ urgent }) => !urgent);
  const patience = PATIENCE_WINDOWS * pacing.addWindowMs;
  if (passedOver === undefined || pace.additionsWaitedMs(now) < patience) return batches;
  return [passedOver, ...batches.filter((batch) => batch !== passedOver)];
}

function mayGoAt(batch: Batch, attempts: Attempts, pace: WritePace, pacing: Pacing): number {
  const backedOff = attempts.backsOffUntil(batch.action);
  const full = batch.changes.length >= attempts.room.limit(pacing.rowsPerCall)[batch.action];
  const piece = batch.changes.some(({ key }) => attempts.cohortOf(key) !== undefined);
  if (full || piece) return backedOff;
  const spaced = pace.wroteAt + pacing.writeSpacingMs;
  const gathered = batch.urgent ? spaced : pace.addedAt + pacing.addWindowMs;
  return Math.max(backedOff, spaced, gathered);
}

/** When the next drain ends or the next refused backend is retried: until then neither is in a batch. */
function firstWithoutBatch(attempts: Attempts, now: number, wakeAt = Number.POSITIVE_INFINITY): Wait {
  const retry = attempts.nextRetry(now);
  const drained: Wait = { do: 'wait', at: wakeAt, urgent: true };
  return retry === undefined ? drained : sooner(drained, retry.retryAt, isUrgent(retry));
}

function isUrgent({ action, row }: RefusedBackend): boolean {
  return action === 'remove' || (action === 'set' && row.weight === 0);
}

function sooner(wait: Wait, at: number, urgent: boolean): Wait {
  if (at > wait.at) return wait;
  return { do: 'wait', at, urgent: urgent || (at === wait.at && wait.urgent) };
}
