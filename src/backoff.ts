export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** Random share of each delay, so that calls that failed together are not retried together. */
  readonly jitter: number;
  /** A number in [0, 1). */
  readonly random?: () => number;
}

/** The delay after `failures` earlier failures: doubles from `baseMs`, never exceeds `capMs`. */
export function backoffMs(failures: number, { baseMs, capMs, jitter, random }: BackoffOptions): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(failures, 52));
  return full * (1 - jitter * (random ?? Math.random)());
}
