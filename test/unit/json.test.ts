import { expect, test } from '@jest/globals';
import { asArray, asObject, asString, isObject } from '../../src/json.ts';

test.each([undefined, null, 7, 'x', true, [1], []])(
  '%j is no object, and reads as one without fields',
  (value) => {
    expect(isObject(value)).toBe(false);
    expect(asObject(value)).toEqual({});
  },
);

test('an object without prototype is one', () => {
  expect(isObject(Object.create(null))).toBe(true);
});

test('a wrong type reads as absent', () => {
  expect(asArray({ length: 1 })).toEqual([]);
  expect(asArray([1])).toEqual([1]);
  expect(asString(7)).toBe('');
  expect(asString('7')).toBe('7');
});
