import type { Batch, Change } from '../../membership/plan/batches.ts';
import type { ClaimReport } from '../../membership/plan/plan.ts';
import { type BindingObject, metadataOf, specOf, statusOf } from '../cluster/cluster-caches.ts';
import { CONTRADICTORY_REPLY } from '../group/group-writer.ts';
import { lasts } from '../group/outcome.ts';
import type { Attempts } from '../group/state/attempts.ts';
import { mayGoWithoutGroup } from './unreadable.ts';
import type { BindingFacts } from './verdict.ts';

/**
 * Whether a binding that is being deleted may go. The first matching row decides.
 *
 * | its rows                                                      | the group                                        | may go |
 * |---------------------------------------------------------------|--------------------------------------------------|--------|
 * | stay where they are (`Retain`, suspended)                     | –                                                | yes    |
 * | –                                                             | does not exist any more                          | yes    |
 * | some pass to a binding whose status does not show them yet    | –                                                | no     |
 * | Sync: some are recorded                                       | –                                                | no     |
 * | RemoveOnly: some can still leave, or get their weight back    | –                                                | no     |
 * | RemoveOnly: some may be unseen, of members that have left     | will be read, without anyone having to act       | no     |
 * | –                                                             | was read, with no write of unknown outcome since | yes    |
 * | RemoveOnly: all known rows stay                               | can't be read, and someone has to act            | yes    |
 * | Sync: none is recorded                                        | was never read, and someone has to act           | yes    |
 * | –                                                             | any other                                        | no     |
 *
 * A write of unknown outcome may have added rows, or changed weights, that nothing records yet. Nothing was added to a group
 * that was never read, so an unknown region or a missing permission must not block the deletion for ever. Neither must a row
 * that something else added and that the API refuses to remove.
 */
export function hasNothingLeft({
  report,
  batches,
  unlooked,
  group: { attempts, view },
  wasRead,
}: BindingFacts): boolean {
  const failure = attempts.failures.get('describe')?.error;
  if (report === undefined || failure?.kind === 'groupMissing') return true;
  if (report.passing) return false;
  const isRemoveOnly = report.claim.mode === 'RemoveOnly';
  if (isRemoveOnly ? hasWorkLeft(report, batches, attempts) : report.records.size > 0) return false;
  if (view.isReliable && !(isRemoveOnly && unlooked.length > 0)) return true;
  return (isRemoveOnly || !wasRead) && failure !== undefined && lasts(failure, wasRead);
}

/**
 * The same for a binding whose role the operator may not assume, so that its group is not even read: according to its status
 * it has nothing in the group, or it leaves its backends there.
 */
export function mayGoWithoutRole(object: BindingObject): boolean {
  return mayGoWithoutGroup({
    metadata: metadataOf(object),
    fields: specOf(object),
    misfits: object.parsed.ok ? [] : object.parsed.misfits,
    status: statusOf(object),
  });
}

/** A write that was refused this often, or accepted but not carried out, is no longer waited for. */
const VAIN_ATTEMPTS = 5;

function hasWorkLeft(
  { claim, records }: ClaimReport,
  batches: readonly Batch[],
  { failures, refusals }: Attempts,
): boolean {
  const draining = [...records.values()].some(
    ({ state, drainingSince }) => state === 'Draining' && drainingSince !== undefined,
  );
  const refused = [...refusals].some(([key, { attempts }]) => records.has(key) && attempts < VAIN_ATTEMPTS);
  const isVain = (action: Batch['action']) => {
    const failed = failures.get(action);
    return failed?.error.code === CONTRADICTORY_REPLY && failed.attempts >= VAIN_ATTEMPTS;
  };
  const isWaiting = ({ key, claim: id }: Change) =>
    id === claim.id && (refusals.get(key)?.attempts ?? 0) < VAIN_ATTEMPTS;
  return (
    draining || refused || batches.some(({ action, changes }) => changes.some(isWaiting) && !isVain(action))
  );
}
