import pRetry from 'p-retry';
import { backoffMs } from '../../backoff.ts';
import { type Clock, sleep } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { WithdrawnError } from '../../cloud/server-groups.ts';
import { type CredentialsSource, sameCredentials } from '../credentials/credentials.ts';
import type { CallPriority, RateLimiter } from '../throttle.ts';
import { type CloudTime, TIME_REFUSED } from './cloud-time.ts';
import type { Rpc } from './rpc.ts';

export interface ReadRetryOptions {
  /** Default: `read`. */
  readonly priority?: CallPriority;
  /** Total number of attempts. */
  readonly attempts?: number;
  readonly maxElapsedMs?: number;
  /** Returns a number from 0 (inclusive) to 1 (exclusive). */
  readonly random?: () => number;
}

const DELAY = { baseMs: 100, capMs: 5_000, jitter: 0.5 };

/**
 * Immediately resends a call, once, if it was refused for expired credentials (after renewing them) or for a nonce that a
 * proxy sent twice. Apart from `correcting`, this is the only retry of a write: after any other failure the planner decides
 * what to send, because the group may have changed meanwhile.
 */
export function resending(rpc: Rpc, credentials: CredentialsSource): Rpc {
  return async (action, params, context) => {
    const used = await credentials.get().catch(() => undefined);
    try {
      return await rpc(action, params, context);
    } catch (error) {
      if (!(error instanceof ApiError) || !(await worthResending(error))) throw error;
      return await rpc(action, params, context).catch((again: unknown) => {
        // What became of the first one is not known, so the group has to be read.
        throw again instanceof WithdrawnError && error.outcome === 'unknown' ? error : again;
      });
    }

    async function worthResending(error: ApiError): Promise<boolean> {
      if (error.code === 'SignatureNonceUsed') return true;
      if (error.kind !== 'credentials' || used === undefined) return false;
      try {
        if (sameCredentials(used, await credentials.get())) await credentials.refresh(error.code);
        return !sameCredentials(used, await credentials.get());
      } catch {
        // The call's own error says more than the renewal's, which was already reported.
        return false;
      }
    }
  };
}

/** Immediately resends a call, once, if it was refused for its timestamp and the cloud's time is known better since. */
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

/** For reads, which are safe to repeat: acquires a token for each attempt and retries after transient failures. */
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
      // p-retry would wait by its own timers; shouldRetry waits by our clock instead.
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
