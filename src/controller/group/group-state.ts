import { backoffMs } from '../../backoff.ts';
import type { ApiError } from '../../cloud/api-error.ts';
import { type GroupRef, vServerGroup } from '../../cloud/group-ref.ts';
import { type BackendKey, backendKey, type Row } from '../../membership/backend.ts';
import type { AtRest } from '../../membership/plan/at-rest.ts';
import type { Batch } from '../../membership/plan/batches.ts';
import type { BackendRecord } from '../../membership/plan/claim.ts';
import { DesiredCache } from './desired-cache.ts';
import type { Drift } from './drift.ts';
import { withKnown } from './known-rows.ts';

export type Action = 'describe' | Batch['action'];

/** An action that failed last time: until when it rests, and what to tell of it. */
export interface Failure {
  readonly error: ApiError;
  readonly attempts: number;
  /** `Clock.now()` milliseconds. */
  readonly retryAt: number;
}

/** A single backend that the API refuses; it is tried again by itself. */
export interface Refusal extends Failure {
  readonly row: Row;
  /** Only this is refused: a weight that the API does not take holds no removal back. */
  readonly action: Batch['action'];
}

export interface BackoffRange {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * What the operator knows of one vServer group. Nothing of it outlives the process but what the group itself and the
 * bindings' status say: a restart begins with an empty state.
 */
export class GroupState {
  readonly ref: GroupRef;
  loadBalancerId: string | undefined;
  /** The rows as the API showed them last; undefined before the first time. */
  rows: readonly Row[] | undefined;
  /** The next thing to do is to read the group: it was never read, or a reply can't be trusted, or never came. */
  needsDescribe = true;
  /** `Clock.now()` milliseconds of the next resync. */
  resyncAt = 0;
  lastWriteAt = Number.NEGATIVE_INFINITY;
  lastAdditionAt = Number.NEGATIVE_INFINITY;
  /** Since when additions or weights wait behind removals. */
  additionsWaitSince: number | undefined;
  readonly failures = new Map<Action, Failure>();
  readonly refusals = new Map<BackendKey, Refusal>();
  readonly cohorts = new Map<BackendKey, number>();
  /** By binding UID: what its status says, ahead of the API server. */
  readonly records = new Map<string, ReadonlyMap<BackendKey, BackendRecord>>();
  readonly desired = new DesiredCache();
  /** What the last plan found at rest. */
  atRest: AtRest | undefined;
  /** When each leaving row was first seen to leave; `Clock.now()` milliseconds. */
  readonly leavingSince = new Map<BackendKey, number>();
  /** What others did to the group, as the last resync found it, until it is put right. */
  readonly drift = new Map<BackendKey, Drift>();
  /** When something first changed since the last plan. */
  changedAt: number | undefined;
  /** Wall-clock milliseconds by `namespace/name` of the binding. */
  readonly lastRemoval = new Map<string, number>();
  /** Dry run: what was told already of what would be written. */
  withheld: ReadonlySet<string> = new Set();
  #nextCohort = 1;
  /** From `Clock.now()` to the wall clock. */
  #wallOffset: number | undefined;

  constructor(regionId: string, vServerGroupId: string) {
    this.ref = vServerGroup(regionId, vServerGroupId);
  }

  get regionId(): string {
    return this.ref.regionId;
  }

  /** Keeps, of what leaves now, when it was first seen to leave. */
  noteLeavers(batches: readonly Batch[], since: number): void {
    const before = new Map(this.leavingSince);
    this.leavingSince.clear();
    for (const { action, changes } of batches) {
      for (const { key, row, was } of changes) {
        const leaves = action === 'remove' || (action === 'set' && row.weight === 0 && was !== 0);
        if (leaves) this.leavingSince.set(key, before.get(key) ?? since);
      }
    }
    // One that the API refuses is in no batch while it rests, and leaves all the same.
    for (const [key, at] of before) {
      if (this.refusals.has(key) && this.#isLeaving(key)) this.leavingSince.set(key, at);
    }
  }

  /** For how long the backend that waits longest to leave has waited; 0 if none does. */
  longestLeavingMs(now: number): number {
    let longest = 0;
    for (const since of this.leavingSince.values()) longest = Math.max(longest, now - since);
    return longest;
  }

  #isLeaving(key: BackendKey): boolean {
    for (const records of this.records.values()) {
      const state = records.get(key)?.state;
      if (state === 'Removing' || state === 'Draining') return true;
    }
    return false;
  }

