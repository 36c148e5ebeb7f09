import { expect, test } from '@jest/globals';
import { type LabelSelector, matchesSelector } from '../../../../src/membership/desired/label-selector.ts';

const labels = { pool: 'web', zone: 'a', empty: '' };
const one = (
  key: string,
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist',
  values?: readonly string[],
) => ({
  matchExpressions: [{ key, operator, values }],
});

const cases: readonly (readonly [string, LabelSelector | undefined, boolean])[] = [
  ['no selector', undefined, true],
  ['an empty selector', {}, true],
  ['matchLabels that are all there', { matchLabels: { pool: 'web', zone: 'a' } }, true],
  ['matchLabels of which one differs', { matchLabels: { pool: 'web', zone: 'b' } }, false],
  ['matchLabels of which one is absent', { matchLabels: { rack: '1' } }, false],
  ['an absent label is not the empty one', { matchLabels: { rack: '' } }, false],
  ['an empty label', { matchLabels: { empty: '' } }, true],
  ['In with the value', one('pool', 'In', ['db', 'web']), true],
  ['In without the value', one('pool', 'In', ['db']), false],
  ['In of an absent label', one('rack', 'In', ['1']), false],
  ['NotIn with the value', one('pool', 'NotIn', ['web']), false],
  ['NotIn without the value', one('pool', 'NotIn', ['db']), true],
  ['NotIn of an absent label', one('rack', 'NotIn', ['1']), true],
  ['Exists', one('empty', 'Exists'), true],
  ['Exists of an absent label', one('rack', 'Exists'), false],
  ['DoesNotExist', one('pool', 'DoesNotExist'), false],
  ['DoesNotExist of an absent label', one('rack', 'DoesNotExist'), true],
  ['a name that every object inherits', one('toString', 'Exists'), false],
  ['all must hold', { matchLabels: { pool: 'web' }, ...one('rack', 'Exists') }, false],
];

test.each(cases)('%s', (_, selector, expected) => {
  expect(matchesSelector(selector, labels)).toBe(expected);
});
