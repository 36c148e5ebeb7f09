import { type Listing, listCollection } from './lister.ts';
import type { ReflectorOptions } from './reflector-types.ts';
import type { Stored } from './store.ts';

const SUSPICIOUS_REMOVALS = 3;

/** Two consecutive lists show different removals, so neither is used. */
export class ListsDisagreeError extends Error {
  override readonly name = 'ListsDisagreeError';
}

/**
 * Lists the collection, but does not trust the list blindly: an API server in trouble (a cache that is still filling, a partly
 * restored etcd) answers 200 with too few objects, and each missing object would be removed from service.
 *
 * | the list would                                                  | then                           |
 * |-----------------------------------------------------------------|--------------------------------|
 * | remove the whole store, or half of it and at least 3 objects    | it is read again, consistently |
 * | leave an empty store empty                                      | it is read again, consistently |
 * | anything else                                                   | it is accepted                 |
 *
 * The second list counts. It is rejected (and everything is retried later) if it would also remove that much, and includes an
 * object that the first list would not remove.
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
