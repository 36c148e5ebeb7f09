import { KubeApiError } from './api-error.ts';
import { type Trimmed, trimmed } from './lister.ts';
import { raw, resourceVersionOf } from './raw.ts';
import type { ReflectorOptions } from './reflector-types.ts';
import type { Stored } from './store.ts';
import type { WatchEvent } from './transport-types.ts';

/**
 * The list at the head of a watch (`sendInitialEvents`, KEP-3157): an ADDED for each object, then a bookmark that says it was all.
 * The server holds no whole list in memory, nor do we; the watch goes on in the same stream.
 */
export class StreamedList<T extends Stored> {
  readonly #options: ReflectorOptions<T>;
  readonly #startedAt: number;
  readonly #version: string;
  readonly #objects = new Map<string, T>();

  constructor(options: ReflectorOptions<T>, version: string) {
    this.#options = options;
    this.#version = version;
    this.#startedAt = options.clock.now();
  }

  get query() {
    return { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', resourceVersion: this.#version };
  }

  /** Takes an event; the whole list when this was its end. */
  take({ type, object }: WatchEvent): { objects: readonly T[]; resourceVersion: string } | undefined {
    if (type === 'BOOKMARK') return isEnd(object) ? this.#complete(resourceVersionOf(object)) : undefined;
    const result = trimmed(this.#options, object);
    if (type === 'DELETED') this.#forget(result);
    else if (result.is === 'kept') this.#objects.set(result.object.key, result.object);
    else if (result.is === 'refused') this.#keepStored(result.key);
    return undefined;
  }

  #complete(resourceVersion: string) {
    const objects = [...this.#objects.values()];
    const durationMs = this.#options.clock.now() - this.#startedAt;
    const record = { items: objects.length, durationMs, resourceVersion: this.#version };
    this.#options.hooks?.listed?.(this.#options.name, record);
    return { objects, resourceVersion };
  }

  #forget(result: Trimmed<T>): void {
    const key = result.is === 'kept' ? result.object.key : result.key;
    if (key !== undefined) this.#objects.delete(key);
  }

  #keepStored(key: string | undefined): void {
    const stored = key === undefined ? undefined : this.#options.store.get(key);
    if (stored !== undefined) this.#objects.set(stored.key, stored);
  }
}

/** What servers without streamed lists answer to `sendInitialEvents`. */
export function isNotStreamable(error: unknown): boolean {
  return error instanceof KubeApiError && (error.status === 400 || error.status === 422);
}

function isEnd(object: unknown): boolean {
  return raw(raw(raw(object)['metadata'])['annotations'])['k8s.io/initial-events-end'] === 'true';
}
