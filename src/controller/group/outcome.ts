import type { ApiError, ErrorKind } from '../../alibaba/errors/errors.ts';
import type { Reason } from '../../api/conditions.ts';
import type { BackoffRange } from './group-state.ts';

/** What an error of the cloud API does to the group that it happened to. */
export interface ErrorOutcome {
  readonly retry: BackoffRange;
  /** Condition and event reason. */
  readonly reason: Reason;
  /** `Stalled`: nothing goes on before someone has acted. The operator keeps trying, slowly. */
  readonly stalled: boolean;
  /** The batch is split, and what remains is refused alone. */
  readonly split: boolean;
  /** Failures in a row before it is worth a condition and an event: what passes by itself is no news. */
  readonly tellAfter: number;
}

/** A fault's end is noticed within two seconds. */
const FAST: BackoffRange = { baseMs: 100, capMs: 1_600 };
const SLOW: BackoffRange = { baseMs: 2_000, capMs: 60_000 };

/**
 * The only place that knows what an error of the API does to queue, condition and event. Whether the group must be read
 * before anything else is the error's own `outcome`, not its kind.
 */
export function outcomeOf({ kind, code }: Pick<ApiError, 'kind' | 'code'>): ErrorOutcome {
  const outcome = BY_KIND[kind];
  const reason = (kind === 'configuration' || kind === 'transient') && REASON_BY_CODE[code];
  return reason ? { ...outcome, reason } : outcome;
}

const BY_KIND: Readonly<Record<ErrorKind, ErrorOutcome>> = {
  busy: { retry: FAST, reason: 'ApiUnavailable', stalled: false, split: false, tellAfter: 8 },
  throttled: { retry: FAST, reason: 'Throttled', stalled: false, split: false, tellAfter: 3 },
  transient: { retry: FAST, reason: 'ApiUnavailable', stalled: false, split: false, tellAfter: 3 },
  credentials: { retry: SLOW, reason: 'CredentialsInvalid', stalled: true, split: false, tellAfter: 1 },
  groupMissing: { retry: SLOW, reason: 'GroupNotFound', stalled: true, split: false, tellAfter: 1 },
  badBackend: { retry: SLOW, reason: 'BackendsRefused', stalled: false, split: true, tellAfter: 1 },
  quota: { retry: SLOW, reason: 'QuotaExceeded', stalled: false, split: false, tellAfter: 1 },
  denied: { retry: SLOW, reason: 'AccessDenied', stalled: true, split: false, tellAfter: 1 },
  configuration: { retry: SLOW, reason: 'LoadBalancerNotReady', stalled: true, split: false, tellAfter: 1 },
  bug: { retry: SLOW, reason: 'InternalError', stalled: false, split: true, tellAfter: 1 },
};

/** Of the kind, the code tells more. As a matter of configuration, InvalidParameter is about the region (kindOf). */
const REASON_BY_CODE: Readonly<Record<string, Reason>> = {
  InvalidParameter: 'UnknownRegion',
  InvalidRegionId: 'UnknownRegion',
  'InvalidRegionId.NotFound': 'UnknownRegion',
  RegionNotSupport: 'UnknownRegion',
  UnauthorizedRegion: 'UnknownRegion',
  'OperationFailed.Endpoint': 'UnknownRegion',
  ENOTFOUND: 'UnknownRegion',
  AmbiguousAddress: 'VpcUnknown',
  Certificate: 'ApiUnavailable',
  'InvalidTimeStamp.Expired': 'ApiUnavailable',
};
