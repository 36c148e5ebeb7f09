import type { BackendKey } from '../../../membership/backend.ts';
import { type Batch, takesOutOfService } from '../../../membership/plan/batches.ts';
import type { ClaimReport } from '../../../membership/plan/plan.ts';

/**
 * Since when each backend waits to be out of service: from the event that took it from its Service, until the group shows
 * it gone or at weight 0. All times are `Clock.now()` milliseconds.
 */
export class LeavingRows {
  readonly #since = new Map<BackendKey, number>();
  #changedAt: number | undefined;

  /** Something that the group depends on has changed: what leaves in the next plan leaves from here on. */
  changed(now: number): void {
    this.#changedAt ??= now;
  }

  /** Keeps, of what leaves in this plan, when it was first seen to leave. */
  planned(
    batches: readonly Batch[],
    reports: readonly Pick<ClaimReport, 'records' | 'unshown'>[],
    isRefused: (key: BackendKey) => boolean,
    now: number,
  ): void {
    const since = this.#changedAt ?? now;
    this.#changedAt = undefined;
    const before = new Map(this.#since);
    this.#since.clear();
    for (const { action, changes } of batches) {
      for (const change of changes) {
        if (takesOutOfService(action, change)) this.#since.set(change.key, before.get(change.key) ?? since);
      }
    }
    // One whose drain is to be recorded first is in no batch until then.
    for (const key of reports.flatMap(({ unshown }) => unshown))
      if (isLeaving(key, reports)) this.#since.set(key, before.get(key) ?? since);
    // One that the API refuses is in no batch while it waits, and leaves all the same.
    for (const [key, at] of before) if (isRefused(key) && isLeaving(key, reports)) this.#since.set(key, at);
  }

  /** For how long each of these has waited that does. */
  waitedMs(keys: readonly BackendKey[], now: number): readonly number[] {
    return keys.flatMap((key) => {
      const since = this.#since.get(key);
      return since === undefined ? [] : [now - since];
    });
  }

  /** For how long the one that waits longest has waited; 0 if none does. */
  longestMs(now: number): number {
    let longest = 0;
    for (const since of this.#since.values()) longest = Math.max(longest, now - since);
    return longest;
  }
}

function isLeaving(key: BackendKey, reports: readonly Pick<ClaimReport, 'records'>[]): boolean {
  return reports.some(({ records }) => {
    const state = records.get(key)?.state;
    return state === 'Removing' || state === 'Draining';
  });
}
