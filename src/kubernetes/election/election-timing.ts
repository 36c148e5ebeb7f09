export interface ElectionTiming {
  /** How long the others wait after the last sign of life that they saw. Default 15 s. */
  readonly leaseDurationMs: number;
  /** How long the leader goes on after its last sign of life. Default 10 s. */
  readonly renewDeadlineMs: number;
  /** Default 2 s. */
  readonly retryPeriodMs: number;
}

const DEFAULTS: ElectionTiming = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };

/** The defaults of client-go where nothing else is asked for. */
export function electionTiming(wanted: Partial<ElectionTiming> = {}): ElectionTiming {
  const timing = { ...DEFAULTS, ...wanted };
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timing;
  if (leaseDurationMs > renewDeadlineMs && renewDeadlineMs > 2 * retryPeriodMs && retryPeriodMs > 0)
    return timing;
  throw new RangeError(
    `leader election needs lease duration > renew deadline > 2 × retry period > 0, got ${leaseDurationMs}, ${renewDeadlineMs} and ${retryPeriodMs} ms`,
  );
}