  /**
   * A wall clock that is set moves the start of each drain with it: drains are told, and found again after a restart, by
   * the wall clock, but last as long as they should.
   */
  keepTime(now: number, wall: number): void {
    const offset = wall - now;
    const jump = offset - (this.#wallOffset ?? offset);
    if (this.#wallOffset !== undefined && Math.abs(jump) < SMALLEST_JUMP_MS) return;
    this.#wallOffset = offset;
    if (jump === 0) return;
    for (const [uid, records] of this.records) {
      const moved = [...records].map(([key, record]) => [key, movedBy(jump, record)] as const);
      this.records.set(uid, new Map(moved));
    }
  }

  /** Lets go of the bindings that are no longer on the group. */
  keepOnly(bindings: readonly { readonly key: string; readonly uid: string }[]): void {
    const uids = new Set(bindings.map(({ uid }) => uid));
    const keys = new Set(bindings.map(({ key }) => key));
    for (const uid of this.records.keys()) if (!uids.has(uid)) this.records.delete(uid);
    this.desired.keepOnly(uids);
    for (const key of this.lastRemoval.keys()) if (!keys.has(key)) this.lastRemoval.delete(key);
  }

  /** Takes over the group's full list from a reply. */
  learn(rows: readonly Row[]): void {
    this.rows = this.rows === undefined ? rows : withKnown(rows, this.rows);
    this.needsDescribe = false;
  }

  fail(action: Action, error: ApiError, range: BackoffRange, now: number, random: () => number): Failure {
    const attempts = (this.failures.get(action)?.attempts ?? 0) + 1;
    const failure = { error, attempts, retryAt: now + backoff(attempts, range, error, random) };
    this.failures.set(action, failure);
    return failure;
  }

  succeed(action: Action): void {
    this.failures.delete(action);
  }

  /** Someone changed a binding: what was refused before may be right now. */
  forgetFailures(): void {
    this.failures.clear();
    this.refusals.clear();
    this.cohorts.clear();
  }

  /** What failed and is not needed any more (the group shows it done, or the pod came back) is no failure. */
  forgetFailuresOfDone(batches: readonly Batch[]): void {
    for (const action of ['remove', 'set', 'add'] as const) {
      if (!batches.some((batch) => batch.action === action)) this.failures.delete(action);
    }
  }

  /** Returns whether there were any. */
  forgetCredentialFailures(): boolean {
    const failed = [...this.failures].filter(([, { error }]) => error.kind === 'credentials');
    for (const [action] of failed) this.failures.delete(action);
    return failed.length > 0;
  }

  /**
   * A batch was refused because of one of its rows. Halves go on their own until the bad one stands alone; when the
   * API's message names it, it stands alone at once.
   */
  split(batch: Batch, error: ApiError): void {
    const named = batch.changes.filter(({ row }) => names(error.message, row));
    const first = named.length === 1 ? named : batch.changes.slice(0, Math.ceil(batch.changes.length / 2));
    const rest = batch.changes.filter((change) => !first.includes(change));
    for (const part of [first, rest]) {
      const cohort = this.#nextCohort++;
      for (const { key } of part) this.cohorts.set(key, cohort);
    }
  }

  refuse(batch: Batch, error: ApiError, range: BackoffRange, now: number, random: () => number): void {
    for (const { key, row } of batch.changes) {
      const before = this.refusals.get(key);
      const attempts = (before?.action === batch.action ? before.attempts : 0) + 1;
      this.refusals.set(key, {
        action: batch.action,
        row,
        error,
        attempts,
        retryAt: now + backoff(attempts, range, error, random),
      });
    }
  }

  accepted(batch: Batch): void {
    for (const { key } of batch.changes) {
      this.refusals.delete(key);
      this.cohorts.delete(key);
    }
  }

  /** Rows that are resting now; those whose time has come are tried alone, in a cohort of their own. */
  refusedAt(now: number): { has(key: BackendKey, action: Batch['action']): boolean } {
    return {
      has: (key, action) => {
        const refusal = this.refusals.get(key);
        return refusal !== undefined && refusal.action === action && refusal.retryAt > now;
      },
    };
  }

  /** Whether the reply of a write shows what the write did. */
  static contradicts(batch: Batch, reply: readonly Row[]): boolean {
    const servers = new Set(batch.changes.map(({ row }) => row.serverId));
    const written = reply.filter(({ serverId }) => servers.has(serverId));
    const shown = new Map(written.map((row) => [backendKey(row), row]));
    return batch.changes.some(({ key, row }) => {
      const after = shown.get(key);
      if (batch.action === 'remove') return after !== undefined;
      return after === undefined || (batch.action === 'set' && after.weight !== row.weight);
    });
  }
}

/** Less is what keeps a clock right all the time. */
const SMALLEST_JUMP_MS = 1_000;

function movedBy(ms: number, record: BackendRecord): BackendRecord {
  return record.drainingSince === undefined
    ? record
    : { ...record, drainingSince: record.drainingSince + ms };
}

/** After so many attempts, the last of which failed; the API's own word is a floor. */
export function backoff(
  attempts: number,
  range: BackoffRange,
  error: Pick<ApiError, 'retryAfterMs'>,
  random: () => number,
): number {
  return Math.max(error.retryAfterMs ?? 0, backoffMs(attempts - 1, { ...range, jitter: 0.5, random }));
}

/** Whether a message names the row, by its server id or address as a word of its own. */
function names(message: string, row: Row): boolean {
  const words = message.split(/[^A-Za-z0-9.:-]+/).map((word) => word.replace(/[.:]+$/, ''));
  return words.includes(row.serverId) || (row.serverIp !== undefined && words.includes(row.serverIp));
}
