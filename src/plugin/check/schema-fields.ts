import { asObject, isObject, type JsonObject } from '../../json.ts';

/** The paths of all fields in an object's OpenAPI schema, e.g. `spec.drain.seconds`; fields of list items as `spec.list[].field`. */
export function schemaFieldsOf(schema: unknown, path = ''): readonly string[] {
  const { properties, items } = asObject(schema);
  const own = Object.entries(asObject(properties) as JsonObject).flatMap(([name, field]) => {
    const at = path === '' ? name : `${path}.${name}`;
    return [at, ...schemaFieldsOf(field, at)];
  });
  return isObject(items) ? [...own, ...schemaFieldsOf(items, `${path}[]`)] : own;
}
