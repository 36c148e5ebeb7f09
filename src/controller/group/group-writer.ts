import type { Clock } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import {
  type JobState,
  type ServerGroups,
  WithdrawnError,
  type WriteReply,
} from '../../cloud/server-groups.ts';
import { type BackendKey, backendKey, type Row } from '../../membership/backend.ts';
import type { Batch, Change } from '../../membership/plan/batches.ts';
import type { EniDirectory } from './eni-directory.ts';
import { outcomeOf } from './outcome.ts';
import type { FailedAttempt, GroupAction } from './state/attempts.ts';
import type { Drift } from './state/drift.ts';
import type { GroupState } from './state/group-state.ts';
import type { Job, ReadReason, Unanswered } from './state/group-view.ts';

export type WriteResult =
  | { readonly is: 'written'; readonly batch: Batch; readonly requestId: string }
  /** The group is still applying the change: its view says when to look again. */
  | { readonly is: 'pending' }
  /** The group's attempts say when to retry. */
  | { readonly is: 'failed' }
  /** The call did not leave soon after the decision, or the process stood still meanwhile: the plan may be stale. */
  | { readonly is: 'outdated' }
  /** This process may no longer write. */
  | { readonly is: 'not sent' };

export interface WriteHooks {
  /**
   * The batch was carried out, by its reply or, if that was lost, by what the group shows. `delaysMs`: for each row taken out of
   * service, the time since it was seen to leave.
   */
  onWritten(
    group: GroupState,
    batch: Batch,
    requestId: string | undefined,
    delaysMs: readonly number[],
    durationMs: number,
  ): void;
  onFailed(
    group: GroupState,
    action: GroupAction,
    error: ApiError,
    attempts: number,
    retryInMs: number,
  ): void;
  /** Dry run: the batch would have been sent. */
  onWithheld(group: GroupState, batch: Batch): void;
  onRead(group: GroupState, reason: ReadReason): void;
  /** A backend that somebody else had changed is as it should be again. */
  onDriftCorrected(drift: Drift): void;
}

export interface GroupWriterParts {
  readonly groups: Omit<ServerGroups, 'acquire'>;
  readonly enis: Pick<EniDirectory, 'forget'>;
  readonly clock: Clock;
  /** Called before each write, and again when its request leaves: false as soon as another replica may lead. */
  readonly mayWrite: () => boolean;
  /** Called at the same times: whether the caches that the decision was made from can be trusted. */
  readonly isFresh: () => boolean;
  readonly hooks: WriteHooks;
}

/** A call that leaves later, because it waited for credentials, is decided again. The next one finds them in the cache. */
const LEAVES_WITHIN_MS = 500;

/**
 * Makes one call on a group and updates the group's state from the answer:
 *
 * | answer to a write                       | = effect on the group's state                                                      |
 * |-----------------------------------------|------------------------------------------------------------------------------------|
 * | done, with the list of rows             | the list is what the group holds                                                   |
 * | done, but the list contradicts it       | the group is read, and the action backs off                                        |
 * | accepted as a job                       | the change is pending; the group is read when the job is over                      |
 * | refused because of one of its rows      | the batch is split, or the row that is alone (or that its job names) is refused    |
 * | … and all were refused like that before | they are refused again, together (attempts.ts)                                     |
 * | refused for want of room, several rows  | fewer are sent at once (room.ts)                                                   |
 * | refused for another reason              | the action backs off                                                               |
 * | none, or an unclear one                 | the action backs off, and the group is read before anything else                   |
 */
export class GroupWriter {
  readonly #parts: GroupWriterParts;

  constructor(parts: GroupWriterParts) {
    this.#parts = parts;
  }

