/** Bounds what is remembered: of more than `most` entries those go that were set (a Map) or added (a Set) first. */
export function forgetOldest<T>(entries: Map<T, unknown> | Set<T>, most: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}
