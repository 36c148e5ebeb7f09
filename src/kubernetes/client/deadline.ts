import type { Clock, Timer } from '../../clock.ts';

/** Created once: without a reason, each call would create a new exception with its stack trace. */
const ENDED = new Error('the call has ended');

/**
 * Aborts when the caller does, or when `heard` was not called for long enough; `passed` says which of the two it was.
 * `heard` is cheap enough for every chunk: it sets a number, not a timer.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort = () => this.#controller.abort(this.#caller?.reason);
  #limitMs: number;
  #since: number;
  #timer: Timer | undefined;
  #passed = false;

  constructor(clock: Clock, limitMs: number, caller?: AbortSignal) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#caller = caller;
    this.#since = clock.now();
    if (caller?.aborted) this.#onAbort();
    else caller?.addEventListener('abort', this.#onAbort, { once: true });
    this.#arm(limitMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True if the time is up, false if the caller aborted. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Restarts the time limit. */
  heard(): void {
    this.#since = this.#clock.now();
  }

  /** Starts over with another limit. */
  restart(limitMs: number): void {
    this.#timer?.cancel();
    this.#limitMs = limitMs;
    this.heard();
    this.#arm(limitMs);
  }

  /** Also aborts whatever still runs under the signal: an unread body would keep its connection. */
  end(): void {
    this.#timer?.cancel();
    this.#caller?.removeEventListener('abort', this.#onAbort);
    this.#controller.abort(ENDED);
  }

  #arm(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      const left = this.#since + this.#limitMs - this.#clock.now();
      if (left > 0) return this.#arm(left);
      this.#passed = true;
      this.#controller.abort();
    }, ms);
  }
}
