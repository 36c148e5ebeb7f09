import { expect, test } from '@jest/globals';
import {
  fieldsOf,
  holds,
  isSamePrint,
  printOf,
  toJson,
} from '../../../../src/kubernetes/write/status-fields.ts';

const rows = Array.from({ length: 40 }, (_, i) => ({ serverId: `eni-${i}`, port: 8080 }));
const print = (status: unknown) => printOf(fieldsOf(status));

test('equal statuses have one print, whatever the order of their keys', () => {
  const turned = rows.map(({ serverId, port }) => ({ port, serverId, pod: undefined }));
  expect(isSamePrint(print({ desired: 1, backends: rows }), print({ backends: turned, desired: 1 }))).toBe(
    true,
  );
});

test.each([
  ['a row less', { desired: 1, backends: rows.slice(1) }],
  ['rows in another order', { desired: 1, backends: rows.toReversed() }],
  ['a field of a row', { desired: 1, backends: rows.with(39, { serverId: 'eni-39', port: 8081 }) }],
  ['a field less', { backends: rows }],
  ['a field more', { desired: 1, backends: rows, draining: 0 }],
  ['a number as text', { desired: '1', backends: rows }],
])('%s is another print', (_, other) => {
  expect(isSamePrint(print({ desired: 1, backends: rows }), print(other))).toBe(false);
});

test('a part is held when each of its fields is', () => {
  const whole = print({ desired: 1, backends: rows });
  expect(holds(whole, print({ backends: rows }))).toBe(true);
  expect(holds(whole, print({ desired: 2 }))).toBe(false);
  expect(holds(whole, print({ draining: 0 }))).toBe(false);
});

test('a print is small, however many rows there are', () => {
  expect(JSON.stringify(print({ desired: 1, backends: rows })).length).toBeLessThan(100);
});

test('what is written is the status itself', () => {
  const status = {
    desired: 1,
    message: undefined,
    nothing: null,
    backends: [...rows, { serverId: 'a "b"', port: 1 }],
  };
  expect(JSON.parse(toJson(fieldsOf(status)))).toEqual(JSON.parse(JSON.stringify(status)));
});
