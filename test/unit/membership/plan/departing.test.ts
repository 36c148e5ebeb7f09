import { expect, test } from '@jest/globals';
import type { Desired, Member } from '../../../../src/membership/desired/member.ts';
import {
  claim,
  eniMember,
  eniRow,
  members,
  own,
  plan,
  states,
  Turns,
  undetermined,
  written,
} from '../builders.ts';

const departing = { departing: true } as const;
const web = (...wanted: readonly Member[]) => claim('web', { desired: members(...wanted) });

for (const mode of ['Sync', 'RemoveOnly'] as const) {
  test(`${mode}: what departs gets weight 0 at once, keeps its place, and has its weight again when its node stays`, () => {
    const group = new Turns([own(eniRow('1', { weight: 70 })), own(eniRow('2', { weight: 70 }))]);
    const wanting = (change: Partial<Member>) =>
      claim('web', {
        mode,
        desired: members(eniMember('1', { weight: 70, ...change }), eniMember('2', { weight: 70 })),
      });
    expect(written(group.turn([wanting(departing)]))).toEqual([['set eni-1/1:8080*0']]);
    const rested = group.turn([wanting(departing)], { now: 99_000_000 });
    expect(written(rested)).toEqual([]);
    expect(states(rested)).toEqual({ 'eni-1': 'Draining', 'eni-2': 'Registered' });
    expect(written(group.turn([wanting({})]))).toEqual([['set eni-1/1:8080*70']]);
  });

  test(`${mode}: what departs has its weight again when no other is left to take requests`, () => {
    const group = new Turns([own(eniRow('1')), own(eniRow('2'))]);
    const wanting = (...wanted: readonly Member[]) => claim('web', { mode, desired: members(...wanted) });
    group.turn([wanting(eniMember('1', departing), eniMember('2'))]);
    const last = group.turn([wanting(eniMember('1', departing))]);
    expect(written(last)).toEqual([['set eni-1/1:8080*100'], ['remove eni-2/2:8080']]);
  });
}

test.each<[string, readonly Member[]]>([
  ['all depart', [eniMember('1', departing), eniMember('2', departing)]],
  ['the others are last resorts', [eniMember('1', departing), eniMember('2', { lastResort: true })]],
  ['the others are drained', [eniMember('1', departing), eniMember('2', { drained: true })]],
])('what departs keeps its weight where %s', (_, wanted) => {
  const rows = [own(eniRow('1')), own(eniRow('2', { weight: wanted[1]?.drained ? 0 : 100 }))];
  expect(written(plan({ rows, claims: [web(...wanted)] }))).toEqual([]);
});

test('… and where the others in the group have weight 0, or are rows of somebody else', () => {
  const rows = [own(eniRow('1')), own(eniRow('2', { weight: 0 })), eniRow('3')];
  const wanted = [eniMember('1', departing), eniMember('2', { weight: 0 })];
  expect(written(plan({ rows, claims: [web(...wanted)] }))).toEqual([]);
});

test('a member of another binding on the group takes the requests, too', () => {
  const rows = [own(eniRow('1')), own(eniRow('2'), { description: 'vsgb/c/shop/api' })];
  const api = claim('api', { desired: members(eniMember('2')) });
  const { batches } = plan({ rows, claims: [api, web(eniMember('1', departing))] });
  expect(written({ batches })).toEqual([['set eni-1/1:8080*0']]);
});

test('the last to take requests rest once those that replace them are in, not before', () => {
  const group = new Turns([own(eniRow('1'))]);
  const wanted = [web(eniMember('1', departing), eniMember('2'))];
  expect(written(group.turn(wanted))).toEqual([['add eni-2/2:8080*100']]);
  expect(written(group.turn(wanted))).toEqual([['set eni-1/1:8080*0']]);
  expect(written(group.turn(wanted))).toEqual([]);
});

test('what departs joins with weight 0; with its weight where nothing else takes requests', () => {
  const wanted = [web(eniMember('1', departing), eniMember('2'))];
  expect(written(plan({ rows: [own(eniRow('2'))], claims: wanted }))).toEqual([['add eni-1/1:8080*0']]);
  expect(written(plan({ claims: [web(eniMember('1', departing))] }))).toEqual([['add eni-1/1:8080*100']]);
});

test('what an undetermined binding keeps departs as any other, and takes the requests of what departs', () => {
  const group = new Turns([own(eniRow('1')), own(eniRow('2'))]);
  const turn = (desired: Desired) => written(group.turn([claim('web', { desired })]));
  expect(turn(members(eniMember('1', departing), eniMember('2')))).toEqual([['set eni-1/1:8080*0']]);
  expect(turn(undetermined(eniMember('1', departing), eniMember('2')))).toEqual([]);
  expect(turn(undetermined(eniMember('1', departing), eniMember('2', { lastResort: true })))).toEqual([
    ['set eni-1/1:8080*100'],
  ]);
  expect(turn(undetermined(eniMember('1', departing), eniMember('2')))).toEqual([['set eni-1/1:8080*0']]);
  expect(turn(undetermined(eniMember('1', departing)))).toEqual([
    ['set eni-1/1:8080*100'],
    ['remove eni-2/2:8080'],
  ]);
});

test('what has departed leaves as any other', () => {
  const group = new Turns([own(eniRow('1')), own(eniRow('2'))]);
  group.turn([web(eniMember('1', departing), eniMember('2'))]);
  expect(written(group.turn([web(eniMember('2'))]))).toEqual([['remove eni-1/1:8080']]);
});
