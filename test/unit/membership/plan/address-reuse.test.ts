import { expect, test } from '@jest/globals';
import type { Row } from '../../../../src/membership/backend.ts';
import type { Claim } from '../../../../src/membership/plan/claim.ts';
import { claim, eniMember, eniRow, members, own, Turns, tag, written } from '../builders.ts';

/* A pod's freed address goes to another pod: the live pod ends up in the group, the dead one does not. */

const oldPod = eniMember('1', { pod: 'old', podUID: 'old' });
const newPod = eniMember('1', { pod: 'new', podUID: 'new' });
const wants = (...pods: readonly (typeof oldPod)[]) => ({ desired: members(...pods) });
/** The address is on `eni-1` for the old pod, and on this ENI for the new pod. */
const eni = (ofNew: string | undefined) => ({
  eniOf: (_: string, uid: string | undefined) => (uid === 'new' ? ofNew : 'eni-1'),
});
const moments: readonly (readonly [string, Partial<Claim>, (turns: Turns, of: Partial<Claim>) => void])[] = [
  ['without a gap', {}, () => {}],
  ['while the removal waits to be sent', {}, (turns, of) => turns.lose([claim('web', of)])],
  ['after the removal', {}, (turns, of) => turns.turn([claim('web', of)])],
  [
    'at the start of a drain, not carried out yet',
    { drainMs: 9_000 },
    (turns, of) => turns.lose([claim('web', of)]),
  ],
  ['during a drain', { drainMs: 9_000 }, (turns, of) => turns.turn([claim('web', of)])],
  [
    'after a drain, while the removal waits to be sent',
    { drainMs: 9_000 },
    (turns, of) => {
      turns.turn([claim('web', of)]);
      turns.lose([claim('web', of)], { now: 1_009_000 });
    },
  ],
  ['while minBackends holds the row', { minBackends: 1 }, (turns, of) => turns.turn([claim('web', of)])],
];

const begun = (of: Partial<Claim>) => {
  const turns = new Turns([]);
  turns.turn([claim('web', { ...of, ...wants(oldPod) })], eni(undefined));
  turns.turn([claim('web', { ...of, ...wants(oldPod) })], eni(undefined));
  return turns;
};

test.each(moments)('the same ENI, %s: the row serves the new pod', (_, of, leave) => {
  const turns = begun(of);
  leave(turns, of);
  const back = [claim('web', { ...of, ...wants(newPod) })];
  turns.turn(back, { ...eni('eni-1'), now: 1_009_000 });
  expect(turns.rows).toEqual([own(eniRow('1'))]);
  const settled = turns.turn(back, { ...eni('eni-1'), now: 1_009_000 });
  expect(settled.batches).toEqual([]);
  expect([...(settled.reports[0]?.records.values() ?? [])]).toMatchObject([
    { state: 'Registered', podUID: 'new' },
  ]);
});

test.each(moments)(
  'another ENI, %s: the old row leaves at once, the pod is added at its own',
  (_, of, leave) => {
    const turns = begun(of);
    leave(turns, of);
    const back = [claim('web', { ...of, ...wants(newPod) })];
    for (let i = 0; i < 2; i++) turns.turn(back, { ...eni('eni-9'), now: 1_009_000 });
    expect(turns.rows).toEqual([own(eniRow('1', { serverId: 'eni-9' }))]);
    expect(turns.turn(back, { ...eni('eni-9'), now: 1_009_000 }).batches).toEqual([]);
  },
);

test.each(moments)('an ENI that is found out late, %s: it is asked for until it is known', (_, of, leave) => {
  const turns = begun(of);
  leave(turns, of);
  const back = [claim('web', { ...of, ...wants(newPod) })];
  for (let i = 0; i < 3; i++) {
    expect(turns.turn(back, { ...eni(undefined), now: 1_009_000 }).lookups).toMatchObject([
      { podUID: 'new' },
    ]);
  }
  for (let i = 0; i < 2; i++) turns.turn(back, { ...eni('eni-9'), now: 1_009_000 });
  expect(turns.rows).toEqual([own(eniRow('1', { serverId: 'eni-9' }))]);
});

