import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { API_GROUP } from '../../src/api/names.ts';

const SRC = resolve(import.meta.dirname, '../../src');

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(SRC, file), 'utf8') }));

const DEFINITION =
  /^export (?:declare )?(?:async )?(?:abstract )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;

test('no exported name has two definitions', () => {
  const definitions = sources.flatMap(({ file, text }) =>
    [...new Set([...text.matchAll(DEFINITION)].map(([, name = '']) => name))].map((name) => ({ name, file })),
  );
  expect(definitions.length).toBeGreaterThan(300);
  const twice = [...Map.groupBy(definitions, ({ name }) => name)].filter(([, files]) => files.length > 1);
  expect(twice.map(([name, files]) => `${name}: ${files.map(({ file }) => file).join(', ')}`)).toEqual([]);
});

test('names on objects stand in src/api/names.ts', () => {
  const others = sources.filter(({ file, text }) => file !== 'api/names.ts' && text.includes(API_GROUP));
  expect(others.map(({ file }) => file)).toEqual([]);
});
