import { isSameRow, type Row } from '../../membership/backend.ts';
import { asBefore, placesIn } from '../../membership/plan/places-before.ts';

/** The rows, those that are as they were as the objects of before: what else is remembered of a row holds on to that one. */
export function withKnown(rows: readonly Row[], before: readonly Row[]): readonly Row[] {
  return asBefore(before, placesIn(before, rows, isSameRow, LONGEST_GAP), rows);
}

/** One more than how many rows in a row may be gone: a call removes 20. */
const LONGEST_GAP = 21;
