import { type Clock, sleep } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { retryInMs } from '../../controller/group/outcome.ts';

/** Retries a call of the cloud API while its error may be temporary, until `deadline` (`Clock.now()` milliseconds). */
export async function patiently<T>(
  call: () => Promise<T>,
  clock: Clock,
  deadline: number,
  signal: AbortSignal,
): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ApiError) || !error.retryable) throw error;
      const wait = retryInMs(error, attempts, Math.random);
      if (clock.now() + wait > deadline) throw error;
      await sleep(clock, wait, signal);
    }
  }
}
