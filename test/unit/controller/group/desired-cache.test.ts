import { expect, test } from '@jest/globals';
import { DesiredCache } from '../../../../src/controller/group/desired-cache.ts';
import type { Desired, Member } from '../../../../src/membership/desired/desired.ts';
import { eniMember } from '../../membership/builders.ts';

const wanting = (...members: readonly Member[]): Desired => ({ kind: 'members', members, problems: [] });

function membersOf(desired: Desired): readonly Member[] {
  if (desired.kind !== 'members') throw new Error('expected members');
  return desired.members;
}

test.each([
  ['as long as all that it depends on is the same', [1, 'a'], 1],
  ['again for another value', [1, 'b'], 2],
  ['again for one more', [1, 'a', undefined], 2],
  ['again for one less', [1], 2],
])('what a binding wants is computed once, %s', (_, next, times) => {
  const cache = new DesiredCache();
  let computed = 0;
  const compute = () => {
    computed++;
    return wanting(eniMember('1'));
  };
  const first = cache.get('uid', [1, 'a'], compute);
  const second = cache.get('uid', next, compute);
  expect(computed).toBe(times);
  expect(second === first).toBe(times === 1);
});

test('another binding, and one that has come again, is asked anew', () => {
  const cache = new DesiredCache();
  cache.get('uid-1', [1], () => wanting(eniMember('1')));
  expect(cache.get('uid-2', [1], () => wanting())).toEqual(wanting());
  cache.forget('uid-1');
  expect(cache.get('uid-1', [1], () => wanting())).toEqual(wanting());
});

test('members that are as they were are the objects of before, and all others are new', () => {
  const cache = new DesiredCache();
  const before = membersOf(cache.get('uid', [1], () => wanting(...['1', '2', '3'].map((n) => eniMember(n)))));
  const next = [eniMember('1'), eniMember('3', { weight: 7 }), eniMember('4')];
  const now = membersOf(cache.get('uid', [2], () => wanting(...next)));
  expect(now).toEqual(next);
  expect(now.map((member) => before.includes(member))).toEqual([true, false, false]);
});

test('a binding that can no longer tell what it wants keeps no members', () => {
  const cache = new DesiredCache();
  const lost: Desired = {
    kind: 'undetermined',
    alive: new Set(),
    problem: { reason: 'ServiceNotFound', message: 'gone' },
  };
  cache.get('uid', [1], () => wanting(eniMember('1')));
  expect(cache.get('uid', [2], () => lost)).toBe(lost);
});
