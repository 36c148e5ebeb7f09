import type { Desired } from '../../membership/desired/member.ts';

interface Known {
  readonly from: readonly unknown[];
  readonly desired: Desired;
}

/**
 * What each binding wanted last, by binding UID. One event leads to several decisions about a group, but changes what a
 * binding wants only once.
 */
export class DesiredCache {
  readonly #known = new Map<string, Known>();

  /**
   * `from`: everything that the result depends on besides the time, compared by identity. `now`: `Clock.now()` milliseconds.
   * `compute` is passed what was wanted before.
   */
  get(
    uid: string,
    from: readonly unknown[],
    now: number,
    compute: (before: Desired | undefined) => Desired,
  ): Desired {
    const known = this.#known.get(uid);
    if (known !== undefined && isSame(known.from, from) && !isOver(known.desired, now)) return known.desired;
    const desired = compute(known?.desired);
    this.#known.set(uid, { from, desired });
    return desired;
  }

  forget(uid: string): void {
    this.#known.delete(uid);
  }
}

function isOver(desired: Desired, now: number): boolean {
  return desired.until !== undefined && desired.until <= now;
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
