/** Bounds a collection: if it has more than `most` entries, those that were inserted first are deleted. */
export function forgetOldest<T>(entries: Map<T, unknown> | Set<T>, most: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}
