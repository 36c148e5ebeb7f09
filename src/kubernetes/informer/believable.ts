import { type Listing, listCollection } from './lister.ts';
import type { ReflectorOptions } from './reflector-types.ts';
import type { Stored } from './store.ts';

const SUSPICIOUS_REMOVALS = 3;

/** Two consecutive lists show different removals: neither is acted on. */
export class ListsDisagreeError extends Error {
  override readonly name = 'ListsDisagreeError';
}

/**
 * A list, but not blindly: an API server in trouble (a cache that is still filling, an etcd half restored) answers 200 with too few
 * objects, and each missing one would be removed from service.
 *
 * | the list would                                                | then                          |
 * |---------------------------------------------------------------|-------------------------------|
 * | remove all of the store, or half of it and at least 3 objects | read once more, consistently  |
 * | leave an empty store empty                                    | read once more, consistently  |
 * | anything else                                                 | it is believed                |
 *
 * The second list counts. It is refused (and everything retried later) when it too would remove that much, and something the first did not.
 */
export async function believableList<T extends Stored>(
  options: ReflectorOptions<T>,
  version: string,
  signal: AbortSignal,
): Promise<Listing<T>> {
  const first = await listCollection(options, version, signal);
  const removals = removalsBy(options, first);
  const nothingAtAll = options.store.size === 0 && first.objects.length === 0;
  if (!nothingAtAll && !isSuspicious(removals.size, options.store.size)) return first;
  if (!nothingAtAll)
    options.hooks?.doubted?.(options.name, { stored: options.store.size, removals: removals.size });
  const second = await listCollection(options, '', signal);
  const confirmed = removalsBy(options, second);
  if (isSuspicious(confirmed.size, options.store.size) && ![...confirmed].every((key) => removals.has(key))) {
    throw new ListsDisagreeError(
      `${options.path}: one list would remove ${removals.size} of ${options.store.size}, the next ${confirmed.size}`,
    );
  }
  return second;
}

function isSuspicious(removals: number, stored: number): boolean {
  if (removals === 0) return false;
  return removals === stored || (removals >= SUSPICIOUS_REMOVALS && removals * 2 >= stored);
}

function removalsBy<T extends Stored>(
  { store }: Pick<ReflectorOptions<T>, 'store'>,
  { objects }: Pick<Listing<T>, 'objects'>,
): Set<string> {
  const listed = new Set(objects.map((object) => object.key));
  return new Set([...store.keys()].filter((key) => !listed.has(key)));
}
