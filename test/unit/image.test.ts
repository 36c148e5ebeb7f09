import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { nodeFlagsOf } from '../../lab/environment/operator-process.ts';

const read = (file: string) => readFileSync(join(import.meta.dirname, '../..', file), 'utf8');
const dockerfile = read('Dockerfile');
const flags = nodeFlagsOf(dockerfile);

test('`npm run operator` gives node the flags of the image', () => {
  const { operator } = JSON.parse(read('package.json')).scripts;
  expect(operator).toContain(` node ${flags.join(' ')} dist/main.js`);
});

test('docs/image.md lists every build argument, with its default', () => {
  const page = read('docs/image.md');
  const values = [...dockerfile.matchAll(/^ARG (\w+)(?:=(.+))?$/gm)];
  expect(values.length).toBeGreaterThan(4);
  for (const [, name = '', value = ''] of values) {
    const row = page.split('\n').find((line) => /^\| `/.test(line) && line.includes(`\`${name}\``));
    expect(row).toContain(/^(VERSION|REVISION)$/.test(name) ? 'scripts/image.sh' : value);
  }
});

test('the image’s code cache is made with the flags that it is read with, which V8 compares', () => {
  const v8 = flags.filter((flag) => !flag.startsWith('--disable-warning'));
  expect(dockerfile).toContain(
    `RUN ${JSON.stringify(['node', ...v8, '/app/main.js', '--version']).replaceAll(',', ', ')}`,
  );
});
