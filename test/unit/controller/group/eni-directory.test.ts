import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { createEniResolver } from '../../../../src/alibaba/eni-resolver.ts';
import { type GroupKey, groupKey } from '../../../../src/controller/cluster/cluster-caches.ts';
import { EniDirectory } from '../../../../src/controller/group/eni-directory.ts';
import type { Member } from '../../../../src/membership/desired/member.ts';
import { eniMember } from '../../membership/builders.ts';
import { FakeEnis } from './fake-cloud.ts';

const REGION = 'cn-hangzhou';
const GROUP = groupKey(REGION, 'rsp-1');

function withoutPod({ pod: _, podUID: __, ...member }: Member): Member {
  return member;
}

function directory() {
  const enis = new FakeEnis();
  const woken: GroupKey[] = [];
  return { enis, woken, known: new EniDirectory(enis, (key) => woken.push(key)) };
}

const resolvers: { close(): void }[] = [];

afterEach(() => {
  for (const resolver of resolvers.splice(0)) resolver.close();
});

/** A directory that asks ECS, where the ENI of 10.0.0.1 is `eniId` until it moves. */
function withResolver(eniId: string) {
  const clock = new FakeClock();
  let id = eniId;
  const describeNetworkInterfaces = async () => [
    { networkInterfaceId: id, privateIps: ['10.0.0.1'], prefixes: [], status: 'InUse' },
  ];
  const resolver = createEniResolver({ ecs: { describeNetworkInterfaces }, clock });
  resolvers.push(resolver);
  const woken: GroupKey[] = [];
  const moveTo = (next: string) => {
    id = next;
  };
  return { clock, woken, moveTo, known: new EniDirectory(resolver, (key) => woken.push(key)) };
}

test('an ENI is known for the pod that was looked up, and for no other pod or region', () => {
  const { known } = directory();
  known.resolve(REGION, [eniMember('1')], GROUP);
  expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBe('eni-10.0.0.1');
  expect(known.eniOf(REGION, '10.0.0.1', 'uid-2')).toBeUndefined();
  expect(known.eniOf('cn-beijing', '10.0.0.1', 'uid-1')).toBeUndefined();
});

test('an address that went to another pod is looked up again, and its first pod is forgotten', () => {
  const { enis, known } = directory();
  known.resolve(REGION, [eniMember('1')], GROUP);
  enis.answers.set('10.0.0.1', { state: 'pending' });
  known.resolve(REGION, [eniMember('1', { podUID: 'uid-next' })], GROUP);
  expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBeUndefined();
});

test('a group is woken for no address that it does not ask for any more, and for none once it is gone', () => {
  const { enis, woken, known } = directory();
  for (const ip of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) enis.answers.set(ip, { state: 'pending' });
  known.resolve(REGION, [eniMember('1'), eniMember('2')], GROUP);
  known.resolve(REGION, [eniMember('2'), eniMember('3')], GROUP);
  enis.answer('10.0.0.1', { state: 'found', eniId: 'eni-1' });
  expect(woken).toEqual([]);
  enis.answer('10.0.0.3', { state: 'found', eniId: 'eni-3' });
  expect(woken).toEqual([GROUP]);
  known.resolve(REGION, [eniMember('2')], GROUP);
  known.forgetGroup(GROUP);
  enis.answer('10.0.0.2', { state: 'found', eniId: 'eni-2' });
  known.resolve(REGION, [], GROUP);
  expect(woken).toEqual([GROUP]);
});

test('a pod that is named at an address that was nobody’s within a minute is looked up once', () => {
  const { enis, known } = directory();
  known.refresh(REGION, GROUP, 0, () => [withoutPod(eniMember('1'))]);
  enis.answers.set('10.0.0.1', { state: 'pending' });
  known.resolve(REGION, [eniMember('1')], GROUP);
  enis.answer('10.0.0.1', { state: 'found', eniId: 'eni-1' });
  expect(known.resolve(REGION, [eniMember('1')], GROUP).found).toBe(1);
  expect(enis.invalidated).toEqual(['10.0.0.1']);
});

test('a group that waits for an address is woken once it is resolved', () => {
  const { enis, woken, known } = directory();
  enis.answers.set('10.0.0.1', { state: 'pending' });
  const { found, missing } = known.resolve(REGION, [eniMember('1')], GROUP);
  expect([found, missing.length, woken]).toEqual([0, 1, []]);
  enis.answer('10.0.0.1', { state: 'found', eniId: 'eni-1' });
  expect(woken).toEqual([GROUP]);
});

test('what a group waits for is forgotten, to be looked up anew, when a binding of it changes', () => {
  const { enis, known } = directory();
  enis.answers.set('10.0.0.1', { state: 'missing', since: 0 });
  known.resolve(REGION, [eniMember('1'), eniMember('2')], GROUP);
  known.lookAgain(REGION, GROUP);
  expect(enis.invalidated).toEqual(['10.0.0.1']);
});

