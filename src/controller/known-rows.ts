import { isSameRow, type Row } from '../membership/backend.ts';
import { inPlace, placesIn } from '../membership/places-before.ts';

/** The rows, those that are as they were as the objects of before: what else is remembered of a row holds on to that one. */
export function withKnown(rows: readonly Row[], before: readonly Row[]): readonly Row[] {
  const places = placesIn(before, rows, isSameRow, LONGEST_GAP);
  return rows.map((row, i) => inPlace(before, places, i) ?? row);
}

/** How many rows that are gone are stepped over: a call removes 20. */
const LONGEST_GAP = 20;
