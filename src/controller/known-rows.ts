import { isSameRow, type Row } from '../membership/backend.ts';

/**
 * The rows, those that are as they were as the objects of before: what else is remembered of a row holds on to that one.
 * The API keeps the order, so both lists are walked through side by side.
 */
export function withKnown(rows: readonly Row[], before: readonly Row[]): readonly Row[] {
  let at = 0;
  return rows.map((row) => {
    let next = at;
    while (next < before.length && next - at < LONGEST_GAP && !isSameRow(row, before[next] as Row)) next++;
    const known = before[next];
    if (known === undefined || next - at === LONGEST_GAP) return row;
    at = next + 1;
    return known;
  });
}

/** How many rows that are gone are stepped over: a call removes 20. */
const LONGEST_GAP = 20;
