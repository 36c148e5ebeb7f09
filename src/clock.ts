import { performance } from 'node:perf_hooks';

/**
 * Time as a parameter, so that code that waits can be tested without waiting.
 *
 * `now` is monotonic milliseconds, for deadlines, spacing and back-off: a jump of the wall clock does not affect them. `wall` is
 * milliseconds since the Unix epoch, only for times that are written down and read back later.
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
