import type { Batch } from '../../../membership/plan/batches.ts';

/** When a group was last written to and since when additions wait; the time of the next write is computed from these. */
export class WritePace {
  #wroteAt = Number.NEGATIVE_INFINITY;
  #addedAt = Number.NEGATIVE_INFINITY;
  #additionsWaitSince: number | undefined;

  /** `Clock.now()` milliseconds of the last write's start. */
  get wroteAt(): number {
    return this.#wroteAt;
  }

  /** The same for the last write that added backends or set weights. */
  get addedAt(): number {
    return this.#addedAt;
  }

  /** How long additions or weight changes have waited without a turn; 0 if none waits. */
  additionsWaitedMs(now: number): number {
    return now - (this.#additionsWaitSince ?? now);
  }

  writes({ action, urgent }: Batch, now: number): void {
    this.#wroteAt = now;
    if (action !== 'remove') this.#addedAt = now;
    if (!urgent) this.#additionsWaitSince = undefined;
  }

  /** These batches wait to be written. */
  planned(batches: readonly Batch[], now: number): void {
    const waits = batches.some(({ urgent }) => !urgent);
    this.#additionsWaitSince = waits ? (this.#additionsWaitSince ?? now) : undefined;
  }
}