describe('a pod whose row left its group', () => {
  function withLeaver() {
    const parts = directory();
    parts.known.noteLeaver(REGION, '10.0.0.1', 'uid-1', 'eni-of-row');
    return parts;
  }

  test('needs no look-up when it is back; until then nothing is known of its address', () => {
    const { enis, known } = withLeaver();
    expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBeUndefined();
    expect(known.resolve(REGION, [eniMember('1')], GROUP)).toEqual({ found: 1, missing: [] });
    expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBe('eni-of-row');
    expect(enis.asked).toEqual([]);
  });

  test.each([
    ['another pod at its address', REGION, eniMember('1', { podUID: 'uid-next' })],
    ['a pod without UID at its address', REGION, withoutPod(eniMember('1'))],
    ['the same pod in another region', 'cn-beijing', eniMember('1')],
  ])('says nothing of %s', (_, regionId, member) => {
    const { enis, known } = withLeaver();
    known.resolve(regionId, [member], GROUP);
    expect(enis.asked).toEqual(['10.0.0.1']);
    expect(known.eniOf(regionId, '10.0.0.1', member.podUID)).toBe('eni-10.0.0.1');
  });

  test('is looked up once the API has refused what was known', () => {
    const { enis, known } = withLeaver();
    known.forget(REGION, '10.0.0.1');
    known.resolve(REGION, [eniMember('1')], GROUP);
    expect(enis.asked).toEqual(['10.0.0.1']);
  });

  test('says nothing against what was looked up', () => {
    const { known } = directory();
    known.resolve(REGION, [eniMember('1')], GROUP);
    known.noteLeaver(REGION, '10.0.0.1', 'uid-1', 'eni-of-row');
    known.resolve(REGION, [eniMember('1')], GROUP);
    expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBe('eni-10.0.0.1');
  });

  test('is forgotten once its address went to another', () => {
    const { enis, known } = withLeaver();
    known.resolve(REGION, [eniMember('1', { podUID: 'uid-next' })], GROUP);
    known.resolve(REGION, [eniMember('1')], GROUP);
    expect(enis.asked).toEqual(['10.0.0.1', '10.0.0.1']);
  });
});

describe('an answer that comes after its pod has left', () => {
  /** The ENI of 10.0.0.1 was looked up for `first`, is `eni-old` by the answer, and `eni-new` since. */
  async function answeredFor(first: Member) {
    const { clock, known, moveTo } = withResolver('eni-old');
    known.resolve(REGION, [first], GROUP);
    known.resolve(REGION, [], GROUP);
    await clock.advance(0);
    moveTo('eni-new');
    return { clock, known };
  }

  test.each([
    ['a pod', eniMember('1')],
    ['an endpoint that names no pod', withoutPod(eniMember('1'))],
  ])('says nothing of the next pod at the address of %s', async (_, first) => {
    const { clock, known } = await answeredFor(first);
    const next = eniMember('1', { podUID: 'uid-next' });
    expect(known.resolve(REGION, [next], GROUP).found).toBe(0);
    await clock.advance(0);
    expect(known.resolve(REGION, [next], GROUP).found).toBe(1);
    expect(known.eniOf(REGION, '10.0.0.1', 'uid-next')).toBe('eni-new');
  });

  test('is that of the same pod when it is back', async () => {
    const { known } = await answeredFor(eniMember('1'));
    expect(known.resolve(REGION, [eniMember('1')], GROUP).found).toBe(1);
    expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBe('eni-old');
  });

  test('to a refresh says nothing of the next pod either', async () => {
    const { clock, known, moveTo } = withResolver('eni-old');
    known.refresh(REGION, GROUP, 0, () => [withoutPod(eniMember('1'))]);
    known.forgetGroup(GROUP);
    await clock.advance(0);
    moveTo('eni-new');
    expect(known.resolve(REGION, [eniMember('1')], GROUP).found).toBe(0);
  });
});

describe('an address of which no pod is named', () => {
  const MINUTE = 60_000;

  test('is asked for again once its answer is 10 minutes old, and its group is woken if it has moved', async () => {
    const { clock, woken, known, moveTo } = withResolver('eni-1');
    const refresh = () => known.refresh(REGION, GROUP, clock.now(), () => [withoutPod(eniMember('1'))]);
    const eni = () => known.eniOf(REGION, '10.0.0.1', undefined);
    refresh();
    await clock.advance(0);
    expect([eni(), woken]).toEqual(['eni-1', [GROUP]]);
    moveTo('eni-2');
    for (let minutes = 5; minutes < 15; minutes += 5) {
      await clock.advance(5 * MINUTE);
      refresh();
    }
    await clock.advance(0);
    expect([eni(), woken]).toEqual(['eni-2', [GROUP, GROUP]]);
  });

  test('says nothing of a pod at it, nor a pod of it', () => {
    const { known } = directory();
    known.resolve(REGION, [eniMember('1')], GROUP);
    expect(known.eniOf(REGION, '10.0.0.1', undefined)).toBeUndefined();
    known.resolve(REGION, [withoutPod(eniMember('1'))], GROUP);
    expect(known.eniOf(REGION, '10.0.0.1', undefined)).toBe('eni-10.0.0.1');
    expect(known.eniOf(REGION, '10.0.0.1', 'uid-1')).toBe('eni-10.0.0.1');
  });
});
