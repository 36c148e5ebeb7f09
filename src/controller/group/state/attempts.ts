import type { ApiError, ErrorKind } from '../../../cloud/api-error.ts';
import {
  type BackendKey,
  type KnownRow,
  type Row,
  slotOf,
  type WriteAction,
} from '../../../membership/backend.ts';
import type { Batch, Change } from '../../../membership/plan/batches.ts';
import type { ClaimReport } from '../../../membership/plan/plan.ts';
import { outcomeOf, retryInMs } from '../outcome.ts';
import { Room } from './room.ts';

/** An action on a group: a read or a write. */
export type GroupAction = 'describe' | WriteAction;

/** An action whose last attempt failed: when to retry it, and what to report. */
export interface FailedAttempt {
  readonly error: ApiError;
  /** Consecutive failures. */
  readonly attempts: number;
  /** `Clock.now()` milliseconds. */
  readonly retryAt: number;
}

/** The kinds of errors that may be due to the role of a call. */
const REFUSES_ROLE: ReadonlySet<ErrorKind> = new Set(['credentials', 'denied']);

/** A single backend that the API refuses, and when it is retried. */
export interface RefusedBackend extends FailedAttempt {
  readonly row: Row;
  /** Only this action is refused: a weight that the API does not accept does not hold up a removal. */
  readonly action: WriteAction;
}

interface Refusal extends RefusedBackend {
  /** How often the backend was tried alone, to see whether it is still refused like the others. */
  readonly probes: number;
}

/**
 * What failed on one group and is retried: whole actions, single backends, and pieces of refused batches. Actions back off
 * separately, so that a failing addition does not hold up a removal. What is no longer needed is forgotten.
 *
 * Backends that are refused alike (same action, same error code) usually have one cause, so they are retried in one call.
 * If that call is refused too, a few of them, different ones each time, are tried alone at once, so that a backend whose
 * cause is gone is not held up by the rest; the others wait longer. When a backend is accepted, the others that were refused
 * like it are retried at once. Removals are not grouped like this: each is retried alone.
 */
export class Attempts {
  /** For more backends. */
  readonly room = new Room();
  readonly #random: () => number;
  readonly #failures = new Map<GroupAction, FailedAttempt>();
  readonly #refusals = new Map<BackendKey, Refusal>();
  readonly #pieces = new Map<BackendKey, { readonly cohort: number; readonly row: Row }>();
  /** The cohorts of backends that are refused alike, by action and error code. */
  readonly #cohorts = new Map<string, number>();
  #nextCohort = 1;

  /** `random`: from 0 to 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** By action, in the order in which they began to fail. */
  get failures(): ReadonlyMap<GroupAction, FailedAttempt> {
    return this.#failures;
  }

  get refusals(): ReadonlyMap<BackendKey, RefusedBackend> {
    return this.#refusals;
  }

