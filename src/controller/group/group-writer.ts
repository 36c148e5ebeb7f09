import type { Clock } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { type ServerGroups, WithdrawnError, type WriteReply } from '../../cloud/server-groups.ts';
import type { Row } from '../../membership/backend.ts';
import type { Batch } from '../../membership/plan/batches.ts';
import { type Drift, driftOf } from './drift.ts';
import type { EniDirectory } from './eni-directory.ts';
import { type Action, GroupState } from './group-state.ts';
import { outcomeOf } from './outcome.ts';

export type WriteResult =
  | { readonly is: 'written'; readonly requestId: string }
  /** The group's state says when it may be tried again. */
  | { readonly is: 'failed' }
  /** This process may not write any more. */
  | { readonly is: 'not sent' };

export interface WriteHooks {
  /** The API took the batch. `delaysMs`: for each row taken out of service, the time since it was seen to leave. */
  onWritten(
    group: GroupState,
    batch: Batch,
    requestId: string,
    delaysMs: readonly number[],
    durationMs: number,
  ): void;
  onFailed(group: GroupState, action: Action, error: ApiError, attempts: number, retryInMs: number): void;
  /** Dry run: the batch would be sent. */
  onWithheld(group: GroupState, batch: Batch): void;
  onRead(group: GroupState, reason: ReadReason): void;
  /** A backend is as it should be again, after somebody else had changed it. */
  onDriftCorrected(drift: Drift): void;
}

export type ReadReason = 'first' | 'resync' | 'contradiction' | 'unknown-outcome';

export interface GroupWriterParts {
  readonly groups: Pick<ServerGroups, 'describe' | 'add' | 'setWeight' | 'remove'>;
  readonly enis: Pick<EniDirectory, 'forget'>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Asked before each write, and again when its request leaves: false as soon as another replica may lead. */
  readonly mayWrite: () => boolean;
  readonly hooks: WriteHooks;
}

/**
 * Carries out one call on a group and keeps what is known of the group true: a reply replaces the list, a failure says
 * when the action may be tried again, and an unknown outcome has the group read before anything else.
 */
export class GroupWriter {
  readonly #parts: GroupWriterParts;

  constructor(parts: GroupWriterParts) {
    this.#parts = parts;
  }

  async write(group: GroupState, batch: Batch): Promise<WriteResult> {
    const { clock, mayWrite } = this.#parts;
    if (!mayWrite()) return { is: 'not sent' };
    const startedAt = clock.now();
    group.lastWriteAt = startedAt;
    if (batch.action !== 'remove') group.lastAdditionAt = startedAt;
    if (!batch.urgent) group.additionsWaitSince = undefined;
    try {
      const reply = await this.#send(group, batch);
      return this.#accept(group, batch, reply, startedAt);
    } catch (error) {
      if (error instanceof WithdrawnError) return { is: 'not sent' };
      // Whatever went wrong, the call may have been carried out unless the API refused it.
      if (!(error instanceof ApiError)) {
        group.needsDescribe = true;
        throw error;
      }
      this.#fail(group, batch, error);
      return { is: 'failed' };
    }
  }

  /** Dry run: only tells what would be written. */
  withhold(group: GroupState, batches: readonly Batch[]): void {
    for (const batch of batches) this.#parts.hooks.onWithheld(group, batch);
  }

  /** Reads the group. */
  async describe(group: GroupState, resyncInMs: number): Promise<void> {
    const { groups, clock, hooks } = this.#parts;
    const reason = readReason(group);
    hooks.onRead(group, reason);
    try {
      const description = await groups.describe(group.ref);
      noteDrift(group, reason, description.rows);
      group.learn(description.rows);
      group.loadBalancerId = description.loadBalancerId ?? group.loadBalancerId;
      group.succeed('describe');
      group.resyncAt = clock.now() + resyncInMs;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#rest(group, 'describe', error);
    }
  }

