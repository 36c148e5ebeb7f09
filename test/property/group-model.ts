import { type BackendKey, backendKey, type Row } from '../../src/membership/backend.ts';
import type { Batch } from '../../src/membership/plan/batches.ts';

/** A vServer group as the API keeps it. A call that the API would reject, or silently ignore by accident, is a bug of the plan. */
export class GroupModel {
  readonly #rows = new Map<BackendKey, Row>();

  constructor(rows: readonly Row[]) {
    for (const row of rows) this.#rows.set(backendKey(row), row);
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()];
  }

  get usable(): number {
    return this.rows.filter(({ weight }) => weight > 0).length;
  }

  has(key: BackendKey): boolean {
    return this.#rows.has(key);
  }

  /** A change that somebody makes in the console. */
  put(row: Row): void {
    this.#rows.set(backendKey(row), row);
  }

  drop(key: BackendKey): void {
    this.#rows.delete(key);
  }

  apply({ action, changes }: Batch): void {
    for (const { row, key } of changes) {
      const there = this.#rows.get(key);
      if (key !== backendKey(row)) throw new Error(`${key} is not the key of its row`);
      if (action === 'add' && there !== undefined) throw new Error(`${key} is added twice`);
      if (action !== 'add' && there === undefined) throw new Error(`${action} of ${key}, which is not there`);
      if (action === 'remove') this.#rows.delete(key);
      else this.#rows.set(key, action === 'add' ? row : { ...(there as Row), weight: row.weight });
    }
  }
}
