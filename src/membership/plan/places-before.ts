/**
 * Where in the list before each of the list now is; -1 for what is new. Both are in one order but for what came and went, so
 * they are walked through side by side; `longestGap`: so many, less one, that left in a row are stepped over. What changed
 * its place may count as new.
 */
export function placesIn<T>(
  before: readonly T[],
  now: readonly T[],
  isSame: (a: T, b: T) => boolean,
  longestGap: number,
): Int32Array {
  if (before === now) return Int32Array.from(now, (_, i) => i);
  const places = new Int32Array(now.length).fill(-1);
  let next = 0;
  for (let i = 0; i < now.length; i++) {
    const end = Math.min(before.length, next + longestGap);
    for (let place = next; place < end; place++) {
      if (!isSame(before[place] as T, now[i] as T)) continue;
      places[i] = place;
      next = place + 1;
      break;
    }
  }
  return places;
}

/** Of a list beside the one before, what belongs to the i-th of the list now. */
export function inPlace<T>(beside: readonly T[], places: Int32Array, i: number): T | undefined {
  const place = places[i] as number;
  return place === -1 ? undefined : beside[place];
}

/**
 * The list now, what is in it as it was as the objects of before: who remembers one of those need not look closely. The very
 * list that was given, when it holds these objects already.
 */
export function asBefore<T>(before: readonly T[], places: Int32Array, now: readonly T[]): readonly T[] {
  const known = now.map((one, i) => inPlace(before, places, i) ?? one);
  return known.every((one, i) => one === now[i]) ? now : known;
}
