import { isObject } from '../json.ts';
import { type FieldChange, type Path, valueAt, withChanges } from '../zero-downtime/field-change.ts';

/** https://www.rfc-editor.org/rfc/rfc6902 */
export interface JsonPatchOperation {
  readonly op: 'add' | 'replace';
  readonly path: string;
  readonly value: unknown;
}

/**
 * The changes as a JSON Patch of the object, in order. JSON Patch creates no parents, so a missing parent is added together with its
 * content.
 */
export function jsonPatch(object: unknown, changes: readonly FieldChange[]): readonly JsonPatchOperation[] {
  let state = object;
  return changes.map((change) => {
    const operation = operationOn(state, change);
    state = withChanges(state, [change]);
    return operation;
  });
}

function operationOn(object: unknown, { path, value }: FieldChange): JsonPatchOperation {
  const isThere = (depth: number) => {
    const parent = valueAt(object, path.slice(0, depth));
    return Array.isArray(parent) || isObject(parent);
  };
  let depth = 1;
  while (depth < path.length && isThere(depth)) depth++;
  const [target, rest] = [path.slice(0, depth), path.slice(depth)];
  return {
    op: valueAt(object, target) === undefined ? 'add' : 'replace',
    path: pointer(target),
    value: withChanges(undefined, [{ path: rest, value }]),
  };
}

/** https://www.rfc-editor.org/rfc/rfc6901 */
function pointer(path: Path): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
