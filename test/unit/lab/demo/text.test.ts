import { describe, expect, test } from '@jest/globals';
import {
  abbreviate,
  clockTime,
  milliseconds,
  pad,
  palette,
  plural,
  quantile,
  shorten,
  table,
  wantsColours,
  widthOf,
} from '../../../../lab/demo/text.ts';

describe('colours', () => {
  test('are for a terminal only', () => {
    expect(wantsColours({ isTTY: true }, {})).toBe(true);
    expect(wantsColours({ isTTY: undefined }, {})).toBe(false);
  });

  test('are off with NO_COLOR, but not with an empty one, and on a dumb terminal', () => {
    expect(wantsColours({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColours({ isTTY: true }, { NO_COLOR: '' })).toBe(true);
    expect(wantsColours({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
  });

  test('add nothing when they are off, and no width when they are on', () => {
    expect(palette(false).red('no')).toBe('no');
    expect(palette(true).red('no')).not.toBe('no');
    expect(widthOf(palette(true).red('no'))).toBe(2);
  });
});

test('pads to a width, and leaves longer text alone', () => {
  expect([pad('ab', 4), pad('ab', 4, 'right'), pad('abcde', 4)]).toEqual(['ab  ', '  ab', 'abcde']);
});

test('columns are as wide as their widest cell, numbers end below each other', () => {
  const { green } = palette(true);
  const lines = table(
    [
      ['step', 'calls', ''],
      ['one pod', '3', green('✓')],
      ['x', '120', green('✓')],
    ],
    ['left', 'right'],
  );
  expect(lines).toEqual(['step     calls', `one pod      3  ${green('✓')}`, `x          120  ${green('✓')}`]);
});

test('a long list names a few and counts the rest', () => {
  expect(abbreviate(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
  expect(abbreviate(['a', 'b'], 2)).toBe('a, b');
  expect(abbreviate([], 2)).toBe('–');
});

test('many lines are shortened in the middle, not where it would spare nothing', () => {
  expect(shorten(['1', '2', '3', '4', '5', '6'], 2, 1)).toEqual(['1', '2', '… 3 more …', '6']);
  expect(shorten(['1', '2', '3', '4'], 2, 1)).toEqual(['1', '2', '3', '4']);
  expect(shorten([], 2, 1)).toEqual([]);
});

test('nouns follow their number', () => {
  expect([plural(1, 'backend'), plural(0, 'backend')]).toEqual(['1 backend', '0 backends']);
});

test('quantiles are values that were seen', () => {
  expect(quantile([30, 10, 20], 0.5)).toBe(20);
  expect(quantile([30, 10, 20], 1)).toBe(30);
  expect(quantile([4, 1], 0.5)).toBe(1);
  expect(quantile([7], 0.5)).toBe(7);
  expect(quantile([], 0.5)).toBeUndefined();
});

test('times', () => {
  expect([milliseconds(3.14), milliseconds(undefined)]).toEqual(['3.1', '–']);
  expect(clockTime(new Date(2026, 0, 2, 3, 4, 5, 6).getTime())).toBe('03:04:05.006');
});
