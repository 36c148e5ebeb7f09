/** Versions are numbers of any length, and comparable, in every release so far and by contract since 1.35. */
export function isOlder(version: string, than: string): boolean {
  return version.length < than.length || (version.length === than.length && version < than);
}
