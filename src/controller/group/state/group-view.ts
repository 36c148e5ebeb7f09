import type { GroupRef } from '../../../cloud/group-ref.ts';
import type { GroupDescription } from '../../../cloud/server-groups.ts';
import { type BackendKey, type KnownRow, knownRows, type Row } from '../../../membership/backend.ts';
import type { Batch } from '../../../membership/plan/batches.ts';
import { type Drift, driftOf } from './drift.ts';

/** Why what a group shows can't be relied on. `pending`: a change was under way that may be over now. */
export type Doubt = 'contradiction' | 'unknown-outcome' | 'pending';

/** Why a group is read. */
export type ReadReason = 'first' | 'resync' | Doubt;

/** A write of ours that was accepted, and whose end is not known yet. */
export interface Job {
  readonly id: string;
  readonly batch: Batch;
  readonly requestId: string;
  /** `Clock.now()` milliseconds. */
  readonly startedAt: number;
}

/** A change that the group takes in: until it is over nothing else is written to it. */
export interface PendingChange {
  /** Undefined: somebody else's, or of a process before this one. */
  readonly job: Job | undefined;
  /** When to look again; `Clock.now()` milliseconds. */
  readonly lookAt: number;
}

/**
 * What one group shows, as far as this process has seen it: its rows as the API listed them last, and whether they can be
 * relied on. They can't after a write of unknown outcome or while a change is under way; the group is read then.
 */
export class GroupView {
  /** Which group it is stays the same, what it is called with need not. */
  ref: GroupRef;
  #rows: readonly KnownRow[] | undefined;
  #loadBalancerId: string | undefined;
  #name: string | undefined;
  #doubt: Doubt | undefined;
  #pending: PendingChange | undefined;
  #resyncAt: number;
  readonly #drift = new Map<BackendKey, Drift>();

  /** It is to be read at `resyncAt` (`Clock.now()` milliseconds). */
  constructor(ref: GroupRef, resyncAt: number) {
    this.ref = ref;
    this.#resyncAt = resyncAt;
  }

  /** Undefined: it was never read. */
  get rows(): readonly KnownRow[] | undefined {
    return this.#rows;
  }

  get loadBalancerId(): string | undefined {
    return this.#loadBalancerId;
  }

  /** Its name when it was read last. */
  get name(): string | undefined {
    return this.#name;
  }

  /** The next thing to do is to read the group. */
  get inDoubt(): boolean {
    return this.#rows === undefined || this.#doubt !== undefined;
  }

  /** It was never read, and nothing was written whose outcome is unknown: what the status recorded may stand for its rows. */
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

  /** Why it would be read now. */
  get readReason(): ReadReason {
    return this.#rows === undefined ? 'first' : (this.#doubt ?? 'resync');
  }

  /** It is to be read before anything else. */
  doubt(reason: Doubt): void {
    this.#doubt = reason;
  }

  /** The reply of a write listed these. */
  listed(rows: readonly Row[]): void {
    this.#rows = knownRows(rows, this.#rows);
    this.#doubt = undefined;
  }

  /** It is to be read by then. */
  resyncBy(at: number): void {
    this.#resyncAt = Math.min(this.#resyncAt, at);
  }

  /** It was read. Only a resync tells what others did: in any other read our own writes are in doubt. */
  described(
    { rows, loadBalancerId, name, pending }: GroupDescription,
    resyncAt: number,
    lookAt: number,
  ): void {
    const isResync = this.readReason === 'resync';
    const before = this.#rows ?? [];
    this.listed(rows);
    this.#drift.clear();
    if (isResync) for (const [key, drift] of driftOf(before, this.#rows ?? [])) this.#drift.set(key, drift);
    this.#loadBalancerId = loadBalancerId ?? this.#loadBalancerId;
    this.#name = name ?? this.#name;
    this.#resyncAt = resyncAt;
    this.#pending = pending ? { job: undefined, lookAt } : undefined;
    if (pending) this.#doubt = 'pending';
  }

  /** A write was accepted, or is not over yet. */
  waitFor(job: Job, lookAt: number): void {
    this.#pending = { job, lookAt };
  }

  /** The job is over, or can't be followed: what became of it is read. */
  jobEnded(doubt: Doubt): void {
    this.#pending = undefined;
    this.#doubt = doubt;
  }

  /** These are as they should be again. Returns what had been done to them. */
  corrected(keys: readonly BackendKey[]): readonly Drift[] {
    return keys.flatMap((key) => {
      const drift = this.#drift.get(key);
      this.#drift.delete(key);
      return drift === undefined ? [] : [drift];
    });
  }
}
