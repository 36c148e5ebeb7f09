import { expect, test } from '@jest/globals';
import { compare, rowName } from '../../../../../lab/demo/observe/compare.ts';
import type { Endpoint } from '../../../../../lab/demo/observe/endpoint-log.ts';
import type { Row } from '../../../../../simulator/state/backend-servers.ts';

const endpoint = (n: number): Endpoint => ({ address: `10.0.0.${n}`, port: 80, pod: `web-${n}` });
const row = (n: number, changes: Partial<Row> = {}): Row => ({
  serverId: `eni-${n}`,
  serverIp: `10.0.0.${n}`,
  port: 80,
  weight: 100,
  type: 'eni',
  description: 'vsgb/c/demo/web',
  ...changes,
});
const foreign: readonly Row[] = [
  { serverId: 'i-legacy', serverIp: '', port: 80, weight: 50, type: 'ecs', description: '' },
];

const problems = (rows: readonly Row[], ready: readonly Endpoint[]) =>
  compare({ rows, foreign, ready, weight: 100 }).problems;

test('a row for each ready endpoint, and the foreign rows as they were: equal', () => {
  const rows = [...foreign, row(1), row(2)];
  expect(compare({ rows, foreign, ready: [endpoint(2), endpoint(1)], weight: 100 })).toEqual({
    owned: [row(1), row(2)],
    foreign,
    problems: [],
  });
});

test('a ready endpoint without a row is told', () => {
  expect(problems([...foreign, row(1)], [endpoint(1), endpoint(2)])).toEqual([
    '10.0.0.2:80 (pod web-2) is ready and not in the group',
  ]);
});

test('a row without a ready endpoint is told', () => {
  expect(problems([...foreign, row(1), row(2)], [endpoint(1)])).toEqual([
    '10.0.0.2:80 is in the group and not a ready endpoint',
  ]);
});

test('the same address on another port is another backend', () => {
  expect(problems([...foreign, row(1, { port: 81 })], [endpoint(1)])).toHaveLength(2);
});

test('a wrong weight is told', () => {
  expect(problems([...foreign, row(1, { weight: 0 })], [endpoint(1)])).toEqual([
    '10.0.0.1:80 has weight 0 instead of 100',
  ]);
});

test('a second row for one address is told', () => {
  expect(problems([...foreign, row(1), row(1, { serverId: 'eni-old' })], [endpoint(1)])).toEqual([
    'the group holds an address twice',
  ]);
});

test.each<[string, readonly Row[]]>([
  ['removed', []],
  ['of another weight', [{ ...foreign[0]!, weight: 100 }]],
  ['described as ours', [{ ...foreign[0]!, description: 'vsgb/c/demo/web' }]],
])('a foreign backend that is %s is told', (_, rows) => {
  expect(problems(rows, [])).toEqual(['the foreign backend i-legacy:80 was changed or removed']);
});

test('rows are named as the console names them', () => {
  expect([rowName(row(1)), rowName(foreign[0]!)]).toEqual(['eni-1 10.0.0.1:80', 'i-legacy:80']);
});
