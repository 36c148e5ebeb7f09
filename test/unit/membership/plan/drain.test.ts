import { expect, test } from '@jest/globals';
import type { BackendRecord, Claim } from '../../../../src/membership/plan/claim.ts';
import { isGone, nextDrainStep } from '../../../../src/membership/plan/drain.ts';
import { claim, everything, podRecord } from '../builders.ts';

const NOW = 1_000_000;
const nothing = { has: () => false };
const asked = claim('web', { drainMs: 30_000 });
const since = (ago: number) => podRecord('1', { state: 'Draining', drainingSince: NOW - ago });

const cases: readonly (readonly [string, Claim, number, BackendRecord | undefined, object])[] = [
  ['no drain asked: remove', claim('web'), 100, podRecord('1'), { step: 'remove' }],
  ['its pod is gone: remove', { ...asked, livePods: nothing }, 100, podRecord('1'), { step: 'remove' }],
  ['its pod goes during the drain: remove', { ...asked, livePods: nothing }, 0, since(1), { step: 'remove' }],
  ['its node is gone: remove', { ...asked, liveNodes: nothing }, 100, podRecord('1'), { step: 'remove' }],
  ['the drain is over: remove', asked, 0, since(30_000), { step: 'remove' }],
  ['the drain is over although the weight is not 0: remove', asked, 100, since(30_000), { step: 'remove' }],
  [
    'not begun: weight 0, from now',
    asked,
    100,
    podRecord('1'),
    { step: 'drain', since: NOW, until: NOW + 30_000 },
  ],
  [
    'not begun and nothing recorded: weight 0, from now',
    asked,
    1,
    undefined,
    { step: 'drain', since: NOW, until: NOW + 30_000 },
  ],
  [
    'begun, but the weight is not 0 yet, or again: weight 0, from when it began',
    asked,
    50,
    since(10_000),
    { step: 'drain', since: NOW - 10_000, until: NOW + 20_000 },
  ],
  [
    'begun: wait for the rest',
    asked,
    0,
    since(10_000),
    { step: 'wait', since: NOW - 10_000, until: NOW + 20_000 },
  ],
  [
    'a millisecond before the end: wait',
    asked,
    0,
    since(29_999),
    { step: 'wait', since: NOW - 29_999, until: NOW + 1 },
  ],
  [
    'weight 0 and it is not known since when: wait, from now',
    asked,
    0,
    podRecord('1'),
    { step: 'wait', since: NOW, until: NOW + 30_000 },
  ],
];
test.each(cases)('%s', (_, of, weight, record, expected) => {
  expect(nextDrainStep(of, { weight }, record, NOW)).toEqual(expected);
});

const gone: readonly (readonly [
  string,
  Pick<Claim, 'livePods' | 'liveNodes'>,
  BackendRecord | undefined,
  boolean,
])[] = [
  ['pod and node are there', { livePods: everything, liveNodes: everything }, podRecord('1'), false],
  ['the pod is not', { livePods: nothing, liveNodes: everything }, podRecord('1'), true],
  ['the node is not', { livePods: everything, liveNodes: nothing }, podRecord('1'), true],
  ['the pods are not known', { livePods: undefined, liveNodes: everything }, podRecord('1'), false],
  ['nothing is recorded', { livePods: nothing, liveNodes: nothing }, undefined, false],
  [
    'neither pod nor node is recorded',
    { livePods: nothing, liveNodes: nothing },
    podRecord('1', { podUID: undefined, node: undefined }),
    false,
  ],
];
test.each(gone)('gone or not: %s', (_, live, record, expected) => {
  expect(isGone(live, record)).toBe(expected);
});