  async write(group: GroupState, batch: Batch): Promise<WriteResult> {
    const { clock, groups } = this.#parts;
    if (!this.#mayLeave()) return this.#notSent();
    const startedAt = clock.now();
    group.pace.writes(batch, startedAt);
    try {
      const reply = await this.#send(group, batch, startedAt + LEAVES_WITHIN_MS);
      const { requestId } = reply;
      if (reply.is === 'done') return this.#listed(group, batch, requestId, reply.rows, startedAt);
      const job = { id: reply.jobId, batch, requestId, startedAt };
      group.view.waitFor(job, clock.now() + groups.limits.pollMs);
      return { is: 'pending' };
    } catch (error) {
      if (error instanceof WithdrawnError) return this.#notSent();
      // Whatever went wrong, the call may have been carried out unless the API refused it.
      const isRefusal = error instanceof ApiError && error.outcome === 'refused';
      if (isRefusal && error.kind === 'groupMissing') group.view.doubt('unknown-outcome');
      if (!isRefusal) {
        const requestId = error instanceof ApiError ? error.requestId : undefined;
        group.view.doubt('unknown-outcome', { batch, requestId, startedAt });
      }
      if (!(error instanceof ApiError)) throw error;
      this.#refused(group, batch, error, []);
      return { is: 'failed' };
    }
  }

  /** Checks the job that the group waits for. */
  async poll(group: GroupState, job: Job): Promise<WriteResult> {
    const { clock, groups } = this.#parts;
    try {
      return this.#progressed(group, job, await groups.job(group.ref, job.id));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.retryable) group.view.waitFor(job, clock.now() + groups.limits.pollMs);
      else group.view.jobEnded('unknown-outcome', job);
      this.#backOff(group, 'describe', error);
      return { is: 'failed' };
    }
  }

  /** Dry run: only reports what would be written. */
  withhold(group: GroupState, batches: readonly Batch[]): void {
    for (const batch of batches) this.#parts.hooks.onWithheld(group, batch);
  }

  /** Reads the group. Returns whether that succeeded. */
  async describe(group: GroupState, resyncInMs: number): Promise<boolean> {
    const { groups, clock, hooks } = this.#parts;
    hooks.onRead(group, group.view.readReason);
    try {
      const description = await groups.describe(group.ref);
      const now = clock.now();
      const { unanswered } = group.view;
      group.view.described(description, now + resyncInMs, now + groups.limits.pollMs);
      group.attempts.succeed('describe');
      if (unanswered !== undefined && group.view.isReliable) this.#answered(group, unanswered);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#backOff(group, 'describe', error);
      return false;
    }
  }

  #mayLeave(): boolean {
    return this.#parts.mayWrite() && this.#parts.isFresh();
  }

  /** `not sent` is final: a process that may no longer write never may again. */
  #notSent(): WriteResult {
    return { is: this.#parts.mayWrite() ? 'outdated' : 'not sent' };
  }

  #send(group: GroupState, { action, changes }: Batch, leavesBy: number): Promise<WriteReply> {
    const rows = changes.map(({ row }) => row);
    const { groups, clock } = this.#parts;
    const options = { mayLeave: () => clock.now() <= leavesBy && this.#mayLeave() };
    switch (action) {
      case 'remove':
        return groups.remove(group.ref, rows, options);
      case 'set':
        return groups.setWeight(group.ref, rows, options);
      case 'add':
        return groups.add(group.ref, rows, options);
    }
  }

