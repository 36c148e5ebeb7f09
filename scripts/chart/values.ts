import { isMap, isScalar, parse, parseDocument, type YAMLMap } from 'yaml';

/** The part of JSON Schema (draft 7) that the chart's values need. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One value of the chart, as in values.yaml. */
export interface Value {
  readonly path: readonly string[];
  readonly description: string;
  readonly fallback: unknown;
  readonly schema: JsonSchema;
}

/**
 * The values in values.yaml, in order. Each is preceded by a comment: ` -- ` and its description, then optionally `@schema` lines
 * with the name of a kind or JSON Schema keywords. A map without such a comment is a group of values. Throws for a value without a
 * description, and for an empty list or map without a schema.
 */
export function readValues(text: string, kinds: Readonly<Record<string, JsonSchema>>): readonly Value[] {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error('the values are no map');
  return valuesIn(contents, kinds, []);
}

function valuesIn(
  group: YAMLMap,
  kinds: Readonly<Record<string, JsonSchema>>,
  parents: readonly string[],
): readonly Value[] {
  return group.items.flatMap(({ key, value }, index) => {
    if (!isScalar(key)) throw new Error(`${parents.join('.')}: a key is no text`);
    const path = [...parents, String(key.value)];
    // The parser attaches the comment before the first key to the map.
    const comment = key.commentBefore ?? (index === 0 ? group.commentBefore : undefined) ?? '';
    const { description, rules } = read(comment);
    if (description !== '') return [described(path, description, toJson(value), rules, kinds)];
    if (isMap(value) && value.items.length > 0) return valuesIn(value, kinds, path);
    throw new Error(`${path.join('.')} is not described: put a comment "# -- …" in front of it`);
  });
}

function read(comment: string): { description: string; rules: readonly string[] } {
  const lines = comment.split('\n').map((line) => line.trim());
  const rules = lines.flatMap((line) => (line.startsWith('@schema ') ? [line.slice('@schema '.length)] : []));
  const words = lines.filter((line) => !line.startsWith('@schema ')).join(' ');
  return { description: words.startsWith('-- ') ? words.slice(3) : '', rules };
}

function described(
  path: readonly string[],
  description: string,
  fallback: unknown,
  rules: readonly string[],
  kinds: Readonly<Record<string, JsonSchema>>,
): Value {
  const given = rules.map((rule) => kinds[rule] ?? keywords(rule, path));
  if (given.length === 0 && typeof fallback === 'object')
    throw new Error(`${path.join('.')} has no rule: put a comment "# @schema …" in front of it`);
  return { path, description, fallback, schema: Object.assign({ type: typeOf(fallback) }, ...given) };
}

function keywords(rule: string, path: readonly string[]): JsonSchema {
  const schema: unknown = parse(rule);
  if (typeof schema === 'object' && schema !== null) return schema as JsonSchema;
  throw new Error(`${path.join('.')}: "${rule}" is neither a kind of value nor a rule of JSON Schema`);
}

function typeOf(fallback: unknown): string {
  if (Array.isArray(fallback)) return 'array';
  return Number.isInteger(fallback) ? 'integer' : typeof fallback;
}

function toJson(node: unknown): unknown {
  return (node as { toJSON(): unknown }).toJSON();
}
