import { expect, test } from '@jest/globals';
import { forgetOldest } from '../../src/forget-oldest.ts';

test('of a Set and of a Map those go that were there first, and no more than are too many', () => {
  const names = new Set(['a', 'b', 'c']);
  forgetOldest(names, 2);
  expect([...names]).toEqual(['b', 'c']);
  const byName = new Map([...names, 'd', 'e'].map((name) => [name, 1]));
  forgetOldest(byName, 2);
  expect([...byName.keys()]).toEqual(['d', 'e']);
});

test('what is not too many stays', () => {
  const names = new Set(['a', 'b']);
  forgetOldest(names, 2);
  expect([...names]).toEqual(['a', 'b']);
});
