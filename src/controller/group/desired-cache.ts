import { type Desired, isSameMember } from '../../membership/desired/desired.ts';
import { asBefore, placesIn } from '../../membership/plan/places-before.ts';

interface Known {
  readonly from: readonly unknown[];
  readonly desired: Desired;
}

/**
 * By binding UID: what it wanted last. A group is decided about several times for one event, which changes this once; and
 * of many members one has changed, so that the others stay the objects of before.
 */
export class DesiredCache {
  readonly #known = new Map<string, Known>();

  /** `from`: all that it depends on; the same object or number stands for the same content. */
  get(uid: string, from: readonly unknown[], compute: () => Desired): Desired {
    const known = this.#known.get(uid);
    if (known !== undefined && isSame(known.from, from)) return known.desired;
    const desired = withKnown(compute(), known?.desired);
    this.#known.set(uid, { from, desired });
    return desired;
  }

  forget(uid: string): void {
    this.#known.delete(uid);
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function withKnown(desired: Desired, before: Desired | undefined): Desired {
  if (desired.kind !== 'members' || before?.kind !== 'members') return desired;
  const places = placesIn(before.members, desired.members, isSameMember, LONGEST_GAP);
  return { ...desired, members: asBefore(before.members, places, desired.members) };
}

/** One more than how many members in a row may have left. */
const LONGEST_GAP = 64;
