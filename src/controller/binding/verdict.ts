import type { Reason } from '../../api/conditions.ts';
import type { UnreadableBinding, VServerGroupBinding } from '../../api/vservergroupbinding.ts';
import { groupName } from '../../cloud/group-ref.ts';
import { isRefusal } from '../../kubernetes/client/api-error.ts';
import { byCodeUnit, slotOf } from '../../membership/backend.ts';
import type { Member } from '../../membership/desired/member.ts';
import type { Batch, Change } from '../../membership/plan/batches.ts';
import type { BackendRecord, FormerMember } from '../../membership/plan/claim.ts';
import type { ClaimReport } from '../../membership/plan/plan.ts';
import { type BindingObject, isBeingDeleted, statusOf } from '../cluster/cluster-caches.ts';
import type { MissingEni } from '../group/eni-directory.ts';
import { lasts, outcomeOf } from '../group/outcome.ts';
import type { RefusedBackend } from '../group/state/attempts.ts';
import type { GroupState } from '../group/state/group-state.ts';
import type { FinalizerFailure } from './finalizers.ts';
import { type Granted, NOT_GRANTED, ROLE_NOT_ALLOWED, wasRefused } from './granted.ts';
import { messages } from './messages.ts';
import { countRecorded } from './records.ts';
import { fateOf, recordedBackends } from './unreadable.ts';

/** Everything that one binding's status depends on. */
export interface StatusInput extends BindingFacts {
  readonly binding: VServerGroupBinding;
}

/** The state of the group, as far as it concerns one binding. */
export interface BindingFacts {
  readonly group: GroupState;
  /** By this process or, as the status of the binding shows, by one before it. */
  readonly wasRead: boolean;
  readonly granted: Granted;
  /** Undefined for a binding that has no claim on its group. */
  readonly report: ClaimReport | undefined;
  readonly batches: readonly Batch[];
  readonly missingEnis: readonly MissingEni[];
  /** Members that left, and for which the group is still to be read (FormerMembers). */
  readonly unlooked: readonly FormerMember[];
  /** The finalizer of the binding, if it could not be written. */
  readonly unwritten?: FinalizerFailure | undefined;
  readonly dryRun: boolean;
}

/** What the conditions say about a binding. */
export interface BindingVerdict {
  readonly ready: boolean;
  readonly reason: Reason;
  readonly message: string;
  readonly reconciling: boolean;
  readonly stalled: boolean;
}

/** The verdict on a binding that is on a group. */
export function verdictOn(object: BindingObject, input: BindingFacts): BindingVerdict {
  const { key, parsed } = object;
  const unreleased = unreleasedVerdict(input);
  if (unreleased !== undefined) return unreleased;
  if (input.granted.is === 'no role') return roleVerdict(object, input.granted, groupName(input.group.ref));
  return parsed.ok ? verdictOf({ ...input, binding: parsed.binding }) : unreadableVerdict(key, parsed, input);
}

/**
 * The verdict on a binding, readable or not, whose role the operator may not assume. `where`: the group or load balancer that
 * is not called for it.
 */
export function roleVerdict(object: BindingObject, granted: Granted, where: string): BindingVerdict {
  const { key } = object;
  const left = isBeingDeleted(object) ? countRecorded(statusOf(object)?.backends ?? []) : 0;
  const message =
    left === 0
      ? messages.roleNotAllowed(key, granted, where)
      : messages.deletionWithoutRole(key, granted, left, where);
  return { ...STALLED, reason: ROLE_NOT_ALLOWED, message };
}

/**
 * The first verdict that applies. What someone has to act on comes before what passes on its own. Nothing is asked for a binding that
 * is being deleted.
 */
export function verdictOf(input: StatusInput): BindingVerdict {
  const isDeleted = isLeaving(input.binding);
  const ofLiving = (verdict: (of: StatusInput) => BindingVerdict | undefined) =>
    isDeleted ? undefined : verdict(input);
  return (
    unreleasedVerdict(input) ??
    ofLiving(notGrantedVerdict) ??
    suspendedVerdict(input) ??
    failureVerdict(input, true) ??
    ofLiving(undeterminedVerdict) ??
    unguardedVerdict(input, true) ??
    ofLiving(exclusiveVerdict) ??
    failureVerdict(input, false) ??
    unguardedVerdict(input, false) ??
    ofLiving(undecidedVerdict) ??
    heldVerdict(input) ??
    refusedVerdict(input) ??
    ofLiving(unreachableVerdict) ??
    ofLiving(memberVerdict) ??
    dryRunVerdict(input) ??
    (isDeleted ? deletingVerdict(input) : progressVerdict(input))
  );
}

