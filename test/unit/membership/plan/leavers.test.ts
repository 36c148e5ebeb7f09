import { expect, test } from '@jest/globals';
import { backendKey, type Row } from '../../../../src/membership/backend.ts';
import type { Claim } from '../../../../src/membership/plan/claim.ts';
import { type Leaver, settleLeavers } from '../../../../src/membership/plan/leavers.ts';
import { claim, eniRow, podRecord } from '../builders.ts';

function leaver(
  name: string,
  owners: readonly Claim[],
  change: Partial<Leaver> & { row?: Row } = {},
): Leaver {
  const row = change.row ?? eniRow(name);
  return { row, key: backendKey(row), owners, record: podRecord(name), moved: false, ...change };
}

const HELD = {
  'the weight it had': 'hold with weight',
  'weight 0': 'hold with weight 0',
  'as it is': 'hold',
};

function steps(leavers: readonly Leaver[], claims: readonly Claim[], kept = 0): Record<string, string> {
  const settled = settleLeavers(leavers, claims, () => kept, 1_000_000);
  return Object.fromEntries(
    settled.map(([{ row }, leave]) => [
      row.serverId,
      leave.step === 'hold' ? `${HELD[leave.to]} for ${leave.claim.id}` : leave.step,
    ]),
  );
}

const two = claim('web', { minBackends: 2 });
const deadPod = (name: string) => ({ has: (uid: string) => uid !== `uid-${name}` });

test('needed by minBackends, alive: held with the weight it had', () => {
  expect(steps([leaver('1', [two])], [two])).toEqual({ 'eni-1': 'hold with weight for shop/web' });
});

test('needed by minBackends, its address moved: held as it is', () => {
  expect(steps([leaver('1', [two], { moved: true })], [two])).toEqual({ 'eni-1': 'hold for shop/web' });
});

test('needed by minBackends, its pod is gone: held as it is', () => {
  const of = { ...two, livePods: deadPod('1') };
  expect(steps([leaver('1', [of])], [of])).toEqual({ 'eni-1': 'hold for shop/web' });
});

test('needed by minBackends, its node is not Ready or about to go: held as it is', () => {
  const of = claim('web', { minBackends: 2, doubtfulNodes: { has: (name) => name === 'n2' } });
  const [held, back] = [
    leaver('1', [of], { record: podRecord('1', { node: 'n2' }) }),
    leaver('2', [of], { record: podRecord('2', { node: 'n3' }) }),
  ];
  expect(steps([held, back], [of])).toEqual({
    'eni-1': 'hold for shop/web',
    'eni-2': 'hold with weight for shop/web',
  });
});

test('needed by minBackends, its node is drained: held with weight 0, after those that serve', () => {
  const drained = (name: string) => podRecord(name, { node: 'n2' });
  const of = claim('web', { minBackends: 1, drainedNodes: { has: (name) => name === 'n2' } });
  const resting = leaver('1', [of], { record: drained('1') });
  expect(steps([resting], [of])).toEqual({ 'eni-1': 'hold with weight 0 for shop/web' });
  expect(steps([resting, leaver('2', [of])], [of])).toEqual({
    'eni-1': 'remove',
    'eni-2': 'hold with weight for shop/web',
  });
});

test('not needed, its address moved: removed without a drain', () => {
  const of = claim('web', { drainMs: 1_000 });
  expect(steps([leaver('1', [of], { moved: true })], [of])).toEqual({ 'eni-1': 'remove' });
});

test('not needed: removed, or drained first', () => {
  const of = claim('web');
  expect(steps([leaver('1', [of])], [of])).toEqual({ 'eni-1': 'remove' });
  const gently = claim('web', { drainMs: 1_000 });
  expect(steps([leaver('1', [gently])], [gently])).toEqual({ 'eni-1': 'drain' });
});

test('what stays counts: only as many are held as are missing', () => {
  const leavers = ['1', '2', '3'].map((name) => leaver(name, [two]));
  expect(steps(leavers, [two], 1)).toEqual({
    'eni-1': 'hold with weight for shop/web',
    'eni-2': 'remove',
    'eni-3': 'remove',
  });
  expect(steps(leavers, [two], 2)).toEqual({ 'eni-1': 'remove', 'eni-2': 'remove', 'eni-3': 'remove' });
});

test('what can answer is held first: alive before gone or moved, serving before draining', () => {
  const of = claim('web', { minBackends: 1, livePods: deadPod('1') });
  const [gone, moved, draining, serving] = [
    leaver('1', [of]),
    leaver('2', [of], { moved: true }),
    leaver('3', [of], { row: eniRow('3', { weight: 0 }) }),
    leaver('4', [of]),
  ] as [Leaver, Leaver, Leaver, Leaver];
  expect(steps([gone, moved, draining, serving], [of])['eni-4']).toMatch('hold');
  expect(steps([gone, moved, draining], [of])['eni-3']).toMatch('hold');
});

test('a binding that goes away holds nothing', () => {
  const going = { ...two, deleting: true };
  expect(steps([leaver('1', [going])], [going])).toEqual({ 'eni-1': 'remove' });
});

test('a row of two bindings is held when either needs it, once for both', () => {
  const a = claim('a');
  const both = [a, two];
  expect(steps([leaver('1', both)], both)).toEqual({ 'eni-1': 'hold with weight for shop/web' });
  const needy = claim('a', { minBackends: 2 });
  expect(steps([leaver('1', [needy, two]), leaver('2', [needy, two])], [needy, two])).toEqual({
    'eni-1': 'hold with weight for shop/a',
    'eni-2': 'hold with weight for shop/a',
  });
});

test('a row of two bindings of which one goes away leaves as the other one says', () => {
  const going = claim('a', { deleting: true });
  const gentle = claim('b', { drainMs: 1_000 });
  expect(steps([leaver('1', [going, gentle])], [going, gentle])).toEqual({ 'eni-1': 'drain' });
});
