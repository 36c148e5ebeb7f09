import { isDeepStrictEqual } from 'node:util';

export interface Stored {
  /** `namespace/name`, or `name` for cluster-scoped objects. */
  readonly key: string;
  readonly resourceVersion: string;
}

export interface StoreChange<T> {
  readonly type: 'added' | 'modified' | 'removed';
  readonly old?: T;
  readonly new?: T;
}

export type StoreHandler<T> = (change: StoreChange<T>) => void;

type IndexFunction<T> = (object: T) => readonly string[];

interface Index<T> {
  readonly valuesOf: IndexFunction<T>;
  readonly keysByValue: Map<string, Keys>;
}

/** Most values have one key, like a pod and its slice; a Set for each would make up most of the index. */
type Keys = string | Set<string>;

/**
 * The cache of one kind, with indexes, filled by a reflector.
 *
 * - Handlers see the store after the change, or after a complete `replace`: never half of a list.
 * - Handlers run synchronously, in the order they were added; one that throws is reported and does not stop the others.
 * - An object with the same resourceVersion as the stored one is not a change. In a list only if its content is the same, too: after
 *   the store of the API server was restored from a backup, versions are given out anew.
 */
export class Store<T extends Stored> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #handlers: StoreHandler<T>[] = [];
  readonly #onHandlerError: (error: unknown, change: StoreChange<T>) => void;
  #version = 0;

  constructor(options: { onHandlerError?: (error: unknown, change: StoreChange<T>) => void } = {}) {
    this.#onHandlerError = options.onHandlerError ?? (() => {});
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Changes whenever the content of the store does. */
  get version(): number {
    return this.#version;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  keys(): MapIterator<string> {
    return this.#objects.keys();
  }

  /** Adds an index, which includes the objects already stored. The function must depend on the object alone. */
  index(name: string, valuesOf: IndexFunction<T>): this {
    if (this.#indexes.has(name)) throw new Error(`the store has an index ${name} already`);
    const index: Index<T> = { valuesOf, keysByValue: new Map() };
    this.#indexes.set(name, index);
    for (const object of this.#objects.values()) reindex(index, object.key, undefined, object);
    return this;
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`the store has no index ${name}`);
    const found: T[] = [];
    const keys = index.keysByValue.get(value) ?? NONE;
    for (const key of typeof keys === 'string' ? [keys] : keys) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  onChange(handler: StoreHandler<T>): void {
    this.#handlers.push(handler);
  }

  set(object: T): void {
    const change = this.#put(object);
    if (change !== undefined) this.#notify(change);
  }

  remove(key: string): void {
    const change = this.#drop(key);
    if (change !== undefined) this.#notify(change);
  }

  /** Makes the store equal to the list. Handlers get the removals first, so that they do not wait behind additions. */
  replace(list: readonly T[]): void {
    const listed = new Set(list.map((object) => object.key));
    const gone = [...this.keys()].filter((key) => !listed.has(key));
    const changes = [
      ...gone.map((key) => this.#drop(key)),
      ...list.map((object) => this.#put(object, isDeepStrictEqual)),
    ];
    for (const change of changes) if (change !== undefined) this.#notify(change);
  }

  #put(object: T, isSame: (old: T, now: T) => boolean = hasSameVersion): StoreChange<T> | undefined {
    const old = this.#objects.get(object.key);
    if (old !== undefined && isSame(old, object)) return undefined;
    this.#version++;
    this.#objects.set(object.key, object);
    for (const index of this.#indexes.values()) reindex(index, object.key, old, object);
    return old === undefined ? { type: 'added', new: object } : { type: 'modified', old, new: object };
  }

  #drop(key: string): StoreChange<T> | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#version++;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) reindex(index, key, old, undefined);
    return { type: 'removed', old };
  }

  #notify(change: StoreChange<T>): void {
    for (const handler of this.#handlers) {
      try {
        handler(change);
      } catch (error) {
        this.#onHandlerError(error, change);
      }
    }
  }
}

function hasSameVersion(old: Stored, now: Stored): boolean {
  return old.resourceVersion === now.resourceVersion;
}

/** Does nothing if the values are unchanged, which is the usual case. */
function reindex<T>(
  { valuesOf, keysByValue }: Index<T>,
  key: string,
  old: T | undefined,
  now: T | undefined,
): void {
  const before = old === undefined ? NONE : valuesOf(old);
  const after = now === undefined ? NONE : valuesOf(now);
  if (isSame(before, after)) return;
  const kept = new Set(after);
  for (const value of before) if (!kept.has(value)) removeKey(keysByValue, value, key);
  for (const value of kept) addKey(keysByValue, value, key);
}

const NONE: readonly string[] = [];

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function addKey(keysByValue: Map<string, Keys>, value: string, key: string): void {
  const keys = keysByValue.get(value);
  if (keys === undefined) keysByValue.set(value, key);
  else if (typeof keys === 'object') keys.add(key);
  else if (keys !== key) keysByValue.set(value, new Set([keys, key]));
}

function removeKey(keysByValue: Map<string, Keys>, value: string, key: string): void {
  const keys = keysByValue.get(value);
  if (keys === key) keysByValue.delete(value);
  else if (typeof keys === 'object' && keys.delete(key) && keys.size === 0) keysByValue.delete(value);
}