/**
 * The verdict on a binding whose spec can't be read.
 *
 * | its backends are (unreadable.ts) | = verdict                                                      |
 * |----------------------------------|----------------------------------------------------------------|
 * | kept, without a grant            | that, and what can't be read                                   |
 * | kept                             | what can't be read                                             |
 * | undecided                        | which fields decide, and what can't be read                    |
 * | leaving, left behind             | the progress of its deletion, and what blocks it               |
 */
export function unreadableVerdict(
  key: string,
  unreadable: UnreadableBinding,
  input: BindingFacts,
): BindingVerdict {
  const fate = fateOf(unreadable);
  const { granted, group } = input;
  if (fate.is === 'kept' && granted.is === 'none')
    return {
      ...REFUSED,
      message: messages.unreadableNotGranted(key, unreadable.message, granted, group.ref),
    };
  if (fate.is === 'kept') return invalidVerdict(key, unreadable);
  if (fate.is !== 'undecided') return leavingVerdict(input);
  const message = messages.deletionUndecided(key, fate.by, unreadable.message, group.ref);
  return { ...STALLED, reason: 'DeletionBlocked', message };
}

/** The verdict on an unreadable binding whose group can't be read either. */
export function grouplessVerdict(object: BindingObject, unreadable: UnreadableBinding): BindingVerdict {
  const { key } = object;
  const left = recordedBackends(unreadable);
  if (fateOf(unreadable).is === 'kept' || left === 0) {
    const verdict = invalidVerdict(key, unreadable);
    // Whether it is granted the group can't be told, so what was told stays.
    return wasRefused(object) ? { ...verdict, reason: NOT_GRANTED } : verdict;
  }
  const message = messages.deletionWithoutGroup(key, left, unreadable.message);
  return { ...STALLED, reason: 'DeletionBlocked', message };
}

const STALLED = { ready: false, reconciling: false, stalled: true } as const;
export const FINALIZER_NOT_WRITTEN = 'FinalizerNotWritten' satisfies Reason;
/** Comes first for a binding that is not being deleted, readable or not: the next evaluation depends on this reason (granted.ts). */
const REFUSED = { ...STALLED, reason: NOT_GRANTED } as const;

function invalidVerdict(key: string, { message }: UnreadableBinding): BindingVerdict {
  return { ...STALLED, reason: 'InvalidSpec', message: messages.invalidSpec(key, message) };
}

function leavingVerdict(input: BindingFacts): BindingVerdict {
  return (
    failureVerdict(input, true) ??
    failureVerdict(input, false) ??
    refusedVerdict(input) ??
    dryRunVerdict(input) ??
    deletingVerdict(input)
  );
}

function notGrantedVerdict({ group, granted }: BindingFacts): BindingVerdict | undefined {
  if (granted.is !== 'none') return undefined;
  return { ...REFUSED, message: messages.groupNotGranted(granted, group.ref) };
}

function exclusiveVerdict({ binding, group, granted }: StatusInput): BindingVerdict | undefined {
  if (granted.is !== 'shared' || binding.spec.ownership === 'Shared') return undefined;
  const message = messages.exclusiveNotGranted(granted, group.ref);
  return { ...STALLED, reason: 'ExclusiveNotGranted', message };
}

/** Comes first, whatever the spec says: only its finalizer still keeps the binding. */
function unreleasedVerdict({ unwritten }: BindingFacts): BindingVerdict | undefined {
  if (unwritten?.write !== 'remove') return undefined;
  return finalizerVerdict(unwritten, messages.finalizerNotRemoved(unwritten));
}

/** Nothing is added for a binding without finalizer. */
function unguardedVerdict({ group, unwritten }: BindingFacts, stalled: boolean): BindingVerdict | undefined {
  if (unwritten?.write !== 'add' || isRefusal(unwritten.error) !== stalled) return undefined;
  return finalizerVerdict(unwritten, messages.finalizerNotAdded(unwritten, group.ref));
}

/** A refusal lasts until someone acts; any other failure may pass. */
export function finalizerVerdict({ error }: FinalizerFailure, message: string): BindingVerdict {
  return { ...(isRefusal(error) ? STALLED : WAITING), reason: FINALIZER_NOT_WRITTEN, message };
}

