import { expect, test } from '@jest/globals';
import { asBefore, placesIn } from '../../../../src/membership/plan/places-before.ts';

interface One {
  readonly name: string;
}

const list = (...names: readonly string[]): One[] => names.map((name) => ({ name }));
const known = (before: readonly One[], now: readonly One[]) =>
  asBefore(
    before,
    placesIn(before, now, (a, b) => a.name === b.name, 10),
    now,
  );

test('what is as it was is the object of before, what is new is itself', () => {
  const before = list('a', 'b', 'c');
  const now = list('a', 'c', 'd');
  const shown = known(before, now);
  expect(shown).toEqual(now);
  expect(shown.map((one) => before.includes(one))).toEqual([true, true, false]);
  expect(shown[2]).toBe(now[2]);
});

test('a list of the objects of before, and of new ones, is the list itself', () => {
  const [a, b] = list('a', 'b') as [One, One];
  const now = [b, ...list('c')];
  expect(known([a, b], now)).toBe(now);
  expect(known(now, now)).toBe(now);
});
