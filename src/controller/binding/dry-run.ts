import type { Batch, Change } from '../../membership/plan/batches.ts';
import type { BackendRecord } from '../../membership/plan/claim.ts';
import type { ClaimReport } from '../../membership/plan/plan.ts';
import type { GroupState } from '../group/state/group-state.ts';

/**
 * What a binding owns while nothing is written: rows that are there, as they are. What the plan would make of them must
 * not get into the status, for a record there proves ownership to the next operator (ownership.ts) and begins a drain.
 */
export function recordsAsTheyAre({ view }: GroupState, { claim }: ClaimReport): readonly BackendRecord[] {
  if (view.rows === undefined) return [...claim.records.values()];
  return view.rows.flatMap(({ row, key }): readonly BackendRecord[] => {
    const before = claim.records.get(key);
    if (before !== undefined) return [before.state === 'Registered' ? { ...before, row } : before];
    return row.description === claim.tag ? [{ row, state: 'Registered' }] : [];
  });
}

/** What was told already of what would be written. */
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
