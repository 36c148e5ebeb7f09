import type { Reason } from '../api/conditions.ts';
import type { VServerGroupBinding } from '../api/vservergroupbinding.ts';
import type { Batch } from '../membership/batches.ts';
import type { ClaimReport } from '../membership/plan.ts';
import type { MissingEni } from './eni-directory.ts';
import type { GroupState, Refusal } from './group-state.ts';
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
    message: `vServer group ${group.vServerGroupId} is not touched for this binding: set spec.suspend to false to go on`,
    reconciling: false,
    stalled: false,
  };
}

function failureVerdict({ group }: StatusInput, stalled: boolean): Verdict | undefined {
  for (const { error, attempts } of group.failures.values()) {
    const outcome = outcomeOf(error);
    if (outcome.stalled !== stalled || attempts < outcome.tellAfter) continue;
    return {
      ready: false,
      reason: outcome.reason,
      message: `${error.message} It is tried again by itself.`,
      reconciling: !stalled,
      stalled,
    };
  }
  return undefined;
}

function undeterminedVerdict({ report }: StatusInput): Verdict | undefined {
  if (report?.claim.desired.kind !== 'undetermined') return undefined;
  const { reason, message } = report.claim.desired.problem;
  return {
    ready: false,
    reason: reason as Reason,
    message: `${message}.`,
    reconciling: false,
    stalled: true,
  };
}

function backendsVerdict({ binding, group, report, missingEnis }: StatusInput): Verdict | undefined {
  const held =
    report === undefined ? [] : [...report.records.values()].filter(({ state }) => state === 'Held');
  const waiting = { ready: false, reconciling: true, stalled: false };
  if (held.length > 0) {
    return {
      ...waiting,
      reason: 'HeldByMinBackends',
      message: `${listed(held.map(({ row }) => row.serverIp ?? row.serverId))} left but stay in ${group.vServerGroupId}, because spec.minBackends is ${binding.spec.minBackends}: they go as soon as others take their place.`,
    };
  }
  const refused = refusalsOf(group, report);
  if (refused.length > 0) {
    return {
      ...waiting,
      reason: 'BackendsRefused',
      message: `${listed(refused.map(({ row, error }) => `${row.serverIp ?? row.serverId}:${row.port} (${error.code})`))} refused by ${group.vServerGroupId}: ${refused[0]?.error.message ?? ''} The other backends go on.`,
    };
  }
  const missing = missingEnis.filter(({ lookup }) => lookup.state !== 'pending');
  if (missing.length > 0) return { ...waiting, ...missingEniProblem(missing) };
  const problem =
    report?.claim.desired.kind === 'members'
      ? report.claim.desired.problems.find(({ reason }) => reason === 'NodeWithoutInstance')
      : undefined;
  return problem && { ...waiting, reason: problem.reason as Reason, message: `${problem.message}.` };
}

function missingEniProblem(missing: readonly MissingEni[]): Pick<Verdict, 'reason' | 'message'> {
  const failed = missing.flatMap(({ lookup }) => (lookup.state === 'failed' ? [lookup.error] : []))[0];
  if (failed !== undefined) {
    return { reason: outcomeOf(failed).reason, message: failed.message };
  }
  const pods = listed(missing.map(({ member }) => `${member.pod ?? 'endpoint'} (${member.ip})`));
  return {
    reason: 'EniNotFound',
    message: `no ENI has the address of ${pods}: check that the pods use Terway and that --vpc-id and --region are right, or use spec.backendType ecs. It is looked up again; the other backends go on.`,
  };
}

function progressVerdict({ binding, group, report, batches, dryRun }: StatusInput): Verdict {
  const id = group.vServerGroupId;
  if (binding.metadata.deletionTimestamp !== undefined) {
    const left = report?.records.size ?? 0;
    const message = `${left} backends of this binding leave ${id} before it is deleted.`;
    return { ready: false, reason: 'Deleting', message, reconciling: true, stalled: false };
  }
  const own = batches.filter(({ changes }) => changes.some(({ claim }) => claim === report?.claim.id));
  if (dryRun && own.length > 0) {
    const message = `--dry-run: would ${describeChanges(own, report)} in ${id}.`;
    return { ready: false, reason: 'DryRun', message, reconciling: false, stalled: false };
  }
  const pending = report?.claim.mode === 'Sync' ? report.pending.length : 0;
  if (group.rows === undefined || own.length > 0 || pending > 0) {
    const message =
      group.rows === undefined ? `${id} is being read.` : `Changing ${id}: ${describeChanges(own, report)}.`;
    return { ready: false, reason: 'Progressing', message, reconciling: true, stalled: false };
  }
  const draining = [...(report?.records.values() ?? [])].filter(({ state }) => state === 'Draining').length;
  const drains = draining === 0 ? '' : ` ${draining} more are draining.`;
  const foreign = report?.foreignMembers.length ?? 0;
  const others = foreign === 0 ? '' : ` ${foreign} of them are someone else's rows and left alone.`;
  return {
    ready: true,
    reason: 'Synced',
    message: `${id} holds what it should: ${desiredCount(report)} backends.${others}${drains}`,
    reconciling: draining > 0,
    stalled: false,
  };
}

function describeChanges(batches: readonly Batch[], report: ClaimReport | undefined): string {
  const total = (action: Batch['action']) =>
    batches
      .filter((batch) => batch.action === action)
      .reduce(
        (sum, { changes }) => sum + changes.filter(({ claim }) => claim === report?.claim.id).length,
        0,
      );
  const waiting = (report?.pending.length ?? 0) - total('add');
  const parts = [
    [total('remove'), 'to remove'],
    [total('set'), 'to weigh'],
    [total('add'), 'to add'],
    [waiting, 'to come'],
  ] as const;
  return parts.flatMap(([n, what]) => (n > 0 ? [`${n} ${what}`] : [])).join(', ') || 'nothing left to do';
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
  if (report.claim.desired.kind === 'members') return report.claim.desired.members.length;
  return [...report.records.values()].filter(({ state }) => state === 'Registered').length;
}

/** At most five by name: a message is read by a person. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
