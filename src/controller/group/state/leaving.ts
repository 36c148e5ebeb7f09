import type { BackendKey } from '../../../membership/backend.ts';
import { takesOutOfService } from '../../../membership/plan/batches.ts';
import type { ClaimReport, GroupPlan } from '../../../membership/plan/plan.ts';

/**
 * Since when each leaving backend waits to be taken out of service: from the event that took it from its Service until the
 * group shows it gone or at weight 0. All times are `Clock.now()` milliseconds.
 */
export class LeavingRows {
  readonly #since = new Map<BackendKey, number>();
  #changedAt: number | undefined;

  /** Something that the group depends on has changed: backends that leave in the next plan count from `now`. */
  changed(now: number): void {
    this.#changedAt ??= now;
  }

  /** Records since when each backend that leaves in this plan has been leaving. */
  planned(
    { batches, lingering }: Pick<GroupPlan, 'batches' | 'lingering'>,
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
    for (const key of lingering) this.#since.set(key, before.get(key) ?? since);
    // A backend whose drain has to be recorded first is in no batch until it is.
    for (const key of reports.flatMap(({ unshown }) => unshown))
      if (isLeaving(key, reports)) this.#since.set(key, before.get(key) ?? since);
    // A backend that the API refuses is in no batch while it waits, but is still leaving.
    for (const [key, at] of before) if (isRefused(key) && isLeaving(key, reports)) this.#since.set(key, at);
  }

  /** How long the backend has waited; 0 if it is not leaving. */
  forMs(key: BackendKey, now: number): number {
    return now - (this.#since.get(key) ?? now);
  }

  /** How long each of these backends has waited, without those that are not leaving. */
  waitedMs(keys: readonly BackendKey[], now: number): readonly number[] {
    return keys.flatMap((key) => {
      const since = this.#since.get(key);
      return since === undefined ? [] : [now - since];
    });
  }

  /** The longest wait of any backend; 0 if none waits. */
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
