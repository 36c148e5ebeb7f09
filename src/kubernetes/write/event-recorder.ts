import { hostname } from 'node:os';
import { type BackoffOptions, backoffMs } from '../../backoff.ts';
import { type Clock, sleep, systemClock, type Timer, within } from '../../clock.ts';
import { hasStatus, KubeApiError, retryAfterMsOf } from '../client/api-error.ts';
import type { KubeTransport } from '../client/transport-types.ts';
import { microTime } from '../objects/micro-time.ts';
import { type EventInput, eventBody, seriesKey } from './event-body.ts';
import { SpamFilter } from './spam-filter.ts';

export type { EventInput } from './event-body.ts';

export interface EventRecorderOptions {
  readonly transport: Pick<KubeTransport, 'request'>;
  /** The pod's name. Default: the host name, which is the same in a pod. */
  readonly reportingInstance?: string;
  readonly clock?: Clock;
  /** Results: `sent`, `merged` (into an earlier event), `dropped` (too many), `failed` (could not be written). */
  readonly events?: { inc(labels: { readonly result: string }): void };
  readonly onFailure?: (failure: { readonly event: EventInput; readonly error: unknown }) => void;
}

interface Recorded {
  readonly event: EventInput;
  readonly body: ReturnType<typeof eventBody>;
  count: number;
  lastSeen: { readonly now: number; readonly wall: number };
  /** The count that the API server has; 0 before the event is created. */
  sentCount: number;
  notBefore: number;
  inOutbox: boolean;
  timer: Timer | undefined;
}

/** The same as client-go; a later repeat is a new event. */
const SERIES_ENDS_AFTER_MS = 6 * 60_000;
const SERIES_SPACING_MS = 60_000;
const MOST_RECORDED = 1_000;
const MOST_ATTEMPTS = 5;
const REQUEST_TIMEOUT_MS = 10_000;
const RETRIES: BackoffOptions = { baseMs: 500, capMs: 10_000, jitter: 0.2 };

