import type { Batch } from '../../membership/plan/batches.ts';
import type { GroupPlan } from '../../membership/plan/plan.ts';
import type { GroupState } from './group-state.ts';

export interface Pacing {
  /** Milliseconds from the start of a write to a group to the next one. */
  readonly writeSpacingMs: number;
  /** The same from addition to addition. */
  readonly addWindowMs: number;
  readonly batchSize: number;
}

export type Step =
  | { readonly do: 'describe' }
  | { readonly do: 'write'; readonly batch: Batch }
  /** Nothing may go before `at` (`Clock.now()` milliseconds). */
  | { readonly do: 'wait'; readonly at: number };

/** How often additions may be passed over by removals before one batch of them gets its turn. */
const PATIENCE_WINDOWS = 4;

/**
 * What to do with a group now. Times are `Clock.now()` milliseconds; `wakeAt` is when the plan's next drain ends.
 *
 * | the group was | plan                       | = step                                          |
 * |---------------|----------------------------|-------------------------------------------------|
 * | never read    | removals known from status | write them: the reply is as good as a Describe  |
 * | never read    | anything else              | describe                                        |
 * | read, in doubt | anything                  | describe: an unknown outcome is looked at first |
 * | read          | a batch that may go        | write the first                                 |
 * | read          | only batches that rest     | wait for the first of them                      |
 * | read          | nothing, resync due        | describe                                        |
 * | read          | nothing                    | wait for resync or the next drain's end         |
 *
 * A batch may go when its action does not rest after a failure and, unless it is full or a piece of a refused batch,
 * the write spacing is over; additions and weights also wait for the add window. Removals go first, but a batch of
 * additions that was passed over for four windows gets one turn.
 */
export function nextStep(
  plan: GroupPlan,
  group: GroupState,
  pacing: Pacing,
  now: number,
  wakeAt: number | undefined,
): Step {
  const candidates = inTurn(plan.batches, group, pacing, now);
  const first = candidates[0];
  if (group.needsDescribe && !(group.rows === undefined && first?.action === 'remove')) {
    const at = restsUntil(group, 'describe');
    return at > now ? { do: 'wait', at } : { do: 'describe' };
  }
  let earliest = Math.min(wakeAt ?? Number.POSITIVE_INFINITY, nextRetry(group, now), group.resyncAt);
  for (const batch of candidates) {
    const at = mayGoAt(batch, group, pacing);
    if (at <= now) return { do: 'write', batch };
    earliest = Math.min(earliest, at);
    if (batch.urgent && !isResting(batch, group, now)) break;
  }
  if (group.resyncAt <= now) {
    const at = restsUntil(group, 'describe');
    return at > now ? { do: 'wait', at: Math.min(at, earliest > now ? earliest : at) } : { do: 'describe' };
  }
  return { do: 'wait', at: earliest };
}

function inTurn(batches: readonly Batch[], group: GroupState, pacing: Pacing, now: number): readonly Batch[] {
  const passedOver = batches.find(({ urgent }) => !urgent);
  const waitedFor = now - (group.additionsWaitSince ?? now);
  if (passedOver === undefined || waitedFor < PATIENCE_WINDOWS * pacing.addWindowMs) return batches;
  return [passedOver, ...batches.filter((batch) => batch !== passedOver)];
}

function mayGoAt(batch: Batch, group: GroupState, pacing: Pacing): number {
  const rested = restsUntil(group, batch.action);
  const full = batch.changes.length >= pacing.batchSize;
  const piece = batch.changes.some(({ key }) => group.cohorts.has(key));
  if (full || piece) return rested;
  const spaced = group.lastWriteAt + pacing.writeSpacingMs;
  const gathered = batch.urgent ? spaced : group.lastAdditionAt + pacing.addWindowMs;
  return Math.max(rested, spaced, gathered);
}

function restsUntil(group: GroupState, action: Batch['action'] | 'describe'): number {
  return group.failures.get(action)?.retryAt ?? Number.NEGATIVE_INFINITY;
}

function isResting(batch: Batch, group: GroupState, now: number): boolean {
  return restsUntil(group, batch.action) > now;
}

/** When the first refused backend is tried again. */
function nextRetry(group: GroupState, now: number): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { retryAt } of group.refusals.values()) if (retryAt > now) first = Math.min(first, retryAt);
  return first;
}
