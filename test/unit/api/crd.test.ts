import { expect, test } from '@jest/globals';
import { customResourceDefinition } from '../../../src/api/crd.ts';

interface Schema {
  type?: string;
  description?: string;
  enum?: string[];
  format?: string;
  maxLength?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  'x-kubernetes-validations'?: { message: string }[];
}

const root = customResourceDefinition().spec.versions[0]?.schema.openAPIV3Schema as Schema;

/** Every field of spec and status with its path. */
function* fields(schema: Schema, path = ''): Generator<[string, Schema]> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${name}`, field];
    yield* fields(field, `${path}.${name}`);
    if (field.items) yield* fields(field.items, `${path}.${name}[]`);
  }
}

const all = [...fields(root)].filter(([path]) => /^\.(spec|status)/.test(path));

test.each(all)('%s is documented', (_, field) => {
  expect(field.description).toMatch(/^[A-Za-z].+\.$/s);
});

test.each(all)('%s is bounded, so that the cost of the CEL rules is', (_, field) => {
  if (field.type === 'string' && !field.enum && field.format !== 'date-time')
    expect(field.maxLength).toBeGreaterThan(0);
  if (field.type === 'array') expect(field.maxItems).toBeGreaterThan(0);
  if (field.additionalProperties) expect(field.maxProperties).toBeGreaterThan(0);
});

test('the schema has nothing that the API server refuses', () => {
  const text = JSON.stringify(root);
  for (const word of ['anyOf', '$ref', '"additionalProperties":false', '9007199254740991'])
    expect(text).not.toContain(word);
});

test('of status only observedGeneration has a default: it makes a wait for the current generation wait', () => {
  expect(JSON.stringify(root.properties?.['status']).match(/"default":[^}]*}/g)).toEqual([
    '"default":{"observedGeneration":-1}',
  ]);
});
