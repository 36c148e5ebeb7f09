import type { Batch, Change } from '../../../membership/plan/batches.ts';

/** In a dry run: what was told already of what would be written. */
export class WithheldBatches {
  #told: ReadonlySet<string> = new Set();

  /** The part that was not told before; what is not planned any more is news the next time. */
  news(batches: readonly Batch[]): readonly Batch[] {
    const before = this.#told;
    const now = new Set<string>();
    this.#told = now;
    return batches.flatMap((batch) => {
      const changes = batch.changes.filter((change) => {
        const name = nameOf(batch, change);
        now.add(name);
        return !before.has(name);
      });
      return changes.length === 0 ? [] : [{ ...batch, changes }];
    });
  }
}

function nameOf({ action }: Batch, { key, row }: Change): string {
  return `${action} ${key} ${row.weight}`;
}
