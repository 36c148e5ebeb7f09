import type { Clock } from '../../../../src/clock.ts';
import type { ApiError } from '../../../../src/cloud/api-error.ts';
import type { GroupRef } from '../../../../src/cloud/group-ref.ts';
import {
  type CallOptions,
  type GroupDescription,
  type GroupLimits,
  type JobState,
  type ServerGroups,
  WithdrawnError,
  type WriteReply,
} from '../../../../src/cloud/server-groups.ts';
import {
  type BackendKey,
  backendKey,
  type Row,
  type WriteAction,
} from '../../../../src/membership/backend.ts';
import { apiError } from './fake-cloud.ts';

/**
 * One group, in memory, of a kind of server group whose writes are jobs: a reply says only that the write was accepted, and the
 * result of the job must be queried. A call that names absent rows (or adds existing ones) is rejected as a whole.
 */
export class FakeAsyncGroups implements ServerGroups {
  limits: GroupLimits = {
    rowsPerCall: { add: 40, set: 40, remove: 200 },
    description: { min: 2, max: 256 },
    pollMs: 1_000,
  };
  rows: readonly Row[] = [];
  /** The duration of a job. */
  jobMs = 2_500;
  /** Addresses for which jobs fail; the rest of the same job is carried out. */
  readonly failing = new Set<string>();
  /** Whether a failed job names the rows that failed. */
  namesFailed = true;
  /** Each call as `action addresses`; polls as `job`. */
  readonly calls: string[] = [];
  /** The times of the calls. */
  readonly times: number[] = [];
  /** Throws to make a job query fail. */
  beforeJob: () => void = () => {};
  readonly #clock: Clock;
  readonly #jobs = new Map<string, JobState>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get writes(): readonly string[] {
    return this.calls.filter((call) => call !== 'describe' && call !== 'job');
  }

  /** `address*weight`, sorted. */
  get shown(): readonly string[] {
    return this.rows.map(({ serverIp, weight }) => `${serverIp}*${weight}`).sort();
  }

  list() {
    return Promise.resolve([]);
  }

  get isPending(): boolean {
    return [...this.#jobs.values()].some(({ is }) => is === 'pending');
  }

  async acquire(): Promise<void> {}

  async describe(_: GroupRef): Promise<GroupDescription> {
    this.#note('describe');
    return { requestId: 'request', rows: this.rows, pending: this.isPending, loadBalancerId: 'nlb-1' };
  }

  async job(_: GroupRef, jobId: string): Promise<JobState> {
    this.#note('job');
    this.beforeJob();
    const state = this.#jobs.get(jobId);
    if (state === undefined) throw apiError('configuration', 'ResourceNotFound.Job');
    return state;
  }

  add(_: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply> {
    return this.#accept('add', rows, options);
  }

  setWeight(_: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply> {
    return this.#accept('set', rows, options);
  }

  remove(_: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply> {
    return this.#accept('remove', rows, options);
  }

  async #accept(action: WriteAction, rows: readonly Row[], options?: CallOptions): Promise<WriteReply> {
    if (options?.mayLeave?.() === false) throw new WithdrawnError(action);
    this.#note([action, ...rows.map(({ serverIp }) => serverIp)].join(' '));
    if (this.isPending) throw apiError('busy', 'IncorrectStatus.ServerGroup');
    const there = new Set(this.rows.map(backendKey));
    if (rows.some((row) => there.has(backendKey(row)) === (action === 'add')))
      throw apiError('badBackend', 'ResourceNotFound.BackendServer', 'unknown');
    const jobId = `job-${this.#jobs.size + 1}`;
    this.#jobs.set(jobId, { is: 'pending' });
    this.#clock.setTimeout(() => this.#jobs.set(jobId, this.#carryOut(action, rows)), this.jobMs);
    return { is: 'accepted', requestId: `request-${jobId}`, jobId };
  }

  #carryOut(action: WriteAction, rows: readonly Row[]): JobState {
    const failed = rows.filter(({ serverIp }) => this.failing.has(serverIp ?? ''));
    // If it does not name rows, a job is all or nothing.
    const done = this.namesFailed || failed.length === 0 ? rows.filter((row) => !failed.includes(row)) : [];
    const written = new Map<BackendKey, Row>(done.map((row) => [backendKey(row), row]));
    const untouched = this.rows.filter((row) => !written.has(backendKey(row)));
    this.rows = action === 'remove' ? untouched : [...untouched, ...done];
    if (failed.length === 0) return { is: 'done' };
    return { is: 'failed', error: refusedByJob(), rows: this.namesFailed ? failed : [] };
  }

  #note(call: string): void {
    this.calls.push(call);
    this.times.push(this.#clock.now());
  }
}

function refusedByJob(): ApiError {
  return apiError('badBackend', 'BackendServer.Abnormal');
}
