import type { Clock } from '../../clock.ts';
import { forgetOldest } from '../../forget-oldest.ts';
import type { EventInput } from './event-body.ts';

const BURST = 25;
const REFILL_MS = 5 * 60_000;
const MOST_BUCKETS = 8192;

/**
 * client-go's limit of events per object: a burst of 25, then one every 5 minutes. Here it is one for each reason, so that no number
 * of other events holds up a Warning. Tracks the 8192 most recent ones.
 */
export class SpamFilter {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { readonly tokens: number; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one of the tokens for the event; returns false if none is left. */
  allows({ regarding, reason }: Pick<EventInput, 'regarding' | 'reason'>): boolean {
    const now = this.#clock.now();
    const bucket = `${regarding.uid} ${reason}`;
    const { tokens, at } = this.#buckets.get(bucket) ?? { tokens: BURST, at: now };
    const filled = Math.min(BURST, tokens + (now - at) / REFILL_MS);
    // Deleted first, so that the map is in order of last use.
    this.#buckets.delete(bucket);
    this.#buckets.set(bucket, { tokens: filled >= 1 ? filled - 1 : filled, at: now });
    forgetOldest(this.#buckets, MOST_BUCKETS);
    return filled >= 1;
  }
}
