import { type EventReason, findCondition, type Reason } from '../../api/conditions.ts';
import { API_VERSION, KIND } from '../../api/names.ts';
import type {
  Condition,
  UnreadableBinding,
  VServerGroupBinding,
  VServerGroupBindingStatus,
} from '../../api/vservergroupbinding.ts';
import type { WallTimes } from '../../clock.ts';
import type { EventInput } from '../../kubernetes/write/event-body.ts';
import type { ObjectRef } from '../../kubernetes/write/status-writer.ts';
import type { Batch, Change } from '../../membership/plan/batches.ts';
import { type BindingObject, metadataOf, statusOf } from '../cluster/cluster-caches.ts';
import type { Bound, Notice } from '../group/bound.ts';
import type { GroupState } from '../group/state/group-state.ts';
import { bindingStatus, conditionsStatus, namedStatus } from './binding-status.ts';
import type { FinalizerFailure } from './finalizers.ts';
import { messages } from './messages.ts';
import type { NamedGroupVerdict } from './named-verdict.ts';
import { isRoutine } from './routine.ts';
import {
  type BindingFacts,
  type BindingVerdict,
  finalizerVerdict,
  grouplessVerdict,
  outsidersOf,
  verdictOn,
} from './verdict.ts';

/** `urgent`: something waits for the status to show it. `patient`: the status may wait, to share a write with later changes. */
export type Haste = 'urgent' | 'normal' | 'patient';

/** Accepts the newest status of an object; merges and paces the writes. */
export interface StatusSink {
  write(ref: ObjectRef, status: VServerGroupBindingStatus, haste: Haste): void;
  /** Leaves the rest of the status unchanged. A write that the API server refuses is not retried. */
  writeConditions(
    ref: ObjectRef,
    part: Pick<VServerGroupBindingStatus, 'observedGeneration' | 'conditions'>,
  ): void;
  /** The binding as the cache shows it now. */
  observed(binding: BindingObject): void;
  /** What was written for the binding may be lost: its next status is written whatever was written before. */
  lost(binding: BindingObject): void;
  /** The binding is gone: its pending write is dropped. */
  forget(binding: BindingObject): void;
}

/** Accepts an event; never blocks, never throws. */
export interface EventSink {
  record(event: EventInput): void;
}

/** What has been reported on a binding; prevents duplicate reports. */
interface Told {
  conditions: readonly Condition[];
  problem: Reason | undefined;
  notices: ReadonlySet<string>;
}

/** Reasons that describe progress, not a problem. */
const QUIET: ReadonlySet<Reason> = new Set(['Synced', 'Progressing', 'Deleting', 'DryRun', 'Suspended']);

function problemOf(reason: string | undefined): Reason | undefined {
  return reason === undefined || QUIET.has(reason as Reason) ? undefined : (reason as Reason);
}

type StatusWrites = Pick<StatusSink, 'write' | 'writeConditions'>;

/** The only place that reports to a binding's user: status, conditions and events. */
export class BindingReporter {
  readonly #status: StatusWrites;
  readonly #events: EventSink;
  readonly #times: WallTimes;
  readonly #told = new Map<string, Told>();

  constructor(status: StatusWrites, events: EventSink, times: WallTimes) {
    this.#status = status;
    this.#events = events;
    this.#times = times;
  }

  /** `lastRemoval`: see bindingStatus. */
  report(bound: Bound, input: BindingFacts, lastRemoval?: number): void {
    const { object } = bound;
    const { parsed } = object;
    if (parsed.ok && input.granted.is !== 'no role')
      this.#reportWhole(bound, parsed.binding, input, lastRemoval);
    else this.#reportConditions(object, verdictOn(object, input));
  }

  /** Reports on a binding that is on no group because its spec can't be read. */
  reportGroupless(object: BindingObject, unreadable: UnreadableBinding): void {
    this.#reportConditions(object, grouplessVerdict(object, unreadable));
  }

  /** Reports on a binding that is on no group and could be deleted, but for its finalizer. */
  reportUnreleased(object: BindingObject, failure: FinalizerFailure): void {
    this.#reportConditions(object, finalizerVerdict(failure, messages.finalizerNotRemoved(failure)));
  }