/** The grant is decided once the group has been read, or the namespace is known. */
function undecidedVerdict({ group, granted }: BindingFacts): BindingVerdict | undefined {
  if (granted.is !== 'undecided' && granted.is !== 'unknown') return undefined;
  return { ...WAITING, reason: 'Progressing', message: messages.reading(group.ref) };
}

function isLeaving({ metadata }: VServerGroupBinding): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function suspendedVerdict({ binding, group }: StatusInput): BindingVerdict | undefined {
  if (!binding.spec.suspend) return undefined;
  return {
    ready: false,
    reason: 'Suspended',
    message: messages.suspended(group.ref),
    reconciling: false,
    stalled: false,
  };
}

function failureVerdict(
  { group, wasRead, batches, report }: BindingFacts,
  stalled: boolean,
): BindingVerdict | undefined {
  const isOwn = concerning(report);
  for (const [action, { error, attempts }] of group.attempts.failures) {
    if (lasts(error, wasRead) !== stalled || attempts < outcomeOf(error).tellAfter) continue;
    const waiting = batches
      .filter((batch) => batch.action === action)
      .flatMap(({ changes }) => changes.filter(isOwn).map(({ row }) => row));
    if (action !== 'describe' && waiting.length === 0) continue;
    return {
      ready: false,
      reason: error.reason,
      message: messages.apiFailure(error, waiting),
      reconciling: !stalled,
      stalled,
    };
  }
  return undefined;
}

function undeterminedVerdict({ group, report }: BindingFacts): BindingVerdict | undefined {
  if (report?.claim.desired.kind !== 'undetermined') return undefined;
  const { problem } = report.claim.desired;
  return {
    ready: false,
    reason: problem.reason as Reason,
    message: messages.undetermined(problem, group.ref),
    reconciling: false,
    stalled: true,
  };
}

const WAITING = { ready: false, reconciling: true, stalled: false } as const;

function heldVerdict({ binding, group, report }: StatusInput): BindingVerdict | undefined {
  const held =
    report === undefined ? [] : [...report.records.values()].filter(({ state }) => state === 'Held');
  if (held.length === 0) return undefined;
  const rows = held.map(({ row }) => row);
  const message = messages.heldByMinBackends(rows, binding.spec.minBackends, group.ref);
  return { ...WAITING, reason: 'HeldByMinBackends', message };
}

function refusedVerdict({ group, report }: BindingFacts): BindingVerdict | undefined {
  const refused = refusalsOf(group, report);
  if (refused.length === 0) return undefined;
  return { ...WAITING, reason: 'BackendsRefused', message: messages.backendsRefused(refused, group.ref) };
}

function unreachableVerdict({ group, report }: BindingFacts): BindingVerdict | undefined {
  const unreachable = report?.unreachable ?? [];
  if (unreachable.length === 0) return undefined;
  return { ...WAITING, reason: 'NodesNotReady', message: messages.nodesNotReady(unreachable, group.ref) };
}

/** Endpoints that are not pods of this cluster and cloud and whose address no ENI has: reported, but nothing waits for them. */
export function outsidersOf({ report, missingEnis }: BindingFacts): readonly Member[] {
  if (report === undefined || missingEnis.length === 0) return [];
  const { livePods } = report.claim;
  const isOutside = ({ outside, podUID }: Member) =>
    outside || podUID === undefined || (livePods !== undefined && !livePods.has(podUID));
  const missing = missingEnis.filter(({ member, lookup }) => lookup.state === 'missing' && isOutside(member));
  const slots = new Set(missing.map(({ member }) => member.slot));
  return report.pending.filter(({ slot }) => slots.has(slot));
}

function memberVerdict(input: BindingFacts): BindingVerdict | undefined {
  const { group, report, missingEnis } = input;
  const desired = report?.claim.desired;
  if (desired?.kind !== 'members') return undefined;
  const outside = new Set(outsidersOf(input).map(({ slot }) => slot));
  // Those of all bindings on the group are looked up together.
  const own = new Set(missingEnis.length === 0 ? [] : desired.members.map(({ slot }) => slot));
  const missing = missingEnis.filter(
    ({ member: { slot }, lookup }) => lookup.state !== 'pending' && own.has(slot) && !outside.has(slot),
  );
  if (missing.length > 0) return { ...WAITING, ...missingEniProblem(missing, group) };
  const problem = desired.problems.find(({ reason }) => reason === 'NodeWithoutInstance');
  if (problem === undefined) return undefined;
  return {
    ...WAITING,
    reason: problem.reason as Reason,
    message: messages.nodeWithoutInstance(problem, group.ref),
  };
}

