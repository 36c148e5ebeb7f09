/** Time as a parameter: propagation, health checks, drain and time-outs are tested without waiting. */
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