  /** Reports on a binding whose group was looked up by name. */
  reportNamed(object: BindingObject, found: NamedGroupVerdict): void {
    if (!object.parsed.ok) return;
    const { binding } = object.parsed;
    const told = this.#toldTo(object.uid, binding.status.conditions);
    const status = namedStatus(binding, found, told.conditions, this.#times.wall());
    told.conditions = status.conditions;
    this.#status.write(object, status, found.id === undefined ? 'normal' : 'urgent');
    this.#tellProblem(object, told, found.verdict.reason, found.verdict.message);
  }

  #reportWhole(
    { object, notices, preparation }: Bound,
    binding: VServerGroupBinding,
    input: BindingFacts,
    lastRemoval: number | undefined,
  ): void {
    const told = this.#toldTo(object.uid, binding.status.conditions);
    const facts = { ...input, binding, times: this.#times };
    const status = bindingStatus(facts, preparation, told.conditions, lastRemoval);
    told.conditions = status.conditions;
    this.#status.write(object, status, hasteOf(binding, status, input));
    const ready = findCondition(status.conditions, 'Ready');
    if (ready !== undefined) this.#tellProblem(object, told, ready.reason as Reason, ready.message);
    this.#tellNotices(object, told, [
      ...notices,
      ...outsideNotices(input),
      ...renamedNotices(binding, input.group),
    ]);
  }

  /** What the status says about the group stays unchanged. */
  #reportConditions(object: BindingObject, verdict: BindingVerdict): void {
    const told = this.#toldTo(object.uid, statusOf(object)?.conditions ?? []);
    const part = conditionsStatus(metadataOf(object), verdict, told.conditions, this.#times.wall());
    told.conditions = part.conditions;
    this.#status.writeConditions(object, part);
    this.#tellProblem(object, told, verdict.reason, verdict.message);
  }

  /** Records one event per binding and kind of change, for a call that changed backends. */
  reportWrite(bound: readonly Bound[], group: GroupState, batch: Batch, requestId: string): void {
    for (const { object } of bound) {
      const own = batch.changes.filter(({ claim }) => claim === object.key);
      if (own.length === 0) continue;
      for (const { reason, message, changes } of told(batch.action, own))
        this.#record(object, 'Normal', reason, message(changes, group.ref, requestId));
    }
  }

  /** The binding is gone. */
  forget({ uid }: Pick<BindingObject, 'uid'>): void {
    this.#told.delete(uid);
  }

  /** `conditions`: those of the status, by which a process that takes over knows what the one before has told. */
  #toldTo(uid: string, conditions: readonly Condition[]): Told {
    const told = this.#told.get(uid) ?? {
      conditions,
      problem: problemOf(findCondition(conditions, 'Ready')?.reason),
      notices: new Set<string>(),
    };
    this.#told.set(uid, told);
    return told;
  }

  #tellProblem(object: BindingObject, told: Told, reason: Reason, message: string): void {
    const problem = problemOf(reason);
    if (problem === told.problem) return;
    if (problem !== undefined) this.#record(object, 'Warning', reason, message);
    else if (reason === 'Synced') this.#record(object, 'Normal', 'Recovered', message);
    else return;
    told.problem = problem;
  }

  #tellNotices(object: BindingObject, told: Told, notices: readonly Notice[]): void {
    const aboutOf = ({ about, message }: Notice) => about ?? message;
    for (const notice of notices) {
      if (!told.notices.has(aboutOf(notice))) this.#record(object, 'Warning', notice.reason, notice.message);
    }
    told.notices = new Set(notices.map(aboutOf));
  }

  #record(
    { namespace, name, uid }: BindingObject,
    type: 'Normal' | 'Warning',
    reason: Reason | EventReason,
    note: string,
  ): void {
    const regarding = { apiVersion: API_VERSION, kind: KIND, namespace, name, uid };
    this.#events.record({ regarding, type, reason, action: 'Reconcile', note });
  }
}

function outsideNotices(input: BindingFacts): readonly Notice[] {
  const outside = outsidersOf(input);
  if (outside.length === 0) return [];
  return [{ reason: 'AddressOutside', message: messages.addressOutside(outside, input.group.ref) }];
}

function renamedNotices({ spec }: VServerGroupBinding, { ref, view }: GroupState): readonly Notice[] {
  const named = spec.vServerGroup?.name;
  if (named === undefined || view.name === undefined || view.name === named) return [];
  return [{ reason: 'GroupRenamed', message: messages.groupRenamed(named, view.name, ref) }];
}

function hasteOf(
  binding: VServerGroupBinding,
  status: VServerGroupBindingStatus,
  { report }: BindingFacts,
): Haste {
  if (report !== undefined && report.unshown.length > 0) return 'urgent';
  return isRoutine(binding, status) ? 'patient' : 'normal';
}

function told(action: Batch['action'], changes: readonly Change[]) {
  if (action === 'remove') return [{ reason: 'Removed', message: messages.removed, changes }] as const;
  if (action === 'add') return [{ reason: 'Added', message: messages.added, changes }] as const;
  const drained = changes.filter(({ row }) => row.weight === 0);
  const weighed = changes.filter(({ row }) => row.weight !== 0);
  const parts = [
    { reason: 'Draining', message: messages.draining, changes: drained },
    { reason: 'Weighed', message: messages.weighed, changes: weighed },
  ] as const;
  return parts.filter((part) => part.changes.length > 0);
}
