import type { Clock } from '../clock.ts';
import type { Freshness } from '../kubernetes/informer/freshness.ts';
import type { Logger } from '../observability/logger.ts';
import type { Leadership } from './leadership.ts';

/** Caches that were completed at most this long before are as good as new. */
const NEW_MS = 1_000;

export interface TakeoverParts {
  readonly leadership: Pick<Leadership, 'won' | 'lost'>;
  readonly freshness: Pick<Freshness, 'refresh' | 'untilFresh'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Pick<Logger, 'info'>;
}

/**
 * To be called when the caches are complete. Resolves when this process leads and may decide from them; rejects with the
 * signal's reason, or when leadership is lost first.
 *
 * A watch that has gone silent makes a leader late, but not wrong: it has never written what it has not seen. A new leader would
 * be wrong. The bindings' status and the tags of rows name what its predecessor added, for pods, endpoints and nodes that a
 * silent watch has kept from this process: it would remove them as gone. So whoever had to wait lists everything again once it
 * leads, because from then on nobody else adds anything.
 */
export async function takeOver(
  { leadership, freshness, clock, logger }: TakeoverParts,
  signal: AbortSignal,
): Promise<void> {
  const completeAt = clock.now();
  await leadership.won(signal);
  if (clock.now() - completeAt > NEW_MS) {
    logger.info(
      'Another replica may have led until now: the cluster is listed again before anything is written',
    );
    freshness.refresh();
  }
  await Promise.race([freshness.untilFresh(signal), leadership.lost]);
}
