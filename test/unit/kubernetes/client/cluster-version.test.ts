import { expect, test } from '@jest/globals';
import { knowsPreStopSleep } from '../../../../src/kubernetes/client/cluster-version.ts';

const { signal } = new AbortController();
const of = (version: unknown) => knowsPreStopSleep({ request: async <T>() => version as T }, signal);

test.each([
  ['1', '28', false],
  ['1', '29+', false],
  ['1', '30', true],
  ['1', '30+', true],
  ['1', '36', true],
  ['2', '0', true],
])('a cluster of version %s.%s knows preStop.sleep: %s', async (major, minor, knows) => {
  expect(await of({ major, minor })).toBe(knows);
});

test.each([[{}], [{ major: 'x', minor: 'y' }], [undefined]])('%j is no version', async (version) => {
  await expect(of(version)).rejects.toThrow('reports no version');
});
