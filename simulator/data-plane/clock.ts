/**
 * Time as a parameter, so that propagation, health checks, drain and time-outs are tested without waiting. The simulator shares no code
 * with the product that is tested against it, so it has its own Clock beside src/clock.ts; the same fake clock works for both.
 */
export interface Clock {
  /** Monotonic, ms. */
  now(): number;
  /** Ms since the epoch, with fractions. */
  wall(): number;
  setTimeout(callback: () => void, ms: number): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => performance.timeOrigin + performance.now(),
  setTimeout: (callback, ms) => {
    const timer = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
