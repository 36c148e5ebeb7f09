import { ApiError } from './errors.ts';

export interface Rate {
  /** Calls per second. */
  readonly qps: number;
  /** Calls that may arrive at once. Default: one second's worth, at least 1. */
  readonly burst?: number;
}

export interface ThrottleOptions {
  /** For all calls of an access key together: Throttling.User. */
  readonly perKey: Rate | undefined;
  /** For calls of one action by one access key: Throttling.Api. */
  readonly perAction: Readonly<Record<string, Rate>>;
  /** Whether a refusal carries x-acs-retry-after. Newer gateways send it, older ones do not. */
  readonly retryAfter: boolean;
  readonly now: () => number;
}

/** Rate limits are per account and not published for this API: any number is an assumption. */
export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /** Takes a token for this call, or throws. */
  take(accessKeyId: string, action: string): void {
    const { perKey, perAction } = this.#options;
    this.#takeFrom(accessKeyId, perKey, 'Throttling.User');
    this.#takeFrom(`${accessKeyId} ${action}`, perAction[action], 'Throttling.Api');
  }

  #takeFrom(name: string, rate: Rate | undefined, code: string): void {
    if (!rate) return;
    const now = this.#options.now();
    const capacity = rate.burst ?? Math.max(1, rate.qps);
    const bucket = this.#buckets.get(name) ?? { tokens: capacity, filledAt: now };
    const tokens = Math.min(capacity, bucket.tokens + ((now - bucket.filledAt) * rate.qps) / 1000);
    const granted = tokens >= 1;
    this.#buckets.set(name, { tokens: granted ? tokens - 1 : tokens, filledAt: now });
    if (granted) return;
    throw new ApiError(code, {
      retryAfterMs: this.#options.retryAfter ? Math.ceil(((1 - tokens) / rate.qps) * 1000) : undefined,
    });
  }
}

interface Bucket {
  readonly tokens: number;
  readonly filledAt: number;
}