  #listed(
    group: GroupState,
    batch: Batch,
    requestId: string,
    rows: readonly Row[],
    startedAt: number,
  ): WriteResult {
    if (contradicts(batch, rows)) {
      group.view.doubt('contradiction', { batch, requestId, startedAt });
      this.#backOff(group, batch.action, contradiction(group, batch, requestId));
      return { is: 'failed' };
    }
    group.view.written(
      rows,
      batch.changes.map(({ key }) => key),
    );
    return this.#done(group, batch, requestId, startedAt);
  }

  #progressed(group: GroupState, job: Job, state: JobState): WriteResult {
    const { clock, groups } = this.#parts;
    group.attempts.succeed('describe');
    if (state.is === 'pending') {
      group.view.waitFor(job, clock.now() + groups.limits.pollMs);
      return { is: 'pending' };
    }
    group.view.jobEnded('pending');
    if (state.is === 'done') return this.#done(group, job.batch, job.requestId, job.startedAt);
    this.#refused(group, job.batch, state.error, state.rows.map(backendKey));
    return { is: 'failed' };
  }

  #done(group: GroupState, batch: Batch, requestId: string, startedAt: number): WriteResult {
    group.attempts.done(batch);
    this.#tellWritten(group, { batch, requestId, startedAt });
    return { is: 'written', batch, requestId };
  }

  /** A write of unknown outcome was carried out as far as the group, which was read since, shows its changes. */
  #answered(group: GroupState, { batch, requestId, startedAt }: Unanswered): void {
    const shown = new Map(group.view.rows?.map(({ key, row }) => [key, row]));
    const changes = batch.changes.filter((change) => isShown(batch.action, change, shown));
    if (changes.length > 0) this.#tellWritten(group, { batch: { ...batch, changes }, requestId, startedAt });
  }

  #tellWritten(group: GroupState, { batch, requestId, startedAt }: Unanswered): void {
    const { clock, hooks } = this.#parts;
    const keys = batch.changes.map(({ key }) => key);
    for (const drift of group.view.corrected(keys)) hooks.onDriftCorrected(drift);
    const now = clock.now();
    hooks.onWritten(group, batch, requestId, group.leaving.waitedMs(keys, now), now - startedAt);
  }

  /** `named`: the rows of the batch that are known to be the reason. */
  #refused(group: GroupState, batch: Batch, error: ApiError, named: readonly BackendKey[]): void {
    const { changes, action } = batch;
    const bad = changes.length === 1 ? changes : changes.filter(({ key }) => named.includes(key));
    const now = this.#parts.clock.now();
    const { split, mayFitFewer } = outcomeOf(error);
    if (mayFitFewer && action === 'add' && group.attempts.room.refused(changes.length)) return;
    if (split === undefined) this.#backOff(group, action, error);
    else if (bad.length > 0) for (const change of bad) this.#refuse(group, action, change, error);
    else if (group.attempts.isKnown(batch, error))
      this.#tell(group, action, group.attempts.refuseAgain(batch, error, now));
    else group.attempts.split(batch, error);
  }

  #refuse(group: GroupState, action: Batch['action'], change: Change, error: ApiError): void {
    const { clock, enis } = this.#parts;
    const { serverIp } = change.row;
    const doubtsEni = outcomeOf(error).split?.doubtsEni ?? false;
    if (doubtsEni && serverIp !== undefined) enis.forget(group.ref.regionId, serverIp);
    this.#tell(group, action, group.attempts.refuse(action, change, error, clock.now()));
  }

  #backOff(group: GroupState, action: GroupAction, error: ApiError): void {
    this.#tell(group, action, group.attempts.fail(action, error, this.#parts.clock.now()));
  }

  #tell(group: GroupState, action: GroupAction, { error, attempts, retryAt }: FailedAttempt): void {
    const { clock, hooks } = this.#parts;
    hooks.onFailed(group, action, error, attempts, retryAt - clock.now());
  }
}

/** Whether the list that a write returned contradicts that write. */
function contradicts({ action, changes }: Batch, rows: readonly Row[]): boolean {
  const servers = new Set(changes.map(({ row }) => row.serverId));
  const written = rows.filter(({ serverId }) => servers.has(serverId));
  const shown = new Map(written.map((row) => [backendKey(row), row]));
  return changes.some((change) => !isShown(action, change, shown));
}

function isShown(
  action: Batch['action'],
  { key, row }: Change,
  shown: ReadonlyMap<BackendKey, Row>,
): boolean {
  const after = shown.get(key);
  if (action === 'remove') return after === undefined;
  return after !== undefined && (action === 'add' || after.weight === row.weight);
}

/** Error code for a call that was accepted but, according to its reply, not carried out. */
export const CONTRADICTORY_REPLY = 'ContradictoryReply';

/** The API accepted the call, but the reply does not show what it wrote: the reply is not trusted, and the group is read. */
function contradiction(group: GroupState, { action, changes }: Batch, requestId: string): ApiError {
  return new ApiError({
    code: CONTRADICTORY_REPLY,
    text: `the API accepted a change of ${changes.length} backends, but its reply does not show it`,
    action,
    kind: 'transient',
    outcome: 'unknown',
    hint: { text: 'The operator reads the group and retries automatically.', tellsRetry: true },
    reason: 'ApiUnavailable',
    group: group.ref,
    requestId,
  });
}
