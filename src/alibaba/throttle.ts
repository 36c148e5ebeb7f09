import type { Clock, Timer } from '../clock.ts';

/** Highest priority first. */
export const CALL_PRIORITIES = ['removal', 'read', 'addition', 'health'] as const;
export type CallPriority = (typeof CALL_PRIORITIES)[number];

/** One token bucket for all calls of the account, because the API's limits are per account. */
export interface RateLimiter {
  /**
   * Resolves when a call may be sent; immediately while there are tokens. Removals go first, then reads, then additions,
   * then health queries; each priority is first come, first served. Additions leave a tenth of the bucket (at most what
   * 200 ms bring) to the others; health queries leave three quarters of it, because no other call must wait for them.
   * One token in ten goes to a read or addition that has waited 5 s, so that endless removals do not starve them.
   * Rejects with the signal's reason if it is aborted, and then takes no token.
   */
  acquire(priority: CallPriority, signal?: AbortSignal): Promise<void>;
  /**
   * Reports that the API throttled a call. Halves the rate (at most once a second, and not below 1/s or the configured rate,
   * whichever is lower), empties the bucket, and pauses for `retryAfterMs` if the API named a time. The rate then grows by a
   * tenth of the configured rate each second until it is back.
   */
  onThrottled(retryAfterMs?: number): void;
  /** Number of calls that could be sent immediately. */
  readonly tokens: number;
  readonly waiting: Readonly<Record<CallPriority, number>>;
  /** Calls per second that are allowed now. */
  readonly rate: number;
  /** Rejects everyone who is waiting. */
  close(): void;
}

export interface RateLimiterOptions {
  readonly clock: Clock;
  /** Calls per second, greater than 0; 0.5 is one call every two seconds. */
  readonly qps: number;
  /** Size of the bucket, full at the start. */
  readonly burst: number;
}

const LOWEST_CUT = 1;
const CUT_INTERVAL_MS = 1_000;
const RECOVERY_PER_SECOND = 0.1;
const RESERVE_OF_BURST = 0.1;
const RESERVE_OF_HEALTH = 0.75;
const RESERVE_OF_SECOND = 0.2;
const STARVING_AFTER_MS = 5_000;
const GRANTS_PER_STARVING_ONE = 9;

interface Waiter {
  readonly since: number;
  readonly grant: () => void;
  readonly refuse: (reason: unknown) => void;
}

export function createRateLimiter({ clock, qps, burst }: RateLimiterOptions): RateLimiter {
  if (!(qps > 0 && Number.isFinite(qps))) throw new RangeError(`qps must be more than 0, not ${qps}`);
  if (!(burst >= 1 && Number.isFinite(burst))) throw new RangeError(`burst must be at least 1, not ${burst}`);
  return new TokenBucket(clock, qps, burst);
}

