import { expect, test } from '@jest/globals';
import { withKnown } from '../../../../src/controller/group/known-rows.ts';
import type { Row } from '../../../../src/membership/backend.ts';

const rows = (count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    serverId: `eni-${i}`,
    serverIp: `10.0.0.${i}`,
    port: 8080,
    type: 'eni',
    weight: 100,
    description: 'vsgb/test/shop/web',
  }));

/** Which of the rows are the very objects of before. */
const kept = (now: readonly Row[], before: readonly Row[]) => now.map((row) => before.includes(row));

test('rows that are as they were are the objects of before', () => {
  const before = rows(100);
  const now = withKnown(rows(100), before);
  expect(now).toEqual(rows(100));
  expect(kept(now, before)).not.toContain(false);
});

test('so they are beside rows that left, up to a whole call of them in a row, and rows that joined', () => {
  const before = rows(60);
  const reply = [...rows(60).slice(20, 40), ...rows(70).slice(50)];
  const now = withKnown(reply, before);
  expect(now).toEqual(reply);
  expect(kept(now, before)).toEqual([...Array(30).fill(true), ...Array(10).fill(false)]);
});

test.each([
  ['weight', { weight: 0 }],
  ['port', { port: 8081 }],
  ['address', { serverIp: '10.0.1.1' }],
  ['server', { serverId: 'eni-other' }],
  ['type', { type: 'eci' }],
  ['description', { description: 'by hand' }],
] as const)('one with another %s is shown as it is now, and the others stay', (_, change) => {
  const before = rows(3);
  const reply = rows(3).map((row, i) => (i === 1 ? { ...row, ...change } : row));
  const now = withKnown(reply, before);
  expect(now).toEqual(reply);
  expect(kept(now, before)).toEqual([true, false, true]);
});

test('a list in another order is shown as it is', () => {
  const reply = rows(5).toReversed();
  expect(withKnown(reply, rows(5))).toEqual(reply);
});
