import { backoffMs } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import type { Recovery } from './recovery.ts';

const EXPIRED_IS_RARE_MS = 30_000;
const QUIET_MS = 30_000;
const MAX_RETRY_MS = 1_500;

/**
 * How long to wait before the next attempt: 0.2 s, doubling up to 1.5 s, half of it random; starts over after 30 s without a
 * failure. client-go goes up to 30 s, because a server may have thousands of its clients. This operator has two or three
 * replicas with half a dozen watches each, and a backend that leaves while a watch pauses stays in its group until the pause
 * ends. A server that needs longer pauses sends Retry-After.
 */
export class RetryPause {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #restAt = Number.NEGATIVE_INFINITY;
  #expiredAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  after(kind: Recovery['pause'], retryAfterMs = 0): number {
    if (kind === 'none' || (kind === 'none-if-rare' && this.#isRare())) return 0;
    // Clients with the same Retry-After must not all retry at the same moment.
    const asked = retryAfterMs * (1 + this.#random() / 10);
    return Math.max(asked, this.#next());
  }

  #isRare(): boolean {
    const rare = this.#clock.now() - this.#expiredAt > EXPIRED_IS_RARE_MS;
    this.#expiredAt = this.#clock.now();
    return rare;
  }

  #next(): number {
    const now = this.#clock.now();
    if (now - this.#restAt > QUIET_MS) this.#failures = 0;
    const options = { baseMs: 200, capMs: MAX_RETRY_MS, jitter: 0.5, random: this.#random };
    const ms = backoffMs(this.#failures++, options);
    this.#restAt = now + ms;
    return ms;
  }
}
