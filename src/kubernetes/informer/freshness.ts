import { type Clock, type Timer, unlessAborted } from '../../clock.ts';

const BEAT_MS = 250;
/** A loop that is merely busy stands still for less. */
const STALL_MS = 1_000;

export interface FreshnessOptions {
  readonly clock: Clock;
  /** Reads everything again; resolves once the caches hold what there was when it was called. Never rejects. */
  readonly refresh: () => Promise<void>;
  readonly onStall?: (ms: number) => void;
  readonly onRefreshed?: () => void;
}

/**
 * Whether the caches may be believed.
 *
 * A process that was frozen (SIGSTOP, a paused machine) continues as if no time had passed: timers that fell due meanwhile
 * run first, then replies to earlier requests; watch events wait behind them in the sockets. So the end of a drain would
 * remove a pod that has long been ready again. A watch can't say that it has caught up (the version of a quiet collection
 * does not move), hence everything is listed again; until then nothing is decided or written.
 *
 * When asked, it detects a stall at once, as any code may run first after it. Otherwise the beat proves that the loop runs.
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
    this.#refresh();
  }

  /** A list that was read before a stall says nothing about the time after it: the last refresh counts. */
  #refresh(): void {
    const { refresh, onRefreshed } = this.#options;
    const refreshing = refresh().then(() => {
      if (this.#refreshing !== refreshing) return;
      this.#refreshing = undefined;
      onRefreshed?.();
    });
    this.#refreshing = refreshing;
  }
}
