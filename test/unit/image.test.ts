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

test('the image’s code cache is made with the flags that it is read with, which V8 compares', () => {
  const v8 = flags.filter((flag) => !flag.startsWith('--disable-warning'));
  expect(dockerfile).toContain(
    `RUN ${JSON.stringify(['node', ...v8, '/app/main.js', '--version']).replaceAll(',', ', ')}`,
  );
});
