import { backoffMs } from '../../backoff.ts';
import type { ApiError, ErrorKind } from '../../cloud/api-error.ts';

/** What an error of the cloud API does to the group that it happened to. */
export interface ErrorOutcome {
  readonly retry: BackoffRange;
  /** `Stalled`: nothing goes on before someone has acted. The operator keeps trying, slowly. */
  readonly stalled: boolean;
  /** The batch is split until what is refused stands alone (`undefined`: the whole action waits). */
  readonly split?: {
    /** Of those that are tried again together, and are refused together again, so many are tried alone. */
    readonly probes: number;
    /** The ENI that a refused row names may be the wrong one: it is looked up again. */
    readonly doubtsEni: boolean;
  };
  /** Failures in a row before it is worth a condition and an event: what passes by itself is no news. */
  readonly tellAfter: number;
}

interface BackoffRange {
  readonly baseMs: number;
  readonly capMs: number;
}

/** A fault's end is noticed within two seconds. */
const FAST: BackoffRange = { baseMs: 100, capMs: 1_600 };
const SLOW: BackoffRange = { baseMs: 2_000, capMs: 60_000 };
/** What somebody has to change first. */
const SLOWEST: BackoffRange = { baseMs: 2_000, capMs: 120_000 };

/**
 * The only place that knows what an error of the API does to queue, condition and event; what they say is the error's own.
 * Whether the group must be read before anything else is the error's own `outcome`, not its kind.
 */
export function outcomeOf({ kind }: Pick<ApiError, 'kind'>): ErrorOutcome {
  return BY_KIND[kind];
}

/** After so many attempts, the last of which failed so; the API's own word is a floor. `random`: from 0 to 1. */
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
  quota: { retry: SLOW, stalled: false, tellAfter: 1 },
  denied: { retry: SLOW, stalled: true, tellAfter: 1 },
  configuration: { retry: SLOW, stalled: true, tellAfter: 1 },
  bug: { retry: SLOW, stalled: false, split: { probes: 1, doubtsEni: false }, tellAfter: 1 },
};
