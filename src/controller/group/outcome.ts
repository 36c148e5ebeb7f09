import { backoffMs } from '../../backoff.ts';
import type { ApiError, ErrorKind } from '../../cloud/api-error.ts';

/** How an error of the cloud API affects the group that the call was for. */
export interface ErrorOutcome {
  readonly retry: BackoffRange;
  /** `Stalled`: there is no progress until someone acts. The operator keeps trying, slowly. */
  readonly stalled: boolean;
  /** The batch is split until each refused row is alone (`undefined`: the whole action waits). */
  readonly split?: {
    /** When rows are retried together and refused again, this many of them are then tried alone. */
    readonly probes: number;
    /** A refused row may name the wrong ENI: it is looked up again. */
    readonly doubtsEni: boolean;
  };
  /** Fewer additions may be accepted: fewer are sent at once, and the action only backs off when a single one is refused. */
  readonly mayFitFewer?: true;
  /** Consecutive failures before a condition and an event are written: faults that pass on their own are not reported. */
  readonly tellAfter: number;
}

interface BackoffRange {
  readonly baseMs: number;
  readonly capMs: number;
}

/** The end of a fault is noticed within two seconds. */
const FAST: BackoffRange = { baseMs: 100, capMs: 1_600 };
const SLOW: BackoffRange = { baseMs: 2_000, capMs: 60_000 };
/** For errors that last until somebody changes something. */
const SLOWEST: BackoffRange = { baseMs: 2_000, capMs: 120_000 };

/**
 * The only place that maps an API error to its effect on queue, condition and event; their text comes from the error itself.
 * Whether the group must be read before anything else depends on the error's `outcome`, not on its kind.
 */
export function outcomeOf({ kind }: Pick<ApiError, 'kind'>): ErrorOutcome {
  return BY_KIND[kind];
}

/**
 * Whether the error lasts until someone acts. One about an unknown endpoint does if the group was never read; once it was,
 * the endpoint is right, and a name server fails.
 */
export function lasts(error: Pick<ApiError, 'kind' | 'reason'>, wasRead: boolean): boolean {
  return outcomeOf(error).stalled || (!wasRead && error.reason === 'UnknownRegion');
}

/**
 * Milliseconds until the next attempt, after `attempts` failures of which `error` is the last. The delay that the API asked
 * for is a lower bound. `random`: from 0 to 1.
 */
export function retryInMs(
  error: Pick<ApiError, 'kind' | 'retryAfterMs'>,
  attempts: number,
  random: () => number,
): number {
  const range = outcomeOf(error).retry;
  return Math.max(error.retryAfterMs ?? 0, backoffMs(attempts - 1, { ...range, jitter: 0.5, random }));
}

const BY_KIND: Readonly<Record<ErrorKind, ErrorOutcome>> = {
  busy: { retry: FAST, stalled: false, tellAfter: 8 },
  throttled: { retry: FAST, stalled: false, tellAfter: 3 },
  transient: { retry: FAST, stalled: false, tellAfter: 3 },
  credentials: { retry: SLOW, stalled: true, tellAfter: 1 },
  groupMissing: { retry: SLOW, stalled: true, tellAfter: 1 },
  badBackend: { retry: SLOW, stalled: false, split: { probes: 4, doubtsEni: true }, tellAfter: 1 },
  unfitBackend: { retry: SLOWEST, stalled: false, split: { probes: 1, doubtsEni: false }, tellAfter: 1 },
  quota: { retry: SLOW, stalled: false, mayFitFewer: true, tellAfter: 1 },
  denied: { retry: SLOW, stalled: true, tellAfter: 1 },
  configuration: { retry: SLOW, stalled: true, tellAfter: 1 },
  bug: { retry: SLOW, stalled: false, split: { probes: 1, doubtsEni: false }, tellAfter: 1 },
};
