import { isObject } from '../json.ts';

/** Keys and indexes that lead from an object to one of its fields. */
export type Path = readonly (string | number)[];

/** Sets one field. Missing parents are created; the index after the last item of a list appends. */
export interface FieldChange {
  readonly path: Path;
  readonly value: unknown;
}

export function valueAt(object: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)];
    return isObject(value) ? value[key] : undefined;
  }, object);
}

/** Returns a changed copy. */
export function withChanges(object: unknown, changes: readonly FieldChange[]): unknown {
  return changes.reduce((changed, { path, value }) => withValue(changed, path, value), object);
}

function withValue(object: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const below = withValue(valueAt(object, [key]), rest, value);
  if (Array.isArray(object))
    return [...object.slice(0, Number(key)), below, ...object.slice(Number(key) + 1)];
  return { ...(isObject(object) && object), [key]: below };
}