class TokenBucket implements RateLimiter {
  readonly #clock: Clock;
  readonly #qps: number;
  readonly #burst: number;
  /** Tokens that must be in the bucket before a call may take one. */
  readonly #needed: Readonly<Record<CallPriority, number>>;
  readonly #queues: Readonly<Record<CallPriority, Set<Waiter>>> = {
    removal: new Set(),
    read: new Set(),
    addition: new Set(),
    health: new Set(),
  };
  #tokens: number;
  #filledAt: number;
  /** The last cut: the rate right after it, and its time. */
  #cut: { readonly rate: number; readonly at: number };
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #grantsWhileStarving = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock, qps: number, burst: number) {
    this.#clock = clock;
    this.#qps = qps;
    this.#burst = burst;
    const reserve = Math.floor(Math.min(burst * RESERVE_OF_BURST, qps * RESERVE_OF_SECOND, burst - 1));
    const most = Math.floor(Math.min(burst * RESERVE_OF_HEALTH, burst - 1));
    this.#needed = { removal: 1, read: 1, addition: 1 + reserve, health: 1 + Math.max(reserve, most) };
    this.#tokens = burst;
    this.#filledAt = clock.now();
    this.#cut = { rate: qps, at: Number.NEGATIVE_INFINITY };
  }

  acquire(priority: CallPriority, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closed) return Promise.reject(new Error('the rate limiter is closed'));
    this.#fill();
    if (this.#tokens >= this.#needed[priority] && !this.#anyoneWaits() && !this.#paused()) {
      this.#tokens -= 1;
      return RESOLVED;
    }
    return new Promise((resolve, reject) => {
      const queue = this.#queues[priority];
      const leave = () => {
        queue.delete(waiter);
        reject(signal?.reason);
      };
      const done = () => {
        queue.delete(waiter);
        signal?.removeEventListener('abort', leave);
      };
      const waiter: Waiter = {
        since: this.#clock.now(),
        grant: () => {
          done();
          resolve();
        },
        refuse: (reason) => {
          done();
          reject(reason);
        },
      };
      queue.add(waiter);
      signal?.addEventListener('abort', leave, { once: true });
      // Not just a timer: a removal may take a token now that the waiting calls leave to it.
      this.#drain();
    });
  }

  onThrottled(retryAfterMs = 0): void {
    const now = this.#clock.now();
    this.#fill();
    this.#tokens = 0;
    this.#pausedUntil = Math.max(this.#pausedUntil, now + retryAfterMs);
    this.#filledAt = Math.max(this.#filledAt, this.#pausedUntil, now);
    // One overload throttles every call in flight, but counts once.
    if (now - this.#cut.at >= CUT_INTERVAL_MS) {
      this.#cut = { rate: Math.max(Math.min(LOWEST_CUT, this.#qps), this.#rateAt(now) / 2), at: now };
    }
    this.#schedule();
  }

  get tokens(): number {
    this.#fill();
    return this.#paused() ? 0 : Math.floor(this.#tokens);
  }

  get waiting(): Readonly<Record<CallPriority, number>> {
    const { removal, read, addition, health } = this.#queues;
    return { removal: removal.size, read: read.size, addition: addition.size, health: health.size };
  }

  get rate(): number {
    return this.#paused() ? 0 : this.#rateAt(this.#clock.now());
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    const reason = new Error('the rate limiter is closed');
    for (const queue of Object.values(this.#queues)) for (const waiter of queue) waiter.refuse(reason);
  }

  #anyoneWaits(): boolean {
    return Object.values(this.#queues).some((queue) => queue.size > 0);
  }

  #paused(): boolean {
    return this.#clock.now() < this.#pausedUntil;
  }

  #rateAt(now: number): number {
    if (this.#cut.rate >= this.#qps) return this.#qps;
    const recovered = (this.#qps * RECOVERY_PER_SECOND * (now - this.#cut.at)) / 1000;
    return Math.min(this.#qps, this.#cut.rate + recovered);
  }

  /** The rate grows linearly up to its cap, so the mean of both ends is never too high. */
  #fill(): void {
    const now = this.#clock.now();
    if (now <= this.#filledAt) return;
    const rate = (this.#rateAt(this.#filledAt) + this.#rateAt(now)) / 2;
    this.#tokens = Math.min(this.#burst, this.#tokens + (rate * (now - this.#filledAt)) / 1000);
    this.#filledAt = now;
  }

  #drain(): void {
    this.#fill();
    if (!this.#paused()) {
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        this.#tokens -= 1;
        next.grant();
      }
    }
    this.#schedule();
  }

  /** The next call to get a token: a starving one if it is its turn, otherwise the first of the highest priority. */
  #next(): Waiter | undefined {
    if (this.#tokens < 1) return undefined;
    const starving = this.#starving();
    if (starving !== undefined && this.#grantsWhileStarving >= GRANTS_PER_STARVING_ONE) {
      this.#grantsWhileStarving = 0;
      return starving;
    }
    for (const priority of CALL_PRIORITIES) {
      const head = first(this.#queues[priority]);
      if (head === undefined) continue;
      if (this.#tokens < this.#needed[priority]) return undefined;
      this.#grantsWhileStarving =
        starving === undefined || starving === head ? 0 : this.#grantsWhileStarving + 1;
      return head;
    }
    return undefined;
  }

  /** The read or addition that has waited longest, if it has waited too long. */
  #starving(): Waiter | undefined {
    const heads = [first(this.#queues.read), first(this.#queues.addition)].filter(
      (head) => head !== undefined,
    );
    const oldest = heads.sort((a, b) => a.since - b.since)[0];
    return oldest !== undefined && this.#clock.now() - oldest.since >= STARVING_AFTER_MS ? oldest : undefined;
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closed || !this.#anyoneWaits()) return;
    const now = this.#clock.now();
    this.#fill();
    const next = CALL_PRIORITIES.find((priority) => this.#queues[priority].size > 0) ?? 'health';
    const missing = Math.max(0, this.#needed[next] - this.#tokens);
    // While the rate recovers, the token comes earlier than this, never later.
    const wait = (missing * 1000) / this.#rateAt(Math.max(now, this.#filledAt));
    const delay = Math.max(0, this.#filledAt - now) + wait;
    this.#timer = this.#clock.setTimeout(() => this.#drain(), Math.max(1, Math.ceil(delay)));
  }
}

const RESOLVED = Promise.resolve();

function first<T>(queue: Set<T>): T | undefined {
  for (const item of queue) return item;
  return undefined;
}
