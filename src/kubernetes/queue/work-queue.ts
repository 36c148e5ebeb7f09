import { type BackoffOptions, backoffMs } from '../../backoff.ts';
import { type Clock, systemClock, type Timer } from '../../clock.ts';
import type { Counter, Histogram } from './metric-types.ts';

/** Highest first. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Names and meanings are those of client-go; the gauges of the same family come from `WorkQueue.gauges`. */
export interface WorkQueueMetrics {
  /** workqueue_adds_total */
  readonly adds: Counter<'name'>;
  /** workqueue_retries_total */
  readonly retries: Counter<'name'>;
  /** workqueue_queue_duration_seconds */
  readonly queueDuration: Histogram<'name'>;
  /** workqueue_work_duration_seconds */
  readonly workDuration: Histogram<'name'>;
}

export interface WorkQueueGauges {
  /** workqueue_depth */
  readonly depth: number;
  /** workqueue_unfinished_work_seconds */
  readonly unfinishedWorkSeconds: number;
  /** workqueue_longest_running_processor_seconds */
  readonly longestRunningProcessorSeconds: number;
}

export interface WorkQueueOptions {
  readonly name: string;
  readonly clock?: Clock;
  /** Default: 5 ms, doubling up to 30 s, a fifth of it random. */
  readonly backoff?: Partial<BackoffOptions>;
  readonly metrics?: WorkQueueMetrics;
}

interface Dirty {
  readonly priority: Priority;
  readonly addedAt: number;
}

interface Delayed {
  priority: Priority;
  readonly readyAt: number;
  readonly timer: Timer;
}

interface Processing {
  readonly priority: Priority;
  readonly startedAt: number;
}

/** A longer timeout would overflow the timer and fire immediately. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Keys that need work. Each key is in the queue at most once, however often it was added.
 *
 * A key in work is not handed out again before `done`; if it is added meanwhile, it comes back after that. Of several adds of one
 * key, the earliest ready time and the highest priority win, so a plain add overrides a delay. Higher priorities are served first;
 * each priority is first come, first served. `add` resolves a waiting `get` directly, without a timer. After `shutDown`, adds are
 * ignored and delayed keys are dropped; keys that are ready are still handed out.
 */
