import { type Clock, type Timer, unlessAborted } from '../../clock.ts';

const BEAT_MS = 250;
/** A merely busy event loop is blocked for less. */
const STALL_MS = 1_000;

export interface FreshnessOptions {
  readonly clock: Clock;
  /** Lists everything again; resolves once the caches are at least as new as the call. Never rejects. */
  readonly refresh: () => Promise<void>;
  readonly onStall?: (ms: number) => void;
  readonly onRefreshed?: () => void;
}

/**
 * Tells whether the caches can be trusted.
 *
 * A process that was frozen (SIGSTOP, a paused machine) continues as if no time had passed: overdue timers run first, then
 * replies to earlier requests; watch events wait behind them in the sockets. So the end of a drain might remove a pod that has
 * long been ready again. A watch cannot tell that it has caught up (the version of a quiet collection does not change), so
 * everything is listed again after a stall; until then nothing is decided or written.
 *
 * `isFresh` detects a stall immediately, because any code may run first after it; in between, a periodic beat does.
 */
export class Freshness {
  readonly #options: FreshnessOptions;
  #seenAt: number;
  #refreshing: Promise<void> | undefined;
  #beat: Timer | undefined;

  constructor(options: FreshnessOptions) {
    this.#options = options;
    this.#seenAt = options.clock.now();
  }

  start(): void {
    this.#look();
    this.#beat = this.#options.clock.setTimeout(() => this.start(), BEAT_MS);
  }

  stop(): void {
    this.#beat?.cancel();
  }

  /**
   * From now on the caches are not trusted until everything was listed again. A list from before this call says nothing about
   * the time after it, so only the last refresh counts.
   */
  refresh(): void {
    const { refresh, onRefreshed } = this.#options;
    const refreshing = refresh().then(() => {
      if (this.#refreshing !== refreshing) return;
      this.#refreshing = undefined;
      onRefreshed?.();
    });
    this.#refreshing = refreshing;
  }

  isFresh(): boolean {
    this.#look();
    return this.#refreshing === undefined;
  }

  async untilFresh(signal: AbortSignal): Promise<void> {
    while (!this.isFresh()) await unlessAborted(this.#refreshing ?? Promise.resolve(), signal);
  }

  #look(): void {
    const { clock, onStall } = this.#options;
    const now = clock.now();
    const stoodMs = now - this.#seenAt;
    this.#seenAt = now;
    if (stoodMs <= STALL_MS) return;
    onStall?.(stoodMs);
    this.refresh();
  }
}
