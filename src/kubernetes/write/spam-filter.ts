import type { Clock } from '../../clock.ts';
import { forgetOldest } from '../../forget-oldest.ts';

const BURST = 25;
const REFILL_MS = 5 * 60_000;
const MOST_OBJECTS = 4096;

/** client-go's limit of events per object: a burst of 25, then one every 5 minutes. Tracks the 4096 most recent objects. */
export class SpamFilter {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { readonly tokens: number; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one of the object's tokens; returns false if none is left. */
  allows(uid: string): boolean {
    const now = this.#clock.now();
    const { tokens, at } = this.#buckets.get(uid) ?? { tokens: BURST, at: now };
    const filled = Math.min(BURST, tokens + (now - at) / REFILL_MS);
    // Deleted first, so that the map is in order of last use.
    this.#buckets.delete(uid);
    this.#buckets.set(uid, { tokens: filled >= 1 ? filled - 1 : filled, at: now });
    forgetOldest(this.#buckets, MOST_OBJECTS);
    return filled >= 1;
  }
}
