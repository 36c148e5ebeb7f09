import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { outcomeOf } from '../../../../lab/compatibility/run-suites.ts';

const suite = { subject: 'Leaving', file: 'membership/leaving' };
const name = resolve(import.meta.dirname, '../../../e2e/membership/leaving.test.ts');
const assertions = (...statuses: string[]) => ({
  testResults: [
    { name: `${name}x`, assertionResults: [{ status: 'failed' }] },
    { name, assertionResults: statuses.map((status) => ({ status })) },
  ],
});

test('the tests of the file are counted by what became of them', () => {
  expect(outcomeOf(suite, assertions('passed', 'passed', 'failed', 'pending', 'todo'))).toEqual({
    file: 'membership/leaving',
    passed: 2,
    failed: 1,
    skipped: 2,
  });
});

test('a file that did not load, or of which Jest tells nothing, has failed', () => {
  const failed = { file: 'membership/leaving', passed: 0, failed: 1, skipped: 0 };
  expect(outcomeOf(suite, assertions())).toEqual(failed);
  expect(outcomeOf(suite, { testResults: [] })).toEqual(failed);
});