function missingEniProblem(
  missing: readonly MissingEni[],
  { ref }: GroupState,
): Pick<BindingVerdict, 'reason' | 'message'> {
  const members = missing.map(({ member }) => member);
  const failed = missing.flatMap(({ lookup }) => (lookup.state === 'failed' ? [lookup.error] : []))[0];
  if (failed === undefined) return { reason: 'EniNotFound', message: messages.eniNotFound(members, ref) };
  return { reason: failed.reason, message: messages.eniLookupFailed(failed, members, ref) };
}

const IN_DRY_RUN = { ready: false, reason: 'DryRun', reconciling: false, stalled: false } as const;

function dryRunVerdict({ group, report, batches, dryRun }: BindingFacts): BindingVerdict | undefined {
  const own = ownBatches(batches, report);
  if (!dryRun || own.length === 0) return undefined;
  return { ...IN_DRY_RUN, message: messages.dryRun(own, group.ref) };
}

function deletingVerdict({ group, report, dryRun }: BindingFacts): BindingVerdict {
  const left = [...(report?.records.values() ?? [])].filter(leaves).length;
  if (dryRun && left === 0 && group.view.rows !== undefined)
    return { ...IN_DRY_RUN, message: messages.dryRunKeeps(group.ref) };
  return { ...WAITING, reason: 'Deleting', message: messages.deleting(left, group.ref) };
}

/** Others stay although the binding is deleted: the live ones of RemoveOnly, and those that pass to another binding. */
function leaves({ state, drainingSince }: BackendRecord): boolean {
  return state === 'Draining' ? drainingSince !== undefined : state !== 'Registered';
}

function progressVerdict(input: BindingFacts): BindingVerdict {
  const { group, report, batches } = input;
  const { ref } = group;
  const own = ownBatches(batches, report);
  const outside = outsidersOf(input);
  const pending = report?.claim.mode === 'Sync' ? report.pending.length - outside.length : 0;
  if (group.view.rows === undefined || own.length > 0 || pending > 0) {
    const adding = own.reduce((sum, { action, changes }) => sum + (action === 'add' ? changes.length : 0), 0);
    const message =
      group.view.rows === undefined
        ? messages.reading(ref)
        : messages.progressing(own, pending - adding, ref);
    return { ready: false, reason: 'Progressing', message, reconciling: true, stalled: false };
  }
  // `draining` ends on its own; `drained` lasts while the node is drained or departing.
  const [draining, drained] = drainsOf(report);
  const foreign = report?.foreignMembers.length ?? 0;
  return {
    ready: true,
    reason: 'Synced',
    message: messages.synced(
      desiredCount(report) - outside.length,
      { foreign, draining, drained, outside },
      ref,
    ),
    reconciling: draining > 0,
    stalled: false,
  };
}

function drainsOf(report: ClaimReport | undefined): readonly [leaving: number, withNode: number] {
  const all = [...(report?.records.values() ?? [])].filter(({ state }) => state === 'Draining');
  const leaving = all.filter(leaves).length;
  return [leaving, all.length - leaving];
}

/** The part of the batches that is done for this binding. */
function ownBatches(batches: readonly Batch[], report: ClaimReport | undefined): readonly Batch[] {
  return batches.flatMap((batch) => {
    const changes = batch.changes.filter(({ claim }) => claim === report?.claim.id);
    return changes.length === 0 ? [] : [{ ...batch, changes }];
  });
}

/** Tells backends of the binding, present and missing ones, from those of others on the group. */
function concerning(report: ClaimReport | undefined): (backend: Pick<Change, 'key' | 'row'>) => boolean {
  const places = new Set(report?.pending.map(({ slot }) => slot));
  return ({ key, row }) => report?.records.has(key) || places.has(slotOf(row));
}

/** The refused backends of this binding, in an order that no retry changes. */
export function refusalsOf(
  { attempts }: GroupState,
  report: ClaimReport | undefined,
): readonly RefusedBackend[] {
  const isOwn = concerning(report);
  return [...attempts.refusals]
    .filter(([key, { row }]) => isOwn({ key, row }))
    .sort(([a], [b]) => byCodeUnit(a, b))
    .map(([, refusal]) => refusal);
}

export function desiredCount(report: ClaimReport | undefined): number {
  if (report === undefined) return 0;
  const { desired } = report.claim;
  if (desired.kind === 'members') return desired.members.length - report.passedOver;
  return [...report.records.values()].filter(({ state }) => state === 'Registered').length;
}
