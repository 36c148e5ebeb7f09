import { freeArgument, freeSettings } from './free-settings.ts';
import { type JsonSchema, readValues, type Value } from './values.ts';

const TEXTS = { type: 'object', additionalProperties: { type: 'string' } };
const NAME = { type: 'string', pattern: '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$', maxLength: 253 };

/** The kinds that an `@schema` line in values.yaml may name. */
const KINDS: Readonly<Record<string, JsonSchema>> = {
  /** Name of a Kubernetes object; may be empty. */
  name: NAME,
  /** A name from which other names are derived. What a Service can't be called is refused by templates/_check.tpl. */
  'short name': { ...NAME, maxLength: 55 },
  /** Labels, annotations. */
  texts: TEXTS,
  /** The operator's environment variables. */
  settings: {
    type: 'object',
    propertyNames: { enum: freeSettings() },
    additionalProperties: { type: 'string' },
  },
  /** The operator's flags. */
  arguments: { type: 'array', items: { type: 'string', pattern: freeArgument() } },
  /** Whatever Kubernetes accepts there. */
  object: { type: 'object' },
  objects: { type: 'array', items: { type: 'object' } },
  /** References to objects in the same namespace. */
  references: {
    type: 'array',
    items: { type: 'object', additionalProperties: false, properties: { name: NAME }, required: ['name'] },
  },
};

/** The chart's values, from the text of values.yaml. */
export function chartValues(text: string): readonly Value[] {
  return readValues(text, KINDS);
}

/** What Helm gives every chart, and the condition by which a chart that depends on this one takes it or leaves it out. */
const OF_HELM: readonly Value[] = [
  { path: ['global'], description: '', fallback: {}, schema: { type: 'object' } },
  {
    path: ['enabled'],
    description: 'For the condition of a chart that depends on this one; does nothing here.',
    fallback: true,
    schema: { type: 'boolean' },
  },
];

/** The text of values.schema.json. */
export function valuesSchema(values: readonly Value[]): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the VServerGroup operator',
    ...group([...OF_HELM, ...values], 0),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** The schema of values whose first `depth` keys are the same. */
function group(values: readonly Value[], depth: number): JsonSchema {
  const byKey = Map.groupBy(values, ({ path }) => path[depth] as string);
  const properties = [...byKey].map(([key, members]) => {
    const [first] = members;
    const isValue = first !== undefined && first.path.length === depth + 1;
    return [key, isValue ? described(first) : group(members, depth + 1)];
  });
  return { type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) };
}

function described({ description, schema }: Value): JsonSchema {
  return description === '' ? schema : { description, ...schema };
}
