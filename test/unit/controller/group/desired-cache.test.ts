import { expect, test } from '@jest/globals';
import { DesiredCache } from '../../../../src/controller/group/desired-cache.ts';
import { type Desired, type Member, wantMembers } from '../../../../src/membership/desired/member.ts';
import { eniMember, undetermined } from '../../membership/builders.ts';

const wanting = (...members: readonly Member[]): Desired => wantMembers(members);

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
  const first = cache.get('uid', [1, 'a'], 0, compute);
  const second = cache.get('uid', next, 0, compute);
  expect(computed).toBe(times);
  expect(second === first).toBe(times === 1);
});

test('another binding, and one that has come again, is asked anew', () => {
  const cache = new DesiredCache();
  cache.get('uid-1', [1], 0, () => wanting(eniMember('1')));
  expect(cache.get('uid-2', [1], 0, () => wanting())).toEqual(wanting());
  cache.forget('uid-1');
  expect(cache.get('uid-1', [1], 0, () => wanting())).toEqual(wanting());
});

test.each([
  ['members', wanting(eniMember('1'))],
  ['undetermined', undetermined(eniMember('1'))],
])('what holds for a while only is computed again after that: %s', (_, desired) => {
  const cache = new DesiredCache();
  let computed = 0;
  const compute = () => {
    computed++;
    return { ...desired, until: 10 };
  };
  for (const now of [0, 9, 10]) cache.get('uid', [1], now, compute);
  expect(computed).toBe(2);
});
