import type { Clock } from './clock.ts';

const PRUNE_ABOVE = 10_000;

/** Which row a client address sticks to. All machines of a listener share the sessions. */
export class Sessions {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, { key: string; until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The key of the row; undefined if the address has no session. */
  rowOf(address: string): string | undefined {
    const session = this.#sessions.get(address);
    return session && session.until > this.#clock.now() ? session.key : undefined;
  }

  keep(address: string, key: string, ms: number): void {
    const now = this.#clock.now();
    if (this.#sessions.size > PRUNE_ABOVE) {
      for (const [other, { until }] of this.#sessions) if (until <= now) this.#sessions.delete(other);
    }
    this.#sessions.set(address, { key, until: now + ms });
  }
}
