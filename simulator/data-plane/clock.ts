/**
 * Time as a parameter: propagation, health checks, drain and time-outs are tested without waiting. The simulator shares no code
 * with the product that is tested against it, hence this one beside src/clock.ts; the same fake clock serves both.
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
