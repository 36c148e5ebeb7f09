import { asObject, asString, type JsonObject } from '../../json.ts';

/** The object has no name, namespace or resourceVersion, so it cannot be stored. */
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

/** Any field may be missing or have any type. */
export function metadata(object: unknown): JsonObject {
  return asObject(asObject(object)['metadata']);
}

export function port(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535
    ? value
    : undefined;
}

/** The entries whose values are strings, as those of labels and annotations must be. */
export function strings(value: unknown, keep: (key: string) => boolean = () => true): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [key, entry] of Object.entries(asObject(value))) {
    // Assigning to this key would set the prototype.
    if (typeof entry === 'string' && key !== '__proto__' && keep(key)) kept[intern(key)] = entry;
  }
  return kept;
}

export function identity(object: unknown, scope: 'namespaced' | 'cluster'): Identity {
  const fields = metadata(object);
  const name = asString(fields['name']);
  const namespace = scope === 'namespaced' ? intern(asString(fields['namespace'])) : '';
  const resourceVersion = asString(fields['resourceVersion']);
  if (name === '' || resourceVersion === '' || (scope === 'namespaced' && namespace === '')) {
    throw new MalformedObjectError('the object has no name, namespace or resourceVersion');
  }
  const key = scope === 'namespaced' ? `${namespace}/${name}` : name;
  return { key, namespace, name, uid: asString(fields['uid']), resourceVersion };
}

/** The key of any object in its store; undefined if it has no name. */
export function keyOf(object: unknown): string | undefined {
  const { name, namespace } = metadata(object);
  if (typeof name !== 'string' || name === '') return undefined;
  return typeof namespace === 'string' && namespace !== '' ? `${namespace}/${name}` : name;
}

export function resourceVersionOf(object: unknown): string {
  return asString(metadata(object)['resourceVersion']);
}

/** Versions are comparable numbers of any length, in every release so far, and guaranteed since 1.35. */
export function isOlder(version: string, than: string): boolean {
  return version.length < than.length || (version.length === than.length && version < than);
}

const interned = new Map<string, string>();
const MOST_INTERNED = 20_000;

/**
 * Returns one shared copy of a string that thousands of objects repeat (node names, namespaces, label keys); JSON.parse creates
 * a new one each time. The cache is emptied when full, so that it stays bounded in a cluster whose names all differ.
 */
export function intern(value: string): string {
  const known = interned.get(value);
  if (known !== undefined) return known;
  if (interned.size >= MOST_INTERNED) interned.clear();
  interned.set(value, value);
  return value;
}
