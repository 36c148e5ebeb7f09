import type { Clock } from '../clock.ts';
import { backoffMs } from './backoff.ts';
import type { Recovery } from './recovery.ts';

const resetAfterMs = 120_000;
const expiredIsRareMs = 30_000;
const missingRetryMs = 5_000;
const unreachableRetryMs = 1_500;

/** How long to wait before the next attempt: client-go's numbers, 0.8 s doubling to 30 s, anew after two minutes without a failure. */
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
    // Nobody is there whom it could burden, and it is not to lengthen the pauses after what a starting server answers.
    if (kind === 'unreachable') return unreachableRetryMs * (1 - this.#random() / 2);
    // All who were told the same Retry-After must not come back in the same instant.
    const asked = retryAfterMs * (1 + this.#random() / 10);
    const ms = Math.max(asked, this.#next());
    return kind === 'missing' ? Math.min(ms, missingRetryMs) : ms;
  }

  #isRare(): boolean {
    const rare = this.#clock.now() - this.#expiredAt > expiredIsRareMs;
    this.#expiredAt = this.#clock.now();
    return rare;
  }

  #next(): number {
    const now = this.#clock.now();
    if (now - this.#restAt > resetAfterMs) this.#failures = 0;
    const options = { baseMs: 800, capMs: 30_000, jitter: 0.5, random: this.#random };
    const ms = backoffMs(this.#failures++, options);
    this.#restAt = now + ms;
    return ms;
  }
}