test('a row that is known by its tag alone (the status was lost) is checked like a reused address', () => {
  const turns = new Turns([own(eniRow('1'))]);
  const back = [claim('web', wants(newPod))];
  expect(turns.turn(back, eni(undefined)).lookups).toMatchObject([{ podUID: 'new' }]);
  expect(turns.turn(back, eni('eni-1')).lookups).toEqual([]);
});

test('the address goes to a pod of another binding on the group: the row changes hands, and is not removed', () => {
  const turns = begun({});
  const both = [claim('other', wants(newPod)), claim('web')];
  expect(turns.turn(both, eni('eni-1')).batches).toEqual([]);
  const [other, web] = turns.turn(both, eni('eni-1')).reports;
  expect([other?.records.size, web?.records.size]).toEqual([1, 0]);
});

test('the address goes to a pod of another binding at another ENI: the old row leaves, the new one is added', () => {
  const turns = begun({});
  const both = [claim('other', wants(newPod)), claim('web')];
  turns.turn(both, eni('eni-9'));
  expect(turns.rows).toEqual([eniRow('1', { serverId: 'eni-9', description: tag('other') })]);
});

test('the address goes to a pod of nobody: the row leaves', () => {
  const turns = begun({});
  expect(written(turns.turn([claim('web')]))).toEqual([['remove eni-1/1:8080']]);
});

test('the pod of a reused address leaves before its ENI was known: it is drained, not taken for the dead one', () => {
  const turns = begun({});
  const of = { drainMs: 9_000, livePods: { has: (uid: string) => uid === 'new' } };
  turns.turn([claim('web', { ...of, ...wants(newPod) })], eni(undefined));
  expect(written(turns.turn([claim('web', of)], eni(undefined)))).toEqual([['set eni-1/1:8080*0']]);
});

const adopted = (weight: number): Row => eniRow('1', { description: 'k8s/web', weight });
test.each([
  ['during the drain', 1_000_500],
  ['when the drain is over but the row not removed yet', 1_009_000],
])('RemoveOnly gives the weight back that the row had, %s, whatever calls are lost', (_, now) => {
  const of = { mode: 'RemoveOnly', drainMs: 9_000 } as const;
  const turns = new Turns([adopted(40)]);
  const wanting = [claim('web', { ...of, ...wants(oldPod) })];
  turns.turn(wanting);
  turns.turn([claim('web', of)]);
  expect(turns.rows).toEqual([adopted(0)]);
  turns.lose([claim('web', of)], { now });
  for (let i = 0; i < 3; i++) turns.lose(wanting, { now });
  turns.turn(wanting, { now });
  expect(turns.rows).toEqual([adopted(40)]);
});

test('a binding that is suspended during a drain and goes on later gives the weight back', () => {
  const of = { mode: 'RemoveOnly', drainMs: 9_000 } as const;
  const turns = new Turns([adopted(40)]);
  turns.turn([claim('web', { ...of, ...wants(oldPod) })]);
  turns.turn([claim('web', of)]);
  turns.turn([claim('web', { ...of, suspended: true })]);
  turns.turn([claim('web', { ...of, ...wants(oldPod) })]);
  expect(turns.rows).toEqual([adopted(40)]);
});

test('a weight of 0 that somebody gave by hand is none of RemoveOnly’s business', () => {
  const wanting = [claim('web', { mode: 'RemoveOnly', drainMs: 9_000, ...wants(oldPod) })];
  const turns = new Turns([adopted(0)]);
  turns.turn(wanting);
  turns.turn([claim('web', { mode: 'RemoveOnly', drainMs: 9_000 })]);
  turns.turn(wanting);
  expect(turns.rows).toEqual([adopted(0)]);
});

test('while two rows stand for one member, either may go without the member being missed', () => {
  const row = own(eniRow('1'));
  const twin = own(eniRow('1', { serverId: 'eni-twin' }));
  const of = { desired: members(eniMember('1')) };
  for (const left of [[row, twin], [twin], [row]]) {
    const { batches, reports } = new Turns(left).turn([claim('web', of)], { eniOf: () => undefined });
    expect(batches).toEqual([]);
    expect(reports[0]?.pending).toEqual([]);
  }
});
