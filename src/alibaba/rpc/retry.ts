import pRetry from 'p-retry';
import { backoffMs } from '../../backoff.ts';
import { type Clock, sleep } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { type CredentialsSource, sameCredentials } from '../credentials/credentials.ts';
import type { CallPriority, RateLimiter } from '../throttle.ts';
import { type CloudTime, TIME_REFUSED } from './cloud-time.ts';
import type { Rpc } from './rpc.ts';

export interface ReadRetryOptions {
  /** Default: that of a read. */
  readonly priority?: CallPriority;
  /** Attempts in all. */
  readonly attempts?: number;
  readonly maxElapsedMs?: number;
  /** 0 up to, but not, 1. */
  readonly random?: () => number;
}

const DELAY = { baseMs: 100, capMs: 5_000, jitter: 0.5 };

/**
 * Sends again, once and at once, what was refused for expired credentials (after they were renewed) or for a nonce
 * that a proxy had sent twice. With `correcting`, this is all that happens to a write: what to send after any other
 * failure is for the planner to say, since the group may have changed meanwhile.
 */
export function resending(rpc: Rpc, credentials: CredentialsSource): Rpc {
  return async (action, params, context) => {
    const used = await credentials.get().catch(() => undefined);
    try {
      return await rpc(action, params, context);
    } catch (error) {
      if (!(error instanceof ApiError) || !(await worthResending(error))) throw error;
      return rpc(action, params, context);
    }

    async function worthResending(error: ApiError): Promise<boolean> {
      if (error.code === 'SignatureNonceUsed') return true;
      if (error.kind !== 'credentials' || used === undefined) return false;
      try {
        if (sameCredentials(used, await credentials.get())) await credentials.refresh(error.code);
        return !sameCredentials(used, await credentials.get());
      } catch {
        // The error that the call got says more than that of the renewal, which was reported where it happened.
        return false;
      }
    }
  };
}

/** Sends again, once and at once, what was refused for its time, when the cloud's is known better since. */
export function correcting(rpc: Rpc, cloudTime: CloudTime): Rpc {
  return async (action, params, context) => {
    const used = cloudTime.offsetMs;
    try {
      return await rpc(action, params, context);
    } catch (error) {
      const refused = error instanceof ApiError && error.code === TIME_REFUSED;
      if (!refused || cloudTime.offsetMs === used) throw error;
      return rpc(action, params, context);
    }
  };
}

/** For reads, which may be repeated at will: waits for a token, and again after a failure that may pass. */
export function retrying(rpc: Rpc, limiter: RateLimiter, clock: Clock, options: ReadRetryOptions = {}): Rpc {
  const { priority = 'read', attempts = 4, maxElapsedMs = 30_000, random = Math.random } = options;
  return (action, params, context = {}) => {
    const { signal } = context;
    const deadline = clock.now() + maxElapsedMs;
    const attempt = async () => {
      await limiter.acquire(priority, signal);
      return rpc(action, params, context);
    };
    return pRetry(attempt, {
      retries: attempts - 1,
      // p-retry waits by the wall; the wait is in shouldRetry, by our clock.
      minTimeout: 0,
      ...(signal === undefined ? {} : { signal }),
      shouldRetry: async ({ error, attemptNumber }) => {
        if (!(error instanceof ApiError) || !error.retryable) return false;
        const delay = Math.max(error.retryAfterMs ?? 0, backoffMs(attemptNumber - 1, { ...DELAY, random }));
        if (clock.now() + delay > deadline) return false;
        await sleep(clock, delay, signal);
        return true;
      },
    });
  };
}
