/** Reading what the API server sent without believing any of it: a wrong type reads as absent, never as NaN or a throw. */
export type Raw = Readonly<Record<string, unknown>>;

/** The object has no name or version to keep it under. */
export class MalformedObjectError extends Error {
  override readonly name = 'MalformedObjectError';
}

export interface Identity {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

const EMPTY: Raw = {};

export function raw(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : EMPTY;
}

export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function port(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535
    ? value
    : undefined;
}

/** The entries of a map whose values are strings, as labels and annotations have to be. */
export function strings(value: unknown, keep: (key: string) => boolean = () => true): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [key, entry] of Object.entries(raw(value))) {
    // A key of this name would set the prototype instead of an entry.
    if (typeof entry === 'string' && key !== '__proto__' && keep(key)) kept[intern(key)] = entry;
  }
  return kept;
}

export function identity(object: unknown, scope: 'namespaced' | 'cluster'): Identity {
  const metadata = raw(raw(object)['metadata']);
  const name = text(metadata['name']);
  const namespace = scope === 'namespaced' ? intern(text(metadata['namespace'])) : '';
  const resourceVersion = text(metadata['resourceVersion']);
  if (name === '' || resourceVersion === '' || (scope === 'namespaced' && namespace === '')) {
    throw new MalformedObjectError('the object has no name, namespace or resourceVersion');
  }
  const key = scope === 'namespaced' ? `${namespace}/${name}` : name;
  return { key, namespace, name, uid: text(metadata['uid']), resourceVersion };
}

/** The store's key of any object; undefined when it has no name. */
export function keyOf(object: unknown): string | undefined {
  const { name, namespace } = raw(raw(object)['metadata']);
  if (typeof name !== 'string' || name === '') return undefined;
  return typeof namespace === 'string' && namespace !== '' ? `${namespace}/${name}` : name;
}

export function resourceVersionOf(object: unknown): string {
  return text(raw(raw(object)['metadata'])['resourceVersion']);
}

const interned = new Map<string, string>();
const MOST_INTERNED = 20_000;

/**
 * One copy of a string that thousands of objects repeat (node names, namespaces, label keys): JSON.parse makes a new one each time.
 * Emptied when full, so that it never outgrows a cluster whose names all differ.
 */
export function intern(value: string): string {
  const known = interned.get(value);
  if (known !== undefined) return known;
  if (interned.size >= MOST_INTERNED) interned.clear();
  interned.set(value, value);
  return value;
}
