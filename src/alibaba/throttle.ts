import type { Priority } from './slb-api.ts';

/** One token bucket for all calls of the account, since the API's limits are per account. */
export interface RateLimiter {
  /**
   * Resolves when a call may go; at once while there are tokens. Removals go first, then reads, then additions; first
   * come, first served within each. Rejects with the signal's reason when it is aborted, and takes no token then.
   */
  acquire(priority: Priority, signal?: AbortSignal): Promise<void>;
  /** The API throttled a call: halves the rate, and pauses for `retryAfterMs` when the API named a time. */
  onThrottled(retryAfterMs?: number): void;
  readonly tokens: number;
  readonly waiting: Readonly<Record<Priority, number>>;
  /** Calls a second that are allowed now. */
  readonly rate: number;
  close(): void;
}
