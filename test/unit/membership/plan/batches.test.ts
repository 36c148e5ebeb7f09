import { expect, test } from '@jest/globals';
import { backendKey, type Row } from '../../../../src/membership/backend.ts';
import {
  type Batch,
  type Change,
  type Changes,
  orderBatches,
} from '../../../../src/membership/plan/batches.ts';
import { eniRow } from '../builders.ts';

const change = (row: Row, was?: number): Change => ({
  row,
  key: backendKey(row),
  claim: 'shop/web',
  ...(was !== undefined && { was }),
});
const remove = (name: string, weight = 100) => change(eniRow(name, { weight }));
const set = (name: string, was: number, weight: number) => change(eniRow(name, { weight }), was);
const add = (name: string, weight = 100) => change(eniRow(name, { weight }));
const many = <T>(n: number, of: (name: string) => T) =>
  Array.from({ length: n }, (_, i) => of(String(100 + i)));

function order(changes: Partial<Changes>): readonly Batch[] {
  return orderBatches({
    removals: [],
    drains: [],
    weights: [],
    additions: [],
    usable: 1_000,
    cohorts: new Map(),
    additionsBlocked: false,
    rowsPerCall: { remove: 20, set: 20, add: 20 },
    ...changes,
  });
}

const shown = (batches: readonly Batch[]) =>
  batches.map(({ action, changes, urgent }) => `${action} ${changes.length}${urgent ? '!' : ''}`);

const cases: readonly (readonly [string, Partial<Changes>, readonly string[]])[] = [
  ['nothing to do makes no call', {}, []],
  [
    'removals, then drains and weights together, then additions',
    {
      removals: many(1, remove),
      drains: [set('2', 100, 0)],
      weights: [set('3', 10, 20)],
      additions: [add('4')],
    },
    ['remove 1!', 'set 2!', 'add 1'],
  ],
  ['weights alone are not urgent', { weights: [set('3', 10, 20)] }, ['set 1']],
  [
    'a weight that is wanted to be 0 takes a backend out of service as a drain does',
    { weights: [set('3', 10, 0)] },
    ['set 1!'],
  ],
  [
    'as few calls as the size allows',
    { removals: many(41, remove), weights: many(20, (n) => set(n, 1, 2)), additions: many(21, add) },
    ['remove 20!', 'remove 20!', 'remove 1!', 'set 20', 'add 20', 'add 1'],
  ],
  [
    'the last usable backend goes after one batch of additions',
    { removals: [remove('1')], additions: many(25, add), usable: 1 },
    ['add 20!', 'remove 1!', 'add 5'],
  ],
  [
    '… but only before the removal that would empty the group',
    { removals: many(40, remove), additions: [add('1')], usable: 40 },
    ['remove 20!', 'add 1!', 'remove 20!'],
  ],
  [
    'the last usable backend is drained after one batch of additions',
    { drains: [set('1', 100, 0)], additions: [add('2')], usable: 1 },
    ['add 1!', 'set 1!'],
  ],
  [
    'a weight that comes back goes before the removal of the last usable backend',
    { removals: [remove('1')], weights: [set('2', 0, 100)], usable: 1 },
    ['set 1!', 'remove 1!'],
  ],
  [
    'a drain and a weight that comes back in one call need nothing before them',
    { drains: [set('1', 100, 0)], weights: [set('2', 0, 100)], additions: [add('3')], usable: 1 },
    ['set 2!', 'add 1'],
  ],
  [
    'additions of weight 0 keep nobody served: the removal goes first',
    { removals: [remove('1')], additions: [add('2', 0)], usable: 1 },
    ['remove 1!', 'add 1'],
  ],
  [
    'additions that the API does not take hold no removal back',
    { removals: [remove('1')], additions: [add('2')], usable: 1, additionsBlocked: true },
    ['remove 1!', 'add 1'],
  ],
  [
    'a group that takes no requests anyway is emptied first',
    { removals: [remove('1', 0)], additions: [add('2')], usable: 0 },
    ['remove 1!', 'add 1'],
  ],
  [
    'a removal of a drained backend empties nothing',
    { removals: [remove('1', 0)], additions: [add('2')], usable: 1 },
    ['remove 1!', 'add 1'],
  ],
];
test.each(cases)('%s', (_, changes, expected) => {
  expect(shown(order(changes))).toEqual(expected);
});

test('within a call rows are in the order of their keys, drains before weights', () => {
  const [batch] = order({
    drains: [set('9', 100, 0), set('8', 100, 0)],
    weights: [set('2', 1, 2), set('1', 1, 2)],
  });
  expect(batch?.changes.map(({ row }) => row.serverId)).toEqual(['eni-8', 'eni-9', 'eni-1', 'eni-2']);
});

test('pieces of a refused batch share no call with anything else', () => {
  const cohorts = new Map([
    [backendKey(eniRow('1')), 2],
    [backendKey(eniRow('2')), 1],
    [backendKey(eniRow('3')), 1],
  ]);
  const batches = order({ removals: ['1', '2', '3', '4'].map((name) => remove(name)), cohorts });
  expect(batches.map(({ changes }) => changes.map(({ row }) => row.serverId))).toEqual([
    ['eni-4'],
    ['eni-2', 'eni-3'],
    ['eni-1'],
  ]);
});