export class WorkQueue<K extends string> {
  readonly name: string;
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #metrics: WorkQueueMetrics | undefined;
  readonly #labels: { readonly name: string };
  readonly #dirty = new Map<K, Dirty>();
  /** The dirty keys that are not in work, in order. */
  readonly #ready: Readonly<Record<Priority, Set<K>>> = {
    high: new Set(),
    normal: new Set(),
    low: new Set(),
  };
  readonly #processing = new Map<K, Processing>();
  readonly #delayed = new Map<K, Delayed>();
  readonly #failures = new Map<K, number>();
  readonly #getters: ((key: K | undefined) => void)[] = [];
  #isShutDown = false;

  constructor({ name, clock = systemClock, backoff, metrics }: WorkQueueOptions) {
    this.name = name;
    this.#clock = clock;
    this.#backoff = { baseMs: 5, capMs: 30_000, jitter: 0.2, ...backoff };
    this.#metrics = metrics;
    this.#labels = { name };
  }

  add(key: K, priority: Priority = 'normal'): void {
    if (this.#isShutDown) return;
    const wanted = highest(priority, this.#cancelDelay(key));
    if (this.#raised(key, wanted)) return;
    this.#metrics?.adds.inc(this.#labels);
    this.#dirty.set(key, { priority: wanted, addedAt: this.#clock.now() });
    if (!this.#processing.has(key)) this.#ready[wanted].add(key);
    this.#handOut();
  }

  addAfter(key: K, ms: number, priority: Priority = 'normal'): void {
    if (!(ms > 0)) {
      this.add(key, priority);
      return;
    }
    if (this.#isShutDown) return;
    this.#metrics?.retries.inc(this.#labels);
    if (this.#raised(key, priority)) return;
    const readyAt = this.#clock.now() + ms;
    const delayed = this.#delayed.get(key);
    if (delayed !== undefined && delayed.readyAt <= readyAt) {
      delayed.priority = highest(delayed.priority, priority);
      return;
    }
    const wanted = highest(priority, this.#cancelDelay(key));
    const timer = this.#clock.setTimeout(() => this.add(key, 'low'), Math.min(ms, LONGEST_TIMER_MS));
    this.#delayed.set(key, { priority: wanted, readyAt, timer });
  }

  /**
   * Adds the key after its own back-off, and not before `atLeastMs`. For a key in work, the default priority is the one that it
   * was handed out with.
   */
  addRateLimited(key: K, priority?: Priority, atLeastMs = 0): void {
    const failures = this.numRequeues(key);
    this.#failures.set(key, failures + 1);
    const ms = Math.max(atLeastMs, backoffMs(failures, this.#backoff));
    this.addAfter(key, ms, priority ?? this.#processing.get(key)?.priority ?? 'normal');
  }

  /** Resets the key's back-off, because it succeeded. Does not remove the key from the queue. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  /** Number of `addRateLimited` calls for the key since it was last forgotten. */
  numRequeues(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Resolves with the next key, which is in work until `done`; undefined once the queue is shut down and empty. */
  get(): Promise<K | undefined> {
    return new Promise((resolve) => {
      this.#getters.push(resolve);
      this.#handOut();
    });
  }

  done(key: K): void {
    const processing = this.#processing.get(key);
    if (processing === undefined) return;
    this.#processing.delete(key);
    this.#metrics?.workDuration.observe(this.#labels, this.#secondsSince(processing.startedAt));
    const dirty = this.#dirty.get(key);
    if (dirty !== undefined) this.#ready[dirty.priority].add(key);
    this.#handOut();
  }

  shutDown(): void {
    this.#isShutDown = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#handOut();
  }

  gauges(): WorkQueueGauges {
    const running = [...this.#processing.values()].map(({ startedAt }) => this.#secondsSince(startedAt));
    return {
      depth: this.#dirty.size,
      unfinishedWorkSeconds: running.reduce((sum, seconds) => sum + seconds, 0),
      longestRunningProcessorSeconds: running.reduce((most, seconds) => Math.max(most, seconds), 0),
    };
  }

  #handOut(): void {
    for (let get = this.#getters[0]; get !== undefined; get = this.#getters[0]) {
      const key = this.#take();
      // A dirty key that is still in work comes back at its `done`: the getters wait for it even after `shutDown`.
      if (key === undefined && (!this.#isShutDown || this.#dirty.size > 0)) break;
      this.#getters.shift();
      get(key);
    }
  }

  #take(): K | undefined {
    for (const priority of PRIORITIES) {
      for (const key of this.#ready[priority]) {
        this.#ready[priority].delete(key);
        const addedAt = this.#dirty.get(key)?.addedAt ?? this.#clock.now();
        this.#dirty.delete(key);
        this.#processing.set(key, { priority, startedAt: this.#clock.now() });
        this.#metrics?.queueDuration.observe(this.#labels, this.#secondsSince(addedAt));
        return key;
      }
    }
    return undefined;
  }

  /** Raises the priority of a key that is already dirty; returns whether it is. */
  #raised(key: K, priority: Priority): boolean {
    const dirty = this.#dirty.get(key);
    if (dirty === undefined) return false;
    const wanted = highest(dirty.priority, priority);
    this.#dirty.set(key, { ...dirty, priority: wanted });
    if (wanted !== dirty.priority && this.#ready[dirty.priority].delete(key)) this.#ready[wanted].add(key);
    return true;
  }

  /** Drops the key's delayed add and returns its priority; the lowest priority if there was none. */
  #cancelDelay(key: K): Priority {
    const delayed = this.#delayed.get(key);
    if (delayed === undefined) return 'low';
    delayed.timer.cancel();
    this.#delayed.delete(key);
    return delayed.priority;
  }

  #secondsSince(time: number): number {
    return (this.#clock.now() - time) / 1000;
  }
}

function highest(a: Priority, b: Priority): Priority {
  return PRIORITIES.indexOf(a) < PRIORITIES.indexOf(b) ? a : b;
}
