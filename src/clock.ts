import { performance } from 'node:perf_hooks';

/**
 * Time as a parameter, so that every rule about waiting can be tested without waiting.
 *
 * `now` is monotonic milliseconds (deadlines, spacing, back-off: a jump of the wall clock moves none of them);
 * `wall` is milliseconds since the Unix epoch (only for what is written down and read back later).
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
