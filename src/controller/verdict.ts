import type { Reason } from '../api/conditions.ts';
import type { VServerGroupBinding } from '../api/vservergroupbinding.ts';
import type { Batch } from '../membership/batches.ts';
import type { ClaimReport } from '../membership/plan.ts';
import type { MissingEni } from './eni-directory.ts';
import type { GroupState, Refusal } from './group-state.ts';
import { messages } from './messages.ts';
import { outcomeOf } from './outcome.ts';

/** Everything that one binding's status tells of. */
export interface StatusInput {
  readonly binding: VServerGroupBinding;
  readonly group: GroupState;
  /** Undefined for a binding that has no claim on its group any more. */
  readonly report: ClaimReport | undefined;
  readonly batches: readonly Batch[];
  readonly missingEnis: readonly MissingEni[];
  readonly dryRun: boolean;
  readonly wall: number;
}

/** What the conditions say of a binding. */
export interface Verdict {
  readonly ready: boolean;
  readonly reason: Reason;
  readonly message: string;
  readonly reconciling: boolean;
  readonly stalled: boolean;
}

/** One answer for a binding: the first row that fits. What someone has to act on comes before what passes by itself. */
export function verdictOf(input: StatusInput): Verdict {
  return (
    suspendedVerdict(input) ??
    failureVerdict(input, true) ??
    undeterminedVerdict(input) ??
    failureVerdict(input, false) ??
    backendsVerdict(input) ??
    progressVerdict(input)
  );
}

function suspendedVerdict({ binding, group }: StatusInput): Verdict | undefined {
  if (!binding.spec.suspend) return undefined;
  return {
    ready: false,
    reason: 'Suspended',
    message: messages.suspended(group.ref),
    reconciling: false,
    stalled: false,
  };
}

function failureVerdict({ group, batches, report }: StatusInput, stalled: boolean): Verdict | undefined {
  for (const [action, { error, attempts }] of group.failures) {
    const outcome = outcomeOf(error);
    if (outcome.stalled !== stalled || attempts < outcome.tellAfter) continue;
    const waiting = ownBatches(batches, report)
      .filter((batch) => batch.action === action)
      .flatMap(({ changes }) => changes.map(({ row }) => row));
    return {
      ready: false,
      reason: outcome.reason,
      message: messages.apiFailure(error, waiting),
      reconciling: !stalled,
      stalled,
    };
  }
  return undefined;
}

function undeterminedVerdict({ group, report }: StatusInput): Verdict | undefined {
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

function backendsVerdict({ binding, group, report, missingEnis }: StatusInput): Verdict | undefined {
  const held =
    report === undefined ? [] : [...report.records.values()].filter(({ state }) => state === 'Held');
  const waiting = { ready: false, reconciling: true, stalled: false };
  if (held.length > 0) {
    const rows = held.map(({ row }) => row);
    const message = messages.heldByMinBackends(rows, binding.spec.minBackends, group.ref);
    return { ...waiting, reason: 'HeldByMinBackends', message };
  }
  const refused = refusalsOf(group, report);
  if (refused.length > 0) {
    const message = messages.backendsRefused(refused, group.ref);
    return { ...waiting, reason: 'BackendsRefused', message };
  }
  const missing = missingEnis.filter(({ lookup }) => lookup.state !== 'pending');
  if (missing.length > 0) return { ...waiting, ...missingEniProblem(missing, group) };
  const problem =
    report?.claim.desired.kind === 'members'
      ? report.claim.desired.problems.find(({ reason }) => reason === 'NodeWithoutInstance')
      : undefined;
  if (problem === undefined) return undefined;
  return {
    ...waiting,
    reason: problem.reason as Reason,
    message: messages.nodeWithoutInstance(problem, group.ref),
  };
}

function missingEniProblem(
  missing: readonly MissingEni[],
  { ref }: GroupState,
): Pick<Verdict, 'reason' | 'message'> {
  const members = missing.map(({ member }) => member);
  const failed = missing.flatMap(({ lookup }) => (lookup.state === 'failed' ? [lookup.error] : []))[0];
  if (failed === undefined) return { reason: 'EniNotFound', message: messages.eniNotFound(members, ref) };
  return { reason: outcomeOf(failed).reason, message: messages.eniLookupFailed(failed, members, ref) };
}

function progressVerdict({ binding, group, report, batches, dryRun }: StatusInput): Verdict {
  const { ref } = group;
  const own = ownBatches(batches, report);
  if (dryRun && own.length > 0) {
    const message = messages.dryRun(own, ref);
    return { ready: false, reason: 'DryRun', message, reconciling: false, stalled: false };
  }
  if (binding.metadata.deletionTimestamp !== undefined) {
    const left = report?.records.size ?? 0;
    if (dryRun && left === 0 && group.rows !== undefined) {
      const message = messages.dryRunKeeps(ref);
      return { ready: false, reason: 'DryRun', message, reconciling: false, stalled: false };
    }
    const message = messages.deleting(left, ref);
    return { ready: false, reason: 'Deleting', message, reconciling: true, stalled: false };
  }
  const pending = report?.claim.mode === 'Sync' ? report.pending.length : 0;
  if (group.rows === undefined || own.length > 0 || pending > 0) {
    const adding = own.reduce((sum, { action, changes }) => sum + (action === 'add' ? changes.length : 0), 0);
    const message =
      group.rows === undefined ? messages.reading(ref) : messages.progressing(own, pending - adding, ref);
    return { ready: false, reason: 'Progressing', message, reconciling: true, stalled: false };
  }
  // Only a drain that ends by itself has a beginning: that of a node lasts until its label is taken away.
  const [draining, drained] = drainsOf(report);
  const foreign = report?.foreignMembers.length ?? 0;
  return {
    ready: true,
    reason: 'Synced',
    message: messages.synced(desiredCount(report), { foreign, draining, drained }, ref),
    reconciling: draining > 0,
    stalled: false,
  };
}

function drainsOf(report: ClaimReport | undefined): readonly [leaving: number, withNode: number] {
  const all = [...(report?.records.values() ?? [])].filter(({ state }) => state === 'Draining');
  const leaving = all.filter(({ drainingSince }) => drainingSince !== undefined).length;
  return [leaving, all.length - leaving];
}

/** Of the batches, what is done for this binding. */
function ownBatches(batches: readonly Batch[], report: ClaimReport | undefined): readonly Batch[] {
  return batches.flatMap((batch) => {
    const changes = batch.changes.filter(({ claim }) => claim === report?.claim.id);
    return changes.length === 0 ? [] : [{ ...batch, changes }];
  });
}

/** The refused backends that are this binding's. */
export function refusalsOf({ refusals }: GroupState, report: ClaimReport | undefined): readonly Refusal[] {
  if (report === undefined) return [];
  const places = new Set(report.pending.map((member) => `${member.ip ?? member.instanceId}:${member.port}`));
  return [...refusals].flatMap(([key, refusal]) => {
    const place = `${refusal.row.serverIp ?? refusal.row.serverId}:${refusal.row.port}`;
    return report.records.has(key) || places.has(place) ? [refusal] : [];
  });
}

export function desiredCount(report: ClaimReport | undefined): number {
  if (report === undefined) return 0;
  const { desired } = report.claim;
  if (desired.kind === 'members') return desired.members.length - report.passedOver;
  return [...report.records.values()].filter(({ state }) => state === 'Registered').length;
}
