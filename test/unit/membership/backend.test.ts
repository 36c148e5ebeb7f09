import { expect, test } from '@jest/globals';
import {
  addressOf,
  backendKey,
  byCodeUnit,
  ecsSlot,
  eniSlot,
  knownRow,
  knownRows,
  type Row,
} from '../../../src/membership/backend.ts';
import { ecsRow, eniRow } from './builders.ts';

const keys: readonly (readonly [string, Row, Row, boolean])[] = [
  ['weight and description play no part', eniRow('1'), eniRow('1', { weight: 0, description: 'x' }), true],
  ['ecs: another port is another backend', ecsRow('1'), ecsRow('1', { port: 30081 }), false],
  ['ecs: an address plays no part', ecsRow('1'), ecsRow('1', { serverIp: '10.0.0.1' }), true],
  [
    'eni: another address of one ENI is another backend',
    eniRow('1'),
    eniRow('1', { serverIp: '10.0.0.2' }),
    false,
  ],
  [
    'eni: the same address on another ENI is another backend',
    eniRow('1'),
    eniRow('1', { serverId: 'eni-2' }),
    false,
  ],
  ['eni: another port is another backend', eniRow('1'), eniRow('1', { port: 8081 }), false],
  [
    'IPv6: address and port do not run into each other',
    eniRow('1', { serverIp: '::1', port: 11 }),
    eniRow('1', { serverIp: '1::1', port: 1 }),
    false,
  ],
];
test.each(keys)('identity of a row: %s', (_, a, b, same) => {
  expect(backendKey(a) === backendKey(b)).toBe(same);
});

const addresses: readonly (readonly [string, Row, string])[] = [
  ['ecs: the instance', ecsRow('1', { serverIp: '192.168.0.1' }), 'i-1'],
  ['eni: the address', eniRow('1'), '10.0.0.1'],
  ['eci: the address', eniRow('1', { type: 'eci', serverId: 'eci-1' }), '10.0.0.1'],
  ['eni without an address: the ENI', { serverId: 'eni-1', port: 1, type: 'eni', weight: 1 }, 'eni-1'],
];
test.each(addresses)('address of a row: %s', (_, row, expected) => {
  expect(addressOf(row)).toBe(expected);
});

test('slots of pods and of instances never meet', () => {
  expect(String(eniSlot('i-1', 80))).not.toBe(String(ecsSlot('i-1', 80)));
});

test('strings are ordered by code unit', () => {
  expect(['b', 'a', 'B', 'ä', 'a1', 'a'].sort(byCodeUnit)).toEqual(['B', 'a', 'a', 'a1', 'b', 'ä']);
});

const group = (count: number) => Array.from({ length: count }, (_, i) => eniRow(String(i)));
const isKept = (rows: readonly Row[], before: readonly Row[]) => {
  const known = knownRows(before);
  const now = knownRows(rows, known);
  expect(now).toEqual(rows.map(knownRow));
  return now.map((row) => known.includes(row));
};

test('rows that are as they were are the objects of before', () => {
  expect(isKept(group(100), group(100))).not.toContain(false);
});

test('so they are beside rows that left, up to a whole call of them in a row, and rows that joined', () => {
  const reply = [...group(60).slice(20, 40), ...group(70).slice(50)];
  expect(isKept(reply, group(60))).toEqual([...Array(30).fill(true), ...Array(10).fill(false)]);
});

test.each([
  ['weight', { weight: 0 }],
  ['port', { port: 8081 }],
  ['address', { serverIp: '10.0.1.1' }],
  ['server', { serverId: 'eni-other' }],
  ['type', { type: 'eci' }],
  ['description', { description: 'by hand' }],
] as const)('a row with another %s is shown as it is now, and the others stay', (_, change) => {
  const reply = group(3).map((row, i) => (i === 1 ? { ...row, ...change } : row));
  expect(isKept(reply, group(3))).toEqual([true, false, true]);
});

test('rows in another order are shown as they are', () => {
  expect(isKept(group(5).toReversed(), group(5))).toHaveLength(5);
});
