import type { GroupRef } from '../../../cloud/group-ref.ts';
import type { GroupDescription } from '../../../cloud/server-groups.ts';
import { type BackendKey, type KnownRow, knownRows, type Row } from '../../../membership/backend.ts';
import type { Batch } from '../../../membership/plan/batches.ts';
import { type Drift, driftOf } from './drift.ts';

/** Why the known rows of a group can't be relied on. `pending`: a change was in progress that may be over now. */
export type Doubt = 'contradiction' | 'unknown-outcome' | 'pending';

/** Why a group is read. */
export type ReadReason = 'first' | 'resync' | Doubt;

/** A write of ours whose outcome is not known yet. */
export interface Unanswered {
  readonly batch: Batch;
  readonly requestId: string | undefined;
  /** `Clock.now()` milliseconds. */
  readonly startedAt: number;
}

/** One that was accepted, and is asked about by its id. */
export interface Job extends Unanswered {
  readonly id: string;
  readonly requestId: string;
}

/** A change that the group is still applying: until it is over, nothing else is written to the group. */
export interface PendingChange {
  /** Undefined: the change was made by somebody else, or by an earlier process. */
  readonly job: Job | undefined;
  /** When to look again; `Clock.now()` milliseconds. */
  readonly lookAt: number;
}

/**
 * What this process has seen of one group: its rows as last listed by the API, and whether they can be relied on. They
 * can't after a write of unknown outcome or while a change is in progress; the group is then read.
 */
export class GroupView {
  /** Always the same group; the role it is called with may change. */
  ref: GroupRef;
  #rows: readonly KnownRow[] | undefined;
  #loadBalancerId: string | undefined;
  #name: string | undefined;
  #doubt: Doubt | undefined;
  #unanswered: Unanswered | undefined;
  #pending: PendingChange | undefined;
  #resyncAt: number;
  readonly #drift = new Map<BackendKey, Drift>();

  /** `resyncAt`: when the group is due to be read (`Clock.now()` milliseconds). */
  constructor(ref: GroupRef, resyncAt: number) {
    this.ref = ref;
    this.#resyncAt = resyncAt;
  }

  /** Undefined if the group was never read. */
  get rows(): readonly KnownRow[] | undefined {
    return this.#rows;
  }

  get loadBalancerId(): string | undefined {
    return this.#loadBalancerId;
  }

  /** The group's name when it was last read. */
  get name(): string | undefined {
    return this.#name;
  }

  /** The group must be read next. */
  get inDoubt(): boolean {
    return this.#rows === undefined || this.#doubt !== undefined;
  }

  /** The rows are those of the group: it was read, and no write of unknown outcome, or still in progress, came after. */
  get isReliable(): boolean {
    return !this.inDoubt && this.#pending === undefined;
  }

  /** The group was never read, and no outcome of a write is unknown: the rows recorded in the status may stand in for its rows. */
  get mayPresume(): boolean {
    return this.#rows === undefined && this.#doubt === undefined;
  }

  get pending(): PendingChange | undefined {
    return this.#pending;
  }

  /** `Clock.now()` milliseconds. */
  get resyncAt(): number {
    return this.#resyncAt;
  }

  /** Why the group would be read now. */
  get readReason(): ReadReason {
    return this.#rows === undefined ? 'first' : (this.#doubt ?? 'resync');
  }

  /** The write of unknown outcome since which the group has not been read. */
  get unanswered(): Unanswered | undefined {
    return this.#unanswered;
  }

  /** The group must be read before anything else. */
  doubt(reason: Doubt, unanswered?: Unanswered): void {
    this.#doubt = reason;
    this.#unanswered = unanswered;
  }

  /**
   * A write was accepted and its reply lists the rows. What is gone or weighed of backends that are not its `own`, others did. New
   * ones may be anybody's, and right.
   */
  written(rows: readonly Row[], own: readonly BackendKey[]): void {
    const before = this.isReliable ? this.#rows : undefined;
    this.#list(rows);
    if (before !== undefined) this.#notice(before, new Set(own));
  }

  /** The group is due to be read by `at` (`Clock.now()` milliseconds). */
  resyncBy(at: number): void {
    this.#resyncAt = Math.min(this.#resyncAt, at);
  }

  /** The group was read. If that is no resync, it does not show what others did: the effect of our own writes is in doubt. */
  described(
    { rows, loadBalancerId, name, pending }: GroupDescription,
    resyncAt: number,
    lookAt: number,
  ): void {
    const isResync = this.readReason === 'resync';
    const before = this.#rows ?? [];
    this.#list(rows);
    this.#drift.clear();
    if (isResync) this.#notice(before);
    this.#loadBalancerId = loadBalancerId ?? this.#loadBalancerId;
    this.#name = name ?? this.#name;
    this.#resyncAt = resyncAt;
    this.#pending = pending ? { job: undefined, lookAt } : undefined;
    if (pending) this.#doubt = 'pending';
    else this.#unanswered = undefined;
  }

  #list(rows: readonly Row[]): void {
    this.#rows = knownRows(rows, this.#rows);
    this.#doubt = undefined;
  }

  /** Remembers what has changed since, except for the backends that are our `own` change. */
  #notice(before: readonly KnownRow[], own?: ReadonlySet<BackendKey>): void {
    for (const [key, drift] of driftOf(before, this.#rows ?? [])) {
      if (own === undefined || (drift !== 'unexpected' && !own.has(key))) this.#drift.set(key, drift);
    }
  }

  /** A write was accepted, or is still in progress. */
  waitFor(job: Job, lookAt: number): void {
    this.#pending = { job, lookAt };
  }

  /** The job is over, or can't be followed: the group is read to see its outcome. */
  jobEnded(doubt: Doubt, unanswered?: Unanswered): void {
    this.#pending = undefined;
    this.doubt(doubt, unanswered);
  }

  /** These backends are as they should be again. Returns how they had drifted. */
  corrected(keys: readonly BackendKey[]): readonly Drift[] {
    return keys.flatMap((key) => {
      const drift = this.#drift.get(key);
      this.#drift.delete(key);
      return drift === undefined ? [] : [drift];
    });
  }
}
