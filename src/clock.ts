import { performance } from 'node:perf_hooks';

/**
 * Time as a parameter, so that code that waits can be tested without waiting.
 *
 * `now` is monotonic milliseconds, for everything that lasts (deadlines, drains, spacing, back-off): a jump of the wall clock does
 * not affect it. `wall` is milliseconds since the Unix epoch, only for times that are written down and read back later (WallTimes).
 */
export interface Clock {
  now(): number;
  wall(): number;
  /** Calls back once after `ms` milliseconds (at the next turn for 0) unless cancelled. */
  setTimeout(callback: () => void, ms: number): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimeout: (callback, ms) => {
    const timer = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Smaller jumps of the wall clock are the usual corrections of a synchronized clock. */
const SMALLEST_JUMP_MS = 1_000;

/**
 * Converts between wall-clock times, as they are written down, and `Clock.now()`. When the wall clock is set, what was written
 * down is converted anew, so that nothing lasts longer or shorter. Small corrections change nothing, so that what is written
 * down twice is the same.
 */
export class WallTimes {
  readonly #clock: Pick<Clock, 'now' | 'wall'>;
  /** Milliseconds from `Clock.now()` to the wall clock; whole ones, so that a time that was read is written down as it was. */
  #offset = Number.NaN;

  constructor(clock: Pick<Clock, 'now' | 'wall'>) {
    this.#clock = clock;
  }

  /** See Clock. */
  wall(): number {
    return this.#clock.wall();
  }

  /** `Clock.now()` milliseconds of a time that was written down. One in the future, by a clock that is ahead, counts as now. */
  read(wall: number): number {
    return Math.min(this.#clock.now(), wall - this.#currentOffset());
  }

  /** The wall-clock time at `at` (`Clock.now()` milliseconds), in milliseconds since the Unix epoch. */
  written(at: number): number {
    return at + this.#currentOffset();
  }

  #currentOffset(): number {
    const offset = Math.round(this.#clock.wall() - this.#clock.now());
    if (!(Math.abs(offset - this.#offset) < SMALLEST_JUMP_MS)) this.#offset = offset;
    return this.#offset;
  }
}

/** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Returns whether the work settled, successfully or not, within `ms` milliseconds. The work itself continues. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const ended = work.then(
    () => true,
    () => true,
  );
  const late = sleep(clock, ms, over.signal).then(
    () => false,
    () => false,
  );
  const inTime = await Promise.race([ended, late]);
  over.abort();
  return inTime;
}

/** Stops waiting for work that cannot be stopped itself, such as a credential plugin that hangs. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
