import { type Clock, sleep } from '../clock.ts';
import type { Logger } from '../observability/logger.ts';

const RETRY_MS = 1_000;

export interface PersistentlyParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Retries `ask` until it succeeds, for what the operator can't start without. Rejects only with the signal's reason. */
export async function persistently<T>(
  failure: string,
  { clock, signal, logger }: PersistentlyParts,
  ask: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      logger.warn(`${failure}; retrying`, { error });
    }
    await sleep(clock, RETRY_MS, signal);
  }
}
