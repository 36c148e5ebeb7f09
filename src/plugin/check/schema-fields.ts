import { asObject, isObject, type JsonObject } from '../../json.ts';

/** The paths of all fields that an OpenAPI schema of objects has, as `spec.drain.seconds`; items of lists as `spec.list[].field`. */
export function schemaFieldsOf(schema: unknown, path = ''): readonly string[] {
  const { properties, items } = asObject(schema);
  const own = Object.entries(asObject(properties) as JsonObject).flatMap(([name, field]) => {
    const at = path === '' ? name : `${path}.${name}`;
    return [at, ...schemaFieldsOf(field, at)];
  });
  return isObject(items) ? [...own, ...schemaFieldsOf(items, `${path}[]`)] : own;
}