  /** Consecutive failures of an action that another role may be allowed; 0 if there are none. */
  get roleRefusals(): number {
    const refused = [...this.#failures.values()].filter(({ error: { kind } }) => REFUSES_ROLE.has(kind));
    return Math.max(0, ...refused.map(({ attempts }) => attempts));
  }

  /** The cohort of a row that was part of a refused batch: the row shares batches only with others of its cohort. */
  cohortOf(key: BackendKey): number | undefined {
    return this.#pieces.get(key)?.cohort;
  }

  /** `Clock.now()` milliseconds. */
  backsOffUntil(action: GroupAction): number {
    return this.#failures.get(action)?.retryAt ?? Number.NEGATIVE_INFINITY;
  }

  isRefused(key: BackendKey, action: WriteAction, now: number): boolean {
    const refusal = this.#refusals.get(key);
    return refusal !== undefined && refusal.action === action && refusal.retryAt > now;
  }

  /** The waiting refused backend that is retried first. */
  nextRetry(now: number): RefusedBackend | undefined {
    let first: RefusedBackend | undefined;
    for (const refusal of this.#refusals.values()) {
      if (refusal.retryAt > now && refusal.retryAt < (first?.retryAt ?? Number.POSITIVE_INFINITY))
        first = refusal;
    }
    return first;
  }

  fail(action: GroupAction, error: ApiError, now: number): FailedAttempt {
    const failed = this.#next(this.#failures.get(action), error, now);
    this.#failures.set(action, failed);
    return failed;
  }

  succeed(action: GroupAction): void {
    this.#failures.delete(action);
  }

  /** The batch was carried out. A removal makes room: additions that failed because of a quota may go. */
  done({ action, changes }: Batch): void {
    this.succeed(action);
    if (action === 'add') this.room.added(changes.length);
    if (action === 'remove') this.room.removed(changes.length);
    if (action === 'remove' && this.#failures.get('add')?.error.kind === 'quota') this.succeed('add');
    for (const { key } of changes) {
      const refusal = this.#refusals.get(key);
      this.#refusals.delete(key);
      this.#pieces.delete(key);
      if (refusal !== undefined) this.#retryAt(this.#alike(refusal), Number.NEGATIVE_INFINITY);
    }
  }

  /** The API refuses this one backend. */
  refuse(action: WriteAction, { key, row }: Change, error: ApiError, now: number): RefusedBackend {
    const last = this.#refusals.get(key);
    const before = last?.action === action ? last : undefined;
    const refusal = { ...this.#next(before, error, now), action, row, probes: before?.probes ?? 0 };
    this.#refusals.delete(key);
    if (action === 'remove') {
      this.#refusals.set(key, refusal);
      return refusal;
    }
    const waiting = this.#alike(refusal).filter(([, { retryAt }]) => retryAt > now);
    const isNew = before?.error.code !== error.code;
    // A newly refused backend is retried soon, together with the others that were refused alike.
    if (isNew) this.#retryAt(waiting, refusal.retryAt);
    const retryAt = isNew ? refusal.retryAt : (waiting[0]?.[1].retryAt ?? refusal.retryAt);
    this.#refusals.set(key, { ...refusal, retryAt });
    this.#pieces.set(key, { cohort: this.#cohortFor(action, error), row });
    return { ...refusal, retryAt };
  }

  /** Whether every backend of the batch is already known to be refused for this action with this error code. */
  isKnown({ action, changes }: Batch, { code }: ApiError): boolean {
    return changes.every(({ key }) => {
      const refusal = this.#refusals.get(key);
      return refusal?.action === action && refusal.error.code === code;
    });
  }

  /** Backends that were known to be refused were retried together, and refused again. */
  refuseAgain({ changes }: Batch, error: ApiError, now: number): FailedAttempt {
    const refused = changes.flatMap(({ key }) => {
      const refusal = this.#refusals.get(key);
      return refusal === undefined ? [] : [[key, refusal] as const];
    });
    const attempts = Math.min(...refused.map(([, refusal]) => refusal.attempts));
    const failed = this.#next({ attempts }, error, now);
    const probes = refused.toSorted(([, a], [, b]) => a.probes - b.probes);
    for (const [i, [key, refusal]] of probes.entries()) {
      const isProbe = i < (outcomeOf(error).split?.probes ?? 0);
      this.#refusals.set(
        key,
        isProbe
          ? { ...refusal, attempts, retryAt: now, probes: refusal.probes + 1 }
          : { ...refusal, ...failed },
      );
      if (isProbe) this.#pieces.set(key, { cohort: this.#nextCohort++, row: refusal.row });
    }
    return failed;
  }

  /**
   * A batch was refused because of one of its rows. The batch is halved until the bad row is alone; if the API's message
   * names the row, it is isolated at once.
   */
  split({ changes }: Batch, error: ApiError): void {
    const named = changes.filter(({ row }) => names(error.message, row));
    const first = named.length === 1 ? named : changes.slice(0, Math.ceil(changes.length / 2));
    const others = changes.filter((change) => !first.includes(change));
    for (const part of [first, others]) {
      const cohort = this.#nextCohort++;
      for (const { key, row } of part) this.#pieces.set(key, { cohort, row });
    }
  }

  /** Someone changed a binding: what was refused before may be accepted now. */
  forget(): void {
    this.#failures.clear();
    this.#refusals.clear();
    this.#pieces.clear();
    this.#cohorts.clear();
    this.room.forget();
  }

  /** Forgets failures due to credentials. Returns whether there were any. */
  forgetWantOfCredentials(): boolean {
    const failed = [...this.#failures].filter(([, { error }]) => error.kind === 'credentials');
    for (const [action] of failed) this.#failures.delete(action);
    return failed.length > 0;
  }

  /**
   * Forgets the failures of changes that are no longer needed: the group shows the change done, the pod came back, or the
   * backend is neither in the group nor waiting to be added. Whether a refused one is still needed shows when its time has come,
   * because until then it is in no batch. `now`: the time of the plan, `Clock.now()` milliseconds.
   */
  forgetNeedless(
    batches: readonly Batch[],
    rows: readonly KnownRow[],
    reports: readonly Pick<ClaimReport, 'pending'>[],
    now: number,
  ): void {
    for (const action of ['remove', 'set', 'add'] as const) {
      if (batches.some((batch) => batch.action === action)) continue;
      this.#failures.delete(action);
      if (action === 'add') this.room.forget();
    }
    if (this.#refusals.size === 0 && this.#pieces.size === 0) return;
    const shown = new Set(rows.map(({ row }) => slotOf(row)));
    const pending = new Set(reports.flatMap((report) => report.pending.map(({ slot }) => slot)));
    const planned = new Map(
      batches.flatMap(({ action, changes }) => changes.map(({ key }) => [key, action] as const)),
    );
    const isNeedless = (row: Row, isDue: boolean) =>
      !pending.has(slotOf(row)) && (isDue || !shown.has(slotOf(row)));
    for (const [key, { row, action, retryAt }] of this.#refusals)
      if (isNeedless(row, retryAt <= now && planned.get(key) !== action)) this.#refusals.delete(key);
    for (const [key, { row }] of this.#pieces)
      if (isNeedless(row, !planned.has(key) && !this.#refusals.has(key))) this.#pieces.delete(key);
  }

  #alike({ action, error: { code } }: RefusedBackend): readonly (readonly [BackendKey, Refusal])[] {
    return [...this.#refusals].filter(
      ([, refusal]) => refusal.action === action && refusal.error.code === code,
    );
  }

  #retryAt(refused: readonly (readonly [BackendKey, Refusal])[], retryAt: number): void {
    for (const [key, refusal] of refused) this.#refusals.set(key, { ...refusal, retryAt });
  }

  #cohortFor(action: WriteAction, { code }: ApiError): number {
    const name = `${action} ${code}`;
    const cohort = this.#cohorts.get(name) ?? this.#nextCohort++;
    this.#cohorts.set(name, cohort);
    return cohort;
  }

  #next(before: Pick<FailedAttempt, 'attempts'> | undefined, error: ApiError, now: number): FailedAttempt {
    const attempts = (before?.attempts ?? 0) + 1;
    return { error, attempts, retryAt: now + retryInMs(error, attempts, this.#random) };
  }
}

/** Whether a message contains the row's server id or address as a separate word. */
function names(message: string, row: Row): boolean {
  const words = message.split(/[^A-Za-z0-9.:-]+/).map((word) => word.replace(/[.:]+$/, ''));
  return words.includes(row.serverId) || (row.serverIp !== undefined && words.includes(row.serverIp));
}
