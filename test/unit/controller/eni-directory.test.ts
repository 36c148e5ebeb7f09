import { expect, test } from '@jest/globals';
import { type GroupKey, groupKey } from '../../../src/controller/cluster-caches.ts';
import { EniDirectory } from '../../../src/controller/eni-directory.ts';
import { eniMember } from '../membership/builders.ts';
import { FakeEnis } from './fake-cloud.ts';

const REGION = 'cn-hangzhou';
const GROUP = groupKey(REGION, 'rsp-1');

function directory() {
  const enis = new FakeEnis();
  const woken: GroupKey[] = [];
  return { enis, woken, known: new EniDirectory(enis, (key) => woken.push(key)) };
}

test('an ENI is known for the pod that was looked up, and for no other pod or region', () => {
  const { known } = directory();
  known.resolve(REGION, [eniMember('1')], GROUP);
  expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBe('eni-10.0.0.1');
  expect(known.eniOf(REGION, '10.0.0.1', 'uid-2')).toBeUndefined();
  expect(known.eniOf('cn-beijing', '10.0.0.1', 'uid-1')).toBeUndefined();
});

test('the version is another one after each change of what is known, and the same until then', () => {
  const { enis, known } = directory();
  const versions = [known.version];
  known.resolve(REGION, [eniMember('1')], GROUP);
  versions.push(known.version);
  known.eniOf(REGION, '10.0.0.1', 'uid-1');
  enis.answers.set('10.0.0.2', { state: 'pending' });
  known.resolve(REGION, [eniMember('2')], GROUP);
  expect(known.version).toBe(versions.at(-1));
  enis.answers.set('10.0.0.1', { state: 'pending' });
  known.resolve(REGION, [eniMember('1', { podUID: 'uid-next' })], GROUP);
  expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBeUndefined();
  versions.push(known.version);
  known.forget(REGION, '10.0.0.1');
  versions.push(known.version);
  expect(new Set(versions).size).toBe(versions.length);
});

test('a group that waits for an address is woken once it is resolved', () => {
  const { enis, woken, known } = directory();
  enis.answers.set('10.0.0.1', { state: 'pending' });
  const { found, missing } = known.resolve(REGION, [eniMember('1')], GROUP);
  expect([found, missing.length, woken]).toEqual([0, 1, []]);
  enis.answer('10.0.0.1', { state: 'found', eniId: 'eni-1' });
  expect(woken).toEqual([GROUP]);
});
