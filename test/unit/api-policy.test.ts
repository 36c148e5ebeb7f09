import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { namesNow, promisedNames } from '../../scripts/docs/promised-names.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SCHEMA = join(ROOT, 'deploy/helm/vservergroup-operator/values.schema.json');
const PAGE = readFileSync(join(ROOT, 'docs/api-policy.md'), 'utf8');
const RECORDED = readFileSync(join(ROOT, 'docs/promised-names.txt'), 'utf8');
const promised = RECORDED.trimEnd().split('\n');

test('every name that docs/api-policy.md promises is still there', async () => {
  const now = new Set(await namesNow(SCHEMA));
  const todo =
    'is promised: keep it, deprecated; if no release had it, delete its line in docs/promised-names.txt';
  expect(promised.filter((name) => !now.has(name)).map((name) => `${name} ${todo}`)).toEqual([]);
});

test('a name that is gone stays in the record', async () => {
  const recorded = await promisedNames(`flag --gone\n${RECORDED}`, SCHEMA);
  expect(recorded.split('\n')).toContain('flag --gone');
});

test('names of every kind that the page explains are recorded, and no others', () => {
  const kinds = [...PAGE.matchAll(/^- (`\w+`[^:]*):/gm)].flatMap(([, item = '']) =>
    [...item.matchAll(/`(\w+)`/g)].map(([, kind]) => kind),
  );
  expect([...new Set(promised.map((name) => name.split(' ')[0]))].sort()).toEqual(kinds.sort());
});
