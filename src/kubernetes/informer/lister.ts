import { setImmediate as nextTurn } from 'node:timers/promises';
import { asArray, asObject, asString } from '../../json.ts';
import { KubeParseError } from '../client/api-error.ts';
import { keyOf } from '../objects/metadata.ts';
import type { ReflectorOptions } from './reflector-types.ts';
import type { Stored } from './store.ts';

/** A page of pods is a megabyte of JSON, and five megabytes as untrimmed objects. */
const PAGE_SIZE = 100;

export interface Listing<T> {
  readonly objects: readonly T[];
  readonly resourceVersion: string;
}

/** `refused`: transform threw. `dropped`: transform returned undefined. */
export type Transformed<T> =
  | { readonly is: 'kept'; readonly object: T }
  | { readonly is: 'dropped' | 'refused'; readonly key: string | undefined };

export function transformed<T extends Stored>(options: ReflectorOptions<T>, object: unknown): Transformed<T> {
  try {
    const kept = options.transform(object);
    return kept === undefined ? { is: 'dropped', key: keyOf(object) } : { is: 'kept', object: kept };
  } catch (error) {
    const key = keyOf(object);
    options.hooks?.refused?.(options.name, { key, error });
    return { is: 'refused', key };
  }
}

/**
 * Lists the collection at the newest version if `version` is '', otherwise at that version or a newer one.
 *
 * Each page is transformed before the next is requested, so that memory holds only one page of raw objects and no page blocks
 * the event loop for long. That is why, unlike client-go, it does not list at version 0, where API servers ignore the limit and
 * may go back in time. Measured against 1.36 with 4,000 EndpointSlices of 2.3 KB: version 0 takes 160–190 ms and blocks the loop
 * for 50–80 ms; the newest version in pages takes 190–260 ms and blocks it for 20–35 ms (since 1.31 the server also answers this
 * from its cache); streaming (`sendInitialEvents`) takes 300–430 ms.
 */
export async function listCollection<T extends Stored>(
  options: ReflectorOptions<T>,
  version: string,
  signal: AbortSignal,
): Promise<Listing<T>> {
  const startedAt = options.clock.now();
  const objects: T[] = [];
  let resourceVersion = '';
  let next = '';
  do {
    const at = next === '' ? versionQuery(version) : { continue: next };
    const take = async () => {
      const page = await readPage(options, at, signal);
      await transformPage(options, page.items, objects);
      return page;
    };
    ({ next, resourceVersion } = await (options.pages?.take(take) ?? take()));
  } while (next !== '');
  const durationMs = options.clock.now() - startedAt;
  options.hooks?.listed?.(options.name, { items: objects.length, durationMs, resourceVersion: version });
  return { objects, resourceVersion };
}

/** Without the match, a version with a limit means exactly that version, which the server may have forgotten. */
function versionQuery(version: string) {
  return version === '' ? {} : { resourceVersion: version, resourceVersionMatch: 'NotOlderThan' };
}

async function readPage<T extends Stored>(
  { transport, path, query }: ReflectorOptions<T>,
  at: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ items: readonly unknown[]; next: string; resourceVersion: string }> {
  const answer = await transport.request('GET', path, {
    query: { ...query, limit: PAGE_SIZE, ...at },
    signal,
    timeoutMs: 60_000,
  });
  const page = asObject(answer);
  const { continue: next, resourceVersion } = asObject(page['metadata']);
  // Mistaking another answer for an empty list would empty the store. Go writes an empty slice as `items: null`.
  const isList =
    Array.isArray(page['items']) || (page['items'] === null && asString(page['kind']).endsWith('List'));
  if (!isList || asString(resourceVersion) === '')
    throw new KubeParseError(`GET ${path}: the answer is not a list`);
  return { items: asArray(page['items']), next: asString(next), resourceVersion: asString(resourceVersion) };
}

async function transformPage<T extends Stored>(
  options: ReflectorOptions<T>,
  page: readonly unknown[],
  into: T[],
): Promise<void> {
  for (let start = 0; start < page.length; start += PAGE_SIZE) {
    // API servers may ignore the limit when they answer from their cache, so a page can be the whole collection.
    if (start > 0) await nextTurn();
    for (const object of page.slice(start, start + PAGE_SIZE)) {
      const result = transformed(options, object);
      if (result.is === 'kept') into.push(result.object);
      else if (result.is === 'refused' && result.key !== undefined) keepStored(options, result.key, into);
    }
  }
}

/** Keeps the stored version of a refused object, which still exists; leaving it out of the list would remove it. */
function keepStored<T extends Stored>({ store }: ReflectorOptions<T>, key: string, into: T[]): void {
  const stored = store.get(key);
  if (stored !== undefined) into.push(stored);
}
