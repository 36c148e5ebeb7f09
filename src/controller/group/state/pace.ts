import type { Batch } from '../../../membership/plan/batches.ts';

/** When a group was written to, and since when additions wait: what the time of the next write is counted from. */
export class WritePace {
  #wroteAt = Number.NEGATIVE_INFINITY;
  #addedAt = Number.NEGATIVE_INFINITY;
  #additionsWaitSince: number | undefined;

  /** `Clock.now()` milliseconds of the last write's start. */
  get wroteAt(): number {
    return this.#wroteAt;
  }

  /** The same of the last one that added or weighed. */
  get addedAt(): number {
    return this.#addedAt;
  }

  /** For how long additions or weights have waited without a turn; 0 if none does. */
  additionsWaitedMs(now: number): number {
    return now - (this.#additionsWaitSince ?? now);
  }

  /** A write starts. */
  writes({ action, urgent }: Batch, now: number): void {
    this.#wroteAt = now;
    if (action !== 'remove') this.#addedAt = now;
    if (!urgent) this.#additionsWaitSince = undefined;
  }

  /** This is what waits to be written. */
  planned(batches: readonly Batch[], now: number): void {
    const waits = batches.some(({ urgent }) => !urgent);
    this.#additionsWaitSince = waits ? (this.#additionsWaitSince ?? now) : undefined;
  }
}
