import type { BackendKey } from '../../../membership/backend.ts';
import type { ClaimReport } from '../../../membership/plan/plan.ts';

/** Since when each backend has waited for a status to show it (`ClaimReport.unshown`); `Clock.now()` milliseconds. */
export class UnshownRows {
  #since: ReadonlyMap<BackendKey, number> = new Map();

  get size(): number {
    return this.#since.size;
  }

  planned(reports: readonly Pick<ClaimReport, 'unshown'>[], now: number): void {
    const before = this.#since;
    const keys = reports.flatMap(({ unshown }) => unshown);
    this.#since = new Map(keys.map((key) => [key, before.get(key) ?? now]));
  }

  forMs(key: BackendKey, now: number): number {
    return now - (this.#since.get(key) ?? now);
  }
}
