import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const DOCS = join(import.meta.dirname, '../../docs');

test('every test that behaviour.md names exists, under that name', () => {
  const links = [
    ...readFileSync(join(DOCS, 'behaviour.md'), 'utf8').matchAll(/\[([^\]]+)\]\((\.\.\/test\/[^)]+)\)/g),
  ];
  expect(links.length).toBeGreaterThan(60);
  const missing = links.filter(
    ([, name = '', path = '']) => !readFileSync(join(DOCS, path), 'utf8').includes(name),
  );
  expect(missing.map(([, name, path]) => `${path}: ${name}`)).toEqual([]);
});
