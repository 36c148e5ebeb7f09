import { type Clock, systemClock, within } from '../../clock.ts';
import { retryAfterMsOf } from '../client/api-error.ts';
import type { Counter, Gauge, Histogram } from './metric-types.ts';
import type { Priority, WorkQueue } from './work-queue.ts';

/** The result of a reconcile: done, or another reconcile after some time, whatever happens meanwhile. */
export type Result = 'done' | { readonly requeueAfterMs: number; readonly priority?: Priority };

/**
 * Brings the actual state to the desired state of `key`. It is not told what has changed since the last call, only that something
 * may have. It must stop soon after the signal is aborted. If it throws, the key is retried after its back-off.
 */
export type Reconcile<K extends string> = (key: K, signal: AbortSignal) => Promise<Result>;

export interface ReconcileFailure<K extends string> {
  readonly key: K;
  readonly error: unknown;
  /** Consecutive failures of this key. */
  readonly attempts: number;
}

/** Names and meanings are those of controller-runtime. */
export interface ReconcileMetrics {
  /** controller_runtime_reconcile_total */
  readonly total: Counter<'controller' | 'result'>;
  /** controller_runtime_reconcile_errors_total */
  readonly errors: Counter<'controller'>;
  /** controller_runtime_reconcile_panics_total */
  readonly panics: Counter<'controller'>;
  /** controller_runtime_reconcile_time_seconds */
  readonly time: Histogram<'controller'>;
  /** controller_runtime_max_concurrent_reconciles: `+Inf`, because there is no limit */
  readonly maxConcurrent: Gauge<'controller'>;
  /** controller_runtime_active_workers */
  readonly activeWorkers: Gauge<'controller'>;
}

export interface ReconcileLoopOptions<K extends string> {
  /** The controller's name in lower case; the label of the metrics. */
  readonly name: string;
  readonly queue: WorkQueue<K>;
  readonly reconcile: Reconcile<K>;
  readonly clock?: Clock;
  readonly metrics?: ReconcileMetrics;
  readonly onFailure?: (failure: ReconcileFailure<K>) => void;
}

export interface Outcome {
  readonly result: 'success' | 'error' | 'requeue_after';
  readonly panic: boolean;
  readonly next:
    | { readonly do: 'forget' }
    | { readonly do: 'backoff'; readonly atLeastMs: number }
    | { readonly do: 'after'; readonly ms: number; readonly priority: Priority };
}

type Settled = { readonly value: Result } | { readonly error: unknown };

/**
 * Decides what the end of a reconcile means for the queue and the metrics.
 *
 * | the reconcile …                   | counts as     | = the key                                             |
 * |-----------------------------------|---------------|-------------------------------------------------------|
 * | returned done                     | success       | is forgotten                                          |
 * | returned requeueAfterMs           | requeue_after | is forgotten and comes back then                      |
 * | threw                             | error         | comes back after its back-off                         |
 * | threw an error with a Retry-After | error         | comes back after its back-off, not before Retry-After |
 * | threw an error that is a bug      | error, panic  | comes back after its back-off                         |
 */
export function outcome(settled: Settled): Outcome {
  if ('error' in settled) {
    const { error } = settled;
    const next = { do: 'backoff', atLeastMs: retryAfterMsOf(error) } as const;
    return { result: 'error', panic: isPanic(error), next };
  }
  const { value } = settled;
  if (value === 'done') return { result: 'success', panic: false, next: { do: 'forget' } };
  const { requeueAfterMs, priority = 'normal' } = value;
  return { result: 'requeue_after', panic: false, next: { do: 'after', ms: requeueAfterMs, priority } };
}

/** True for the errors that the JavaScript engine throws, and for anything that is not an `Error`. */
function isPanic(error: unknown): boolean {
  return (
    !(error instanceof Error) ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError
  );
}

/**
 * Reconciles the keys of a queue.
 *
 * A key is never reconciled twice at the same time. Different keys run concurrently without a limit, because they are independent
 * and mostly wait for the network. Errors of a reconcile do not end the loop. After `stop` no more keys are started; running ones
 * have until the deadline to finish, then their signal is aborted.
 */
export class ReconcileLoop<K extends string> {
  readonly #options: ReconcileLoopOptions<K>;
  readonly #clock: Clock;
  readonly #labels: { readonly controller: string };
  readonly #cut = new AbortController();
  readonly #active = new Map<K, Promise<void>>();
  #pulling: Promise<void> | undefined;
  #stopping = false;

  constructor(options: ReconcileLoopOptions<K>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#labels = { controller: options.name };
    options.metrics?.maxConcurrent.set(this.#labels, Number.POSITIVE_INFINITY);
  }

  start(): void {
    if (this.#pulling !== undefined) throw new Error(`${this.#options.name} was started before`);
    this.#pulling = this.#pull();
  }

  /** Resolves with the keys that did not finish before the deadline: they are aborted, and not waited for. */
  async stop(deadlineMs: number): Promise<readonly K[]> {
    this.#stopping = true;
    this.#options.queue.shutDown();
    const finished = Promise.all([this.#pulling, ...this.#active.values()]);
    if (!(await within(this.#clock, deadlineMs, finished))) {
      const cut = [...this.#active.keys()];
      this.#cut.abort(new Error(`${this.#options.name} stops`));
      return cut;
    }
    this.#cut.abort();
    return [];
  }

  async #pull(): Promise<void> {
    const { queue } = this.#options;
    while (!this.#stopping) {
      const key = await queue.get();
      if (key === undefined) return;
      if (this.#stopping) queue.done(key);
      else this.#startOn(key);
    }
  }

  #startOn(key: K): void {
    const { metrics } = this.#options;
    const startedAt = this.#clock.now();
    const run = this.#settled(key).then((settled) => {
      metrics?.time.observe(this.#labels, (this.#clock.now() - startedAt) / 1000);
      this.#active.delete(key);
      metrics?.activeWorkers.set(this.#labels, this.#active.size);
      this.#conclude(key, settled);
    });
    this.#active.set(key, run);
    metrics?.activeWorkers.set(this.#labels, this.#active.size);
  }

  async #settled(key: K): Promise<Settled> {
    try {
      return { value: await this.#options.reconcile(key, this.#cut.signal) };
    } catch (error) {
      return { error };
    }
  }

  #conclude(key: K, settled: Settled): void {
    const { queue, metrics } = this.#options;
    const { result, panic, next } = outcome(settled);
    // An error after our own abort is not a failure of the key.
    if (!(result === 'error' && this.#cut.signal.aborted)) {
      metrics?.total.inc({ ...this.#labels, result });
      if (next.do === 'backoff') queue.addRateLimited(key, undefined, next.atLeastMs);
      else queue.forget(key);
      if (next.do === 'after') queue.addAfter(key, next.ms, next.priority);
      if ('error' in settled) this.#failed(key, settled.error, panic);
    }
    queue.done(key);
  }

  #failed(key: K, error: unknown, panic: boolean): void {
    const { queue, metrics, onFailure } = this.#options;
    metrics?.errors.inc(this.#labels);
    if (panic) metrics?.panics.inc(this.#labels);
    try {
      onFailure?.({ key, error, attempts: queue.numRequeues(key) });
    } catch {
      // If a failing callback threw here, the key would never be done.
    }
  }
}