  #send(group: GroupState, { action, changes }: Batch): Promise<WriteReply> {
    const rows = changes.map(({ row }) => row);
    const { groups, mayWrite } = this.#parts;
    const options = { mayLeave: mayWrite };
    switch (action) {
      case 'remove':
        return groups.remove(group.ref, rows, options);
      case 'set':
        return groups.setWeight(group.ref, rows, options);
      case 'add':
        return groups.add(group.ref, rows, options);
    }
  }

  #accept(group: GroupState, batch: Batch, reply: WriteReply, startedAt: number): WriteResult {
    const { clock, hooks } = this.#parts;
    const { requestId } = reply;
    if (reply.is === 'accepted') {
      group.needsDescribe = true;
      return { is: 'written', requestId };
    }
    if (GroupState.contradicts(batch, reply.rows)) {
      group.needsDescribe = true;
      this.#rest(group, batch.action, contradiction(group, batch, requestId));
      return { is: 'failed' };
    }
    group.succeed(batch.action);
    for (const { key } of batch.changes) {
      const drift = group.drift.get(key);
      if (drift !== undefined) hooks.onDriftCorrected(drift);
      group.drift.delete(key);
    }
    group.learn(reply.rows);
    group.accepted(batch);
    if (batch.action === 'remove' && group.failures.get('add')?.error.kind === 'quota') group.succeed('add');
    if (batch.action === 'remove') {
      for (const { claim } of batch.changes) group.lastRemoval.set(claim, clock.wall());
    }
    const now = clock.now();
    const delays = batch.changes.flatMap(({ key }) => {
      const since = group.leavingSince.get(key);
      return since === undefined ? [] : [now - since];
    });
    hooks.onWritten(group, batch, requestId, delays, now - startedAt);
    return { is: 'written', requestId };
  }

  #fail(group: GroupState, batch: Batch, error: ApiError): void {
    const { clock, enis, random } = this.#parts;
    const { split, retry } = outcomeOf(error);
    if (error.outcome === 'unknown' || error.kind === 'groupMissing') group.needsDescribe = true;
    if (!split) {
      this.#rest(group, batch.action, error);
      return;
    }
    if (batch.changes.length > 1) {
      group.split(batch, error);
      return;
    }
    group.refuse(batch, error, retry, clock.now(), random);
    for (const { row } of batch.changes) {
      if (row.serverIp !== undefined) enis.forget(group.regionId, row.serverIp);
    }
    this.#parts.hooks.onFailed(group, batch.action, error, 1, retry.baseMs);
  }

  #rest(group: GroupState, action: Action, error: ApiError): void {
    const { clock, random, hooks } = this.#parts;
    const now = clock.now();
    const { attempts, retryAt } = group.fail(action, error, outcomeOf(error).retry, now, random);
    hooks.onFailed(group, action, error, attempts, retryAt - now);
  }
}

function readReason(group: GroupState): ReadReason {
  if (group.rows === undefined) return 'first';
  if (!group.needsDescribe) return 'resync';
  const contradicted = [...group.failures.values()].some(({ error }) => error.code === CONTRADICTION);
  return contradicted ? 'contradiction' : 'unknown-outcome';
}

/** Only a resync tells what others did: in any other read, our own writes are in doubt. */
function noteDrift(group: GroupState, reason: ReadReason, rows: readonly Row[]): void {
  group.drift.clear();
  if (reason !== 'resync') return;
  for (const [key, drift] of driftOf(group.rows ?? [], rows)) group.drift.set(key, drift);
}

const CONTRADICTION = 'ContradictoryReply';

/** The call was accepted, yet its reply does not show what it wrote: it is not believed, and the group is read. */
function contradiction(group: GroupState, { action, changes }: Batch, requestId: string): ApiError {
  return new ApiError({
    code: CONTRADICTION,
    text: `the API accepted a change of ${changes.length} backends, but its reply does not show it`,
    action,
    kind: 'transient',
    outcome: 'unknown',
    hint: { text: 'The operator reads the group and tries again by itself.', tellsRetry: true },
    reason: 'ApiUnavailable',
    group: group.ref,
    requestId,
  });
}