/**
 * Reports what happened to an object to its users, as Events of events.k8s.io/v1.
 *
 * `record` never waits and never throws. A repeat joins the series of the earlier event: its count is written immediately the
 * first time, then once a minute. As in client-go, new events of one object are limited to 25, then one every 5 minutes; here,
 * of each reason. Memory is bounded: events that do not fit, and writes that fail for good or five times, are dropped and counted.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #spam: SpamFilter;
  /** Least recently used first. */
  readonly #recorded = new Map<string, Recorded>();
  readonly #outbox: Recorded[] = [];
  readonly #closed = new AbortController();
  #sending: Promise<void> | undefined;
  #flushing = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#spam = new SpamFilter(this.#clock);
  }

  record(event: EventInput): void {
    try {
      if (!this.#closed.signal.aborted) this.#record(event);
    } catch (error) {
      this.#failed(event, error);
    }
  }

  /** Sends everything that is waiting, including counts, for at most `deadlineMs`, then closes. */
  async flush(deadlineMs: number): Promise<void> {
    this.#flushing = true;
    for (const recorded of this.#recorded.values()) this.#post(recorded);
    await within(this.#clock, deadlineMs, this.#sending ?? Promise.resolve());
    this.close();
  }

  /** Drops everything that is waiting and aborts the write in flight. */
  close(): void {
    this.#closed.abort(new Error('the event recorder is closed'));
    for (const { timer } of this.#recorded.values()) timer?.cancel();
    this.#recorded.clear();
    this.#outbox.length = 0;
  }

  #record(event: EventInput): void {
    const now = this.#clock.now();
    const key = seriesKey(event);
    const earlier = this.#recorded.get(key);
    const isRepeat = earlier !== undefined && now - earlier.lastSeen.now < SERIES_ENDS_AFTER_MS;
    if (!isRepeat && (this.#outbox.length >= MOST_RECORDED || !this.#spam.allows(event))) {
      this.#count('dropped');
      return;
    }
    const recorded = isRepeat ? earlier : this.#begin(event);
    recorded.count++;
    recorded.lastSeen = { now, wall: this.#clock.wall() };
    this.#remember(key, recorded);
    if (isRepeat) this.#count('merged');
    this.#post(recorded);
  }

  #begin(event: EventInput): Recorded {
    const wall = this.#clock.wall();
    return {
      event,
      body: eventBody(event, this.#options.reportingInstance ?? hostname(), wall),
      count: 0,
      lastSeen: { now: this.#clock.now(), wall },
      sentCount: 0,
      notBefore: Number.NEGATIVE_INFINITY,
      inOutbox: false,
      timer: undefined,
    };
  }

  #remember(key: string, recorded: Recorded): void {
    const replaced = this.#recorded.get(key);
    if (replaced !== recorded) replaced?.timer?.cancel();
    this.#recorded.delete(key);
    this.#recorded.set(key, recorded);
    if (this.#recorded.size <= MOST_RECORDED) return;
    for (const [oldest, { timer }] of this.#recorded) {
      timer?.cancel();
      this.#recorded.delete(oldest);
      return;
    }
  }

  #post(recorded: Recorded): void {
    recorded.timer?.cancel();
    recorded.timer = undefined;
    if (this.#closed.signal.aborted || recorded.inOutbox || recorded.count === recorded.sentCount) return;
    const ms = recorded.notBefore - this.#clock.now();
    if (ms > 0 && !this.#flushing) {
      recorded.timer = this.#clock.setTimeout(() => this.#post(recorded), ms);
      return;
    }
    recorded.inOutbox = true;
    this.#outbox.push(recorded);
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    for (let next = this.#outbox[0]; next !== undefined; next = this.#outbox[0]) {
      const { count } = next;
      const error = await this.#deliver(next);
      if (this.#closed.signal.aborted) break;
      this.#outbox.shift();
      next.inOutbox = false;
      if (error !== undefined) this.#failed(next.event, error);
      else if (next.sentCount === 0) this.#count('sent');
      if (error !== undefined || next.sentCount > 0) next.notBefore = this.#clock.now() + SERIES_SPACING_MS;
      next.sentCount = count;
      this.#post(next);
    }
    // Reset here rather than in a promise callback: an event recorded before that callback ran would wait for the next event.
    this.#sending = undefined;
  }

  /** Resolves with the error of the last attempt, or undefined on success. */
  async #deliver(recorded: Recorded): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#write(recorded);
        return undefined;
      } catch (error) {
        if (this.#closed.signal.aborted || attempt >= MOST_ATTEMPTS || !mayPass(error)) return error;
        const ms = Math.max(retryAfterMsOf(error), backoffMs(attempt - 1, RETRIES));
        await sleep(this.#clock, ms, this.#closed.signal).catch(() => undefined);
      }
    }
  }

  async #write({ body, count, lastSeen, sentCount }: Recorded): Promise<void> {
    const { transport } = this.#options;
    const path = `/apis/events.k8s.io/v1/namespaces/${body.metadata.namespace}/events`;
    const options = { timeoutMs: REQUEST_TIMEOUT_MS, signal: this.#closed.signal };
    // The API server refuses a series of one.
    const series = count > 1 && { series: { count, lastObservedTime: microTime(lastSeen.wall) } };
    const create = async () => {
      try {
        await transport.request('POST', path, { ...options, body: { ...body, ...series } });
      } catch (error) {
        // The name is unique to us, so the reply to an earlier attempt was lost.
        if (!(error instanceof KubeApiError && error.reason === 'AlreadyExists')) throw error;
      }
    };
    if (sentCount === 0 || !series) return await create();
    try {
      const contentType = 'application/merge-patch+json';
      await transport.request('PATCH', `${path}/${body.metadata.name}`, {
        ...options,
        contentType,
        body: series,
      });
    } catch (error) {
      // Events live for an hour by default, or until someone deletes them.
      if (!hasStatus(error, 404)) throw error;
      await create();
    }
  }

  #failed(event: EventInput, error: unknown): void {
    this.#count('failed');
    try {
      this.#options.onFailure?.({ event, error });
    } catch {
      // The caller must not fail because of its event.
    }
  }

  #count(result: string): void {
    this.#options.events?.inc({ result });
  }
}

/** Whether a retry may succeed. */
function mayPass(error: unknown): boolean {
  return !(error instanceof KubeApiError) || error.status === 429 || error.status >= 500;
}
