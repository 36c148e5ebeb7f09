import type { Batch, Change } from '../../../membership/plan/batches.ts';

/** In a dry run: the changes that would be written and were already reported. */
export class WithheldBatches {
  #told: ReadonlySet<string> = new Set();

  /** The changes not reported before. A change that drops out of the plan is news when it is planned again. */
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
