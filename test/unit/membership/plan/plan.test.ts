import { expect, test } from '@jest/globals';
import type { BackendKey, Row } from '../../../../src/membership/backend.ts';
import { backendKey } from '../../../../src/membership/backend.ts';
import type { Member } from '../../../../src/membership/desired/member.ts';
import type { Claim } from '../../../../src/membership/plan/claim.ts';
import {
  claim,
  ecsMember,
  ecsRow,
  eniMember,
  eniRow,
  everything,
  members,
  own,
  type PlanChange,
  plan,
  podRecord,
  record,
  recordsOf,
  states,
  Turns,
  tag,
  undetermined,
  written,
} from '../builders.ts';

const wants = (...names: readonly string[]) => ({
  desired: members(...names.map((name) => eniMember(name))),
});
const removeOnly = { mode: 'RemoveOnly' } as const;
const exclusive = { ownership: 'Exclusive' } as const;
const manual = (name: string, change: Partial<Row> = {}) =>
  eniRow(name, { description: 'manual', ...change });

/** One backend replaces another. */
const swap = { rows: [own(eniRow('1'))], claims: [claim('web', wants('2'))] };
const gone = [['remove eni-1/1:8080']];
const alone = { records: recordsOf(podRecord('1')) };
const nothing = { has: () => false };
const nowhere = () => undefined;

const cases: readonly (readonly [string, PlanChange, readonly (readonly string[])[]])[] = [
  /* The rows of the table over planGroup. */
  [
    'untouched: nothing is done to what a suspended binding owns',
    { rows: [own(eniRow('1'))], claims: [claim('web', { suspended: true })] },
    [],
  ],
  [
    'kept: nothing is done to a row as it should be',
    { rows: [own(eniRow('1'))], claims: [claim('web', wants('1'))] },
    [],
  ],
  [
    'kept: Sync corrects a weight that was changed by hand',
    { rows: [own(eniRow('1', { weight: 7 }))], claims: [claim('web', wants('1'))] },
    [['set eni-1/1:8080*100']],
  ],
  [
    'kept: RemoveOnly leaves a weight as it is',
    { rows: [own(eniRow('1', { weight: 7 }))], claims: [claim('web', { ...wants('1'), ...removeOnly })] },
    [],
  ],
  [
    'leaving: removed at once',
    { rows: [own(eniRow('1'))], claims: [claim('web')] },
    [['remove eni-1/1:8080']],
  ],
  [
    'leaving: drained first',
    { rows: [own(eniRow('1'))], claims: [claim('web', { drainMs: 9 })] },
    [['set eni-1/1:8080*0']],
  ],
  [
    'leaving: held by minBackends',
    { rows: [own(eniRow('1'))], claims: [claim('web', { minBackends: 1 })] },
    [],
  ],
  [
    'moved: removed without a drain, and the pod added at its new ENI',
    {
      rows: [own(eniRow('1', { serverId: 'eni-old' })), own(eniRow('2'))],
      claims: [claim('web', { ...wants('1', '2'), drainMs: 9 })],
    },
    [['remove eni-old/1:8080'], ['add eni-1/1:8080*100']],
  ],
  ['foreign: a row by hand is left alone', { rows: [manual('1')], claims: [claim('web')] }, []],
  [
    'foreign: a row by hand for a pod of ours is left alone by Sync',
    { rows: [manual('1', { weight: 7 })], claims: [claim('web', wants('1'))] },
    [],
  ],
  [
    'no row, wanted by Sync: added',
    { claims: [claim('web', wants('1', '2'))] },
    [['add eni-1/1:8080*100', 'add eni-2/2:8080*100']],
  ],
  [
    'no row, wanted by RemoveOnly: not added',
    { claims: [claim('web', { ...wants('1'), ...removeOnly })] },
    [],
  ],
  [
    'no row, and the binding may not add yet: not added',
    { claims: [claim('web', { ...wants('1'), mayAdd: false })] },
    [],
  ],
  [
    'no row, and its ENI is not known: the others go on',
    { claims: [claim('web', wants('1', '2'))], eniOf: (ip) => (ip === '10.0.0.1' ? undefined : 'eni-2') },
    [['add eni-2/2:8080*100']],
  ],
  [
    'a weight is not corrected while the weights of the pods are not known',
    { rows: [own(eniRow('1', { weight: 7 }))], claims: [claim('web', { ...wants('1'), mayAdd: false })] },
    [],
  ],

  /* Instances. */
  [
    'an instance on several ports is a row on each',
    {
      rows: [own(ecsRow('n1'))],
      claims: [claim('web', { desired: members(ecsMember('n1'), ecsMember('n1', { port: 31000 })) })],
    },
    [['add i-n1:31000*100']],
  ],
  [
    'a nodePort that changes moves all rows, and one batch of new ones goes first',
    {
      rows: [own(ecsRow('n1')), own(ecsRow('n2'))],
      claims: [
        claim('web', {
          desired: members(ecsMember('n1', { port: 31000 }), ecsMember('n2', { port: 31000 })),
        }),
      ],
    },
    [
      ['add i-n1:31000*100', 'add i-n2:31000*100'],
      ['remove i-n1:30080', 'remove i-n2:30080'],
    ],
  ],
  [
    'a change from eni to ecs replaces pods by instances',
    { rows: [own(eniRow('1'))], claims: [claim('web', { desired: members(ecsMember('n1')) })] },
    [['add i-n1:30080*100'], ['remove eni-1/1:8080']],
  ],

  /* Several bindings. */
  [
    'the same pod in two bindings is added once',
    { claims: [claim('a', wants('1')), claim('web', wants('1'))] },
    [['add eni-1/1:8080*100']],
  ],
  [
    '… by the second when the first may not add',
    { claims: [claim('a', { ...wants('1'), ...removeOnly }), claim('web', wants('1'))] },
    [['add eni-1/1:8080*100']],
  ],
  [
    'what one binding wants no longer and another one wants stays',
    { rows: [own(eniRow('1'))], claims: [claim('a', wants('1')), claim('web')] },
    [],
  ],
  [
    'of two Sync bindings the first decides the weight, whoever added the row',
    {
      rows: [own(eniRow('1'))],
      claims: [claim('a', { desired: members(eniMember('1', { weight: 30 })) }), claim('web', wants('1'))],
    },
    [['set eni-1/1:8080*30']],
  ],
  [
    'of Sync and RemoveOnly Sync decides the weight',
    {
      rows: [own(eniRow('1', { weight: 30 }))],
      claims: [claim('a', { ...wants('1'), ...removeOnly }), claim('web', wants('1'))],
    },
    [['set eni-1/1:8080*100']],
  ],
  [
    'two clusters on one group leave each other alone',
    { rows: [eniRow('1', { description: 'vsgb/other/shop/web' }), own(eniRow('2'))], claims: [claim('web')] },
    [['remove eni-2/2:8080']],
  ],
  [
    'a binding that is deleted leaves what another one wants',
    {
      rows: [own(eniRow('1')), own(eniRow('2'))],
      claims: [claim('a', wants('1')), claim('web', { deleting: true })],
    },
    [['remove eni-2/2:8080']],
  ],

  /* Ownership. */
  [
    'RemoveOnly removes an adopted row once its pod has left',
    { rows: [manual('1')], claims: [claim('web', { ...removeOnly, records: recordsOf(podRecord('1')) })] },
    [['remove eni-1/1:8080']],
  ],
  [
    'RemoveOnly leaves rows alone that were never its pods’',
    { rows: [manual('1')], claims: [claim('web', removeOnly)] },
    [],
  ],
  [
    'Exclusive clears strangers, and keeps those that are its pods',
    { rows: [manual('1'), manual('2')], claims: [claim('web', { ...exclusive, ...wants('1') })] },
    [['remove eni-2/2:8080']],
  ],
  [
    'Exclusive clears nobody while its Service is not found',
    { rows: [manual('1')], claims: [claim('web', { ...exclusive, desired: undetermined() })] },
    [],
  ],
  [
    'Exclusive takes only its own along when it is deleted',
    { rows: [manual('1'), own(eniRow('2'))], claims: [claim('web', { ...exclusive, deleting: true })] },
    [['remove eni-2/2:8080']],
  ],
  [
    'a change from Exclusive to Shared keeps what was taken over',
    {
      rows: [manual('1'), manual('2')],
      claims: [claim('web', { records: recordsOf(podRecord('1')), ...wants('1') })],
    },
    [],
  ],
  [
    'a row that someone removed by hand comes back',
    { rows: [], claims: [claim('web', { ...wants('1'), records: recordsOf(podRecord('1')) })] },
    [['add eni-1/1:8080*100']],
  ],

  /* Undetermined. */
  [
    'undetermined: what is alive stays, what is not leaves, nothing is added',
    {
      rows: [own(eniRow('1')), own(eniRow('2'))],
      claims: [claim('web', { desired: undetermined(eniMember('1'), eniMember('3')) })],
    },
    [['remove eni-2/2:8080']],
  ],

  /* minBackends. */
  [
    'minBackends counts what stays',
    {
      rows: ['1', '2', '3'].map((n) => own(eniRow(n))),
      claims: [claim('web', { ...wants('3'), minBackends: 2 })],
    },
    [['remove eni-2/2:8080']],
  ],
  [
    'minBackends gives a drained row that it holds its weight back',
    {
      rows: [own(eniRow('1', { weight: 0 }))],
      claims: [
        claim('web', {
          minBackends: 1,
          records: recordsOf(podRecord('1', { state: 'Draining', drainingSince: 1 })),
        }),
      ],
    },
    [['set eni-1/1:8080*100']],
  ],
  [
    'minBackends gives no weight to a row that it holds while its node is drained',
    {
      rows: [own(eniRow('1', { weight: 0 }))],
      claims: [
        claim('web', {
          minBackends: 1,
          drainedNodes: everything,
          records: recordsOf(podRecord('1', { state: 'Draining', drainingSince: 1 })),
        }),
      ],
    },
    [],
  ],
  [
    'minBackends holds a row of a drained node with weight 0',
    {
      rows: [own(eniRow('1'))],
      claims: [
        claim('web', { minBackends: 1, drainedNodes: everything, records: recordsOf(podRecord('1')) }),
      ],
    },
    [['set eni-1/1:8080*0']],
  ],
  [
    'minBackends gives no weight to a row whose pod is gone',
    {
      rows: [own(eniRow('1', { weight: 0 }))],
      claims: [
        claim('web', {
          minBackends: 1,
          livePods: { has: () => false },
          records: recordsOf(podRecord('1', { state: 'Draining', drainingSince: 1 })),
        }),
      ],
    },
    [],
  ],
  [
    'minBackends holds nothing of a binding that is deleted',
    { rows: [own(eniRow('1'))], claims: [claim('web', { minBackends: 1, deleting: true })] },
    [['remove eni-1/1:8080']],
  ],

  /* Failures. */
  [
    'a refused addition does not hold up the others',
    { claims: [claim('web', wants('1', '2'))], refused: new Set([backendKey(eniRow('1'))]) },
    [['add eni-2/2:8080*100']],
  ],
  [
    'a refused removal does not hold up the others',
    {
      rows: [own(eniRow('1')), own(eniRow('2'))],
      claims: [claim('web')],
      refused: new Set([backendKey(eniRow('1'))]),
    },
    [['remove eni-2/2:8080']],
  ],
  [
    'a refused weight does not hold up the removal of its row',
    {
      rows: [own(eniRow('1'))],
      claims: [claim('web')],
      refused: { has: (_: BackendKey, action: string) => action === 'set' },
    },
    [['remove eni-1/1:8080']],
  ],
  [
    'additions that wait for room hold no removal back',
    { rows: [own(eniRow('1'))], claims: [claim('web', wants('2'))], additionsBlocked: true, isFull: true },
    [['remove eni-1/1:8080'], ['add eni-2/2:8080*100']],
  ],
  [
    'otherwise the last backend goes after them',
    { rows: [own(eniRow('1'))], claims: [claim('web', wants('2'))] },
    [['add eni-2/2:8080*100'], ['remove eni-1/1:8080']],
  ],

  /* The last backends, while others can't be added. */
  ['an ENI is not known: it lingers', { ...swap, eniOf: nowhere }, []],
  ['the addition is refused: it lingers', { ...swap, refused: new Set([backendKey(eniRow('2'))]) }, []],
  ['additions are blocked: it lingers', { ...swap, additionsBlocked: true }, [['add eni-2/2:8080*100']]],
  [
    'the group was not read: it lingers',
    { rowsAre: 'presumed', rows: [eniRow('1')], claims: [claim('web', { ...wants('2'), ...alone })] },
    [],
  ],
  [
    'with a drain: it lingers',
    { ...swap, claims: [claim('web', { ...wants('2'), drainMs: 9 })], eniOf: nowhere },
    [],
  ],
  [
    'on a drained node: it lingers',
    {
      ...swap,
      claims: [claim('web', { desired: members(eniMember('1', { drained: true }), eniMember('2')) })],
      eniOf: nowhere,
    },
    [],
  ],
  ['a node that pods replace: it lingers', { ...swap, rows: [own(ecsRow('n1'))], eniOf: nowhere }, []],
  [
    'a stranger in an Exclusive group: it lingers',
    { rows: [manual('1')], claims: [claim('web', { ...exclusive, ...wants('2') })], eniOf: nowhere },
    [],
  ],
  [
    'the binding may not add yet: it lingers',
    { ...swap, claims: [claim('web', { ...wants('2'), mayAdd: false })] },
    [],
  ],
  [
    '… unless it is not granted',
    { ...swap, claims: [claim('web', { ...wants('2'), mayAdd: false, granted: false })] },
    gone,
  ],
  ['… for 30 s', { ...swap, eniOf: nowhere, leavingForMs: () => 30_000 }, gone],
  [
    '… unless others take requests',
    { rows: [own(eniRow('1')), manual('3')], claims: [claim('web', wants('2'))], eniOf: nowhere },
    gone,
  ],
  [
    '… or its pod is gone',
    { ...swap, claims: [claim('web', { ...wants('2'), ...alone, livePods: nothing })], eniOf: nowhere },
    gone,
  ],
  [
    '… or not Ready',
    { ...swap, claims: [claim('web', { ...wants('2'), ...alone, readyPods: nothing })], eniOf: nowhere },
    gone,
  ],
  [
    '… or its binding is being deleted',
    { ...swap, claims: [claim('a', wants('2')), claim('web', { deleting: true })], eniOf: nowhere },
    gone,
  ],
  [
    '… or the others are to have no weight',
    { ...swap, claims: [claim('web', { desired: members(eniMember('2', { weight: 0 })) })], eniOf: nowhere },
    gone,
  ],
  [
    '… or may never be added, outside the cloud',
    {
      ...swap,
      claims: [claim('web', { desired: members(eniMember('2', { outside: true })) })],
      eniOf: nowhere,
    },
    gone,
  ],
  [
    '… or something else adds them',
    { ...swap, claims: [claim('a', { ...wants('2'), ...removeOnly }), claim('web')], eniOf: nowhere },
    gone,
  ],

  /* Before the group was read. */
  [
    'presumed: what left is removed from its record alone',
    {
      rows: [eniRow('1'), eniRow('2')],
      rowsAre: 'presumed',
      claims: [claim('web', { ...wants('2', '3'), records: recordsOf(podRecord('1'), podRecord('2')) })],
    },
    [['remove eni-1/1:8080']],
  ],
  [
    'presumed: nothing is weighed, drained or added',
    {
      rows: [eniRow('1'), eniRow('2')],
      rowsAre: 'presumed',
      claims: [
        claim('web', {
          desired: members(eniMember('2', { weight: 7 })),
          drainMs: 9,
          records: recordsOf(podRecord('1'), podRecord('2')),
        }),
      ],
    },
    [],
  ],
  [
    'presumed: a drain that is over while nobody watched is ended',
    {
      rows: [eniRow('1')],
      rowsAre: 'presumed',
      now: 10_000,
      claims: [
        claim('web', {
          drainMs: 9_000,
          records: recordsOf(podRecord('1', { state: 'Draining', drainingSince: 1_000 })),
        }),
      ],
    },
    [['remove eni-1/1:8080']],
  ],

  ['no bindings: nothing to do', { rows: [manual('1')] }, []],
];
test.each(cases)('%s', (_, input, expected) => {
  expect(written(plan(input))).toEqual(expected);
});

test('two rows of one address: the one at the ENI of the pod stays', () => {
  const rows = [own(eniRow('1', { serverId: 'eni-old' })), own(eniRow('1'))];
  expect(written(plan({ rows, claims: [claim('web', wants('1'))] }))).toEqual([['remove eni-old/1:8080']]);
});

test("somebody else's old row at an ENI that the address has left does not keep the pod out", () => {
  const input = { rows: [manual('1', { serverId: 'eni-old' })], claims: [claim('web', wants('1'))] };
  expect(plan({ ...input, eniOf: () => undefined }).lookups.map(({ ip }) => ip)).toEqual(['10.0.0.1']);
  expect(written(plan(input))).toEqual([['add eni-1/1:8080*100']]);
});

test('an addition carries the tag of its binding and names its member', () => {
  const [batch] = plan({ claims: [claim('web', wants('1'))] }).batches;
  expect(batch?.changes[0]).toMatchObject({
    claim: 'shop/web',
    row: { ...eniRow('1'), description: tag('web') },
    member: { pod: 'pod-1' },
  });
});

test('an IPv6 pod is added with its address', () => {
  const desired = members(eniMember('6', { slot: '2001:db8::6#8080' as never, ip: '2001:db8::6' }));
  const [batch] = plan({ claims: [claim('web', { desired })], eniOf: () => 'eni-6' }).batches;
  expect(batch?.changes[0]?.row).toMatchObject({ serverId: 'eni-6', serverIp: '2001:db8::6', type: 'eni' });
});

/* What is reported. */

const onTwoRows = (change: Partial<Claim>) =>
  plan({ rows: [own(eniRow('1')), manual('2')], claims: [claim('web', change)] }).reports[0];

test('a report counts the rows that are not of its binding', () => {
  expect(onTwoRows(wants('1'))).toMatchObject({ foreign: 1 });
});

test("a report names members that are in the group as somebody else's row, and those that are not in it", () => {
  const report = onTwoRows(wants('1', '2', '3'));
  expect(report?.foreignMembers.map(({ ip }) => ip)).toEqual(['10.0.0.2']);
  expect(report?.pending.map(({ ip }) => ip)).toEqual(['10.0.0.3']);
});

test('a member that another binding adds is pending for both', () => {
  const { reports } = plan({ claims: [claim('a', wants('1')), claim('web', wants('1'))] });
  expect(reports.map(({ pending }) => pending.length)).toEqual([1, 1]);
});

test('a row that two bindings want is recorded by both: whichever goes last removes it', () => {
  const rows = [eniRow('1', { description: tag('a') })];
  const first = plan({ rows, claims: [claim('a', wants('1')), claim('web', wants('1'))] });
  expect(states(first, 'a')).toEqual({ 'eni-1': 'Registered' });
  expect(states(first, 'web')).toEqual({ 'eni-1': 'Registered' });
  const records = first.reports[1]?.records ?? new Map();
  expect(written(plan({ rows, claims: [claim('web', { records })] }))).toEqual([['remove eni-1/1:8080']]);
});

test('a row that RemoveOnly adopts is recorded with its pod', () => {
  const { reports, lookups } = plan({
    rows: [manual('1')],
    claims: [claim('web', { ...wants('1'), ...removeOnly })],
    eniOf: () => undefined,
  });
  expect([...(reports[0]?.records.values() ?? [])]).toMatchObject([{ state: 'Registered', podUID: 'uid-1' }]);
  expect(lookups).toEqual([]);
});

test('a leaving row is recorded as what is done with it', () => {
  const rows = [own(eniRow('1'))];
  expect(states(plan({ rows, claims: [claim('web')] }))).toEqual({ 'eni-1': 'Removing' });
  expect(states(plan({ rows, claims: [claim('web', { drainMs: 9 })] }))).toEqual({ 'eni-1': 'Draining' });
  expect(states(plan({ rows, claims: [claim('web', { minBackends: 1 })] }))).toEqual({ 'eni-1': 'Held' });
});

test('records are the same object as before when nothing changed', () => {
  const records = plan({ rows: [own(eniRow('1'))], claims: [claim('web', wants('1'))] }).reports[0]?.records;
  const again = plan({
    rows: [own(eniRow('1'))],
    claims: [claim('web', { ...wants('1'), records: records ?? new Map() })],
  });
  expect(again.reports[0]?.records).toBe(records);
});

test('a suspended binding keeps the drain that it was in', () => {
  const records = recordsOf(record(eniRow('1'), { state: 'Draining', drainingSince: 5, podUID: 'uid-1' }));
  const { reports } = plan({
    rows: [own(eniRow('1', { weight: 0 }))],
    claims: [claim('web', { suspended: true, records })],
  });
  expect([...(reports[0]?.records.values() ?? [])]).toMatchObject([
    { state: 'Draining', drainingSince: 5, row: { weight: 100 } },
  ]);
});

test('a suspended Exclusive binding takes no record of strangers', () => {
  const { reports } = plan({
    rows: [manual('1')],
    claims: [claim('web', { ...exclusive, suspended: true })],
  });
  expect(reports[0]?.records.size).toBe(0);
});

const leaving = [
  ['Held', { minBackends: 1 }],
  ['Draining', { drainMs: 9 }],
  ['Removing', {}],
] as const;
const ends = [
  ['is Shared', { ownership: 'Shared' }],
  ['is deleted', { deleting: true }],
  ['does not know what it wants', { desired: undetermined() }],
] as const;

test.each(leaving.flatMap(([state, by]) => ends.map(([end, change]) => ({ state, by, end, change }))))(
  'a row of others that an Exclusive binding records as $state stays, with its weight, once the binding $end',
  ({ state, by, change }) => {
    const group = new Turns([manual('1', { weight: 70 })]);
    const web = claim('web', { ...exclusive, ...by });
    const first = group.turn([web], {}, state === 'Draining');
    expect(states(first)).toEqual({ 'eni-1': state });
    expect(first.reports[0]?.foreign).toBe(1);
    group.turn([{ ...web, ...change }]);
    expect(group.rows).toEqual([manual('1', { weight: 70 })]);
    const last = group.turn([{ ...web, ...change }]);
    expect([written(last), states(last)]).toEqual([[], {}]);
  },
);

test('and gets no weight while the binding is suspended, nor again if the load balancer refuses it', () => {
  const web = claim('web', { ...exclusive, drainMs: 9 });
  const group = new Turns([manual('1')]);
  group.turn([web]);
  expect(written(group.turn([{ ...web, suspended: true }]))).toEqual([]);
  expect(written(group.lose([claim('web')]))).toEqual([['set eni-1/1:8080*100']]);
  const refused = { has: (_: BackendKey, action: string) => action === 'set' };
  group.turn([claim('web')], { refused });
  expect(written(group.turn([claim('web')]))).toEqual([]);
});

test('the next drain to end says when to plan again', () => {
  const drained = (name: string, drainingSince: number) =>
    podRecord(name, { state: 'Draining', drainingSince });
  const { wakeAt } = plan({
    rows: [own(eniRow('1', { weight: 0 })), own(eniRow('2', { weight: 0 })), own(eniRow('3'))],
    claims: [
      claim('web', { drainMs: 1_000, records: recordsOf(drained('1', 999_500), drained('2', 999_200)) }),
    ],
  });
  expect(wakeAt).toBe(1_000_200);
});

test('what lingers is registered, and named, with when that ends', () => {
  const claims = [claim('web', { ...wants('2'), drainMs: 60_000 })];
  const { lingering, wakeAt, reports } = plan({
    ...{ ...swap, claims, eniOf: nowhere },
    leavingForMs: () => 1_000,
  });
  expect([...(reports[0]?.records.values() ?? [])]).toMatchObject([
    { state: 'Registered', drainingSince: undefined },
  ]);
  expect([lingering, wakeAt]).toEqual([[backendKey(eniRow('1'))], 1_029_000]);
  expect(reports[0]?.pending.map(({ ip }) => ip)).toEqual(['10.0.0.2']);
});

test('a binding that is not in the order of the others changes no other binding’s rows', () => {
  const rows = [own(eniRow('1')), eniRow('2', { description: tag('a') })];
  const forwards = plan({ rows, claims: [claim('a'), claim('web')] });
  const backwards = plan({ rows, claims: [claim('web'), claim('a')] });
  expect(backwards.batches).toEqual(forwards.batches);
});

const drained = { drained: true } as const;

for (const mode of ['Sync', 'RemoveOnly'] as const) {
  test(`${mode}: a row on a drained node gets weight 0, keeps its place, and has its weight again afterwards`, () => {
    const group = new Turns([own(eniRow('1', { weight: 70 })), own(eniRow('2', { weight: 70 }))]);
    const wanting = (change: Partial<Member>) =>
      claim('web', {
        mode,
        drainMs: 1_000,
        desired: members(eniMember('1', { weight: 70, ...change }), eniMember('2', { weight: 70 })),
      });
    expect(written(group.turn([wanting(drained)]))).toEqual([['set eni-1/1:8080*0']]);
    const rested = group.turn([wanting(drained)], { now: 99_000_000 });
    expect(written(rested)).toEqual([]);
    expect(states(rested)).toEqual({ 'eni-1': 'Draining', 'eni-2': 'Registered' });
    expect(rested.wakeAt).toBeUndefined();
    expect(written(group.turn([wanting({})]))).toEqual([['set eni-1/1:8080*70']]);
    expect(states(group.turn([wanting({})]))).toEqual({ 'eni-1': 'Registered', 'eni-2': 'Registered' });
  });
}

test('what an undetermined binding keeps has weight 0 while its node is drained, in every mode, and its weight afterwards', () => {
  for (const mode of ['Sync', 'RemoveOnly'] as const) {
    const group = new Turns([own(eniRow('1', { weight: 70 })), own(eniRow('2', { weight: 70 }))]);
    const turn = (desired: Claim['desired']) => written(group.turn([claim('web', { mode, desired })]));
    const known = (change: Partial<Member>) =>
      members(eniMember('1', { weight: 70, ...change }), eniMember('2', { weight: 70 }));
    const unknown = (change: Partial<Member>) => undetermined(eniMember('1', change), eniMember('2'));
    expect(turn(known(drained))).toEqual([['set eni-1/1:8080*0']]);
    expect(turn(unknown(drained))).toEqual([]);
    expect(turn(unknown({}))).toEqual([['set eni-1/1:8080*70']]);
    expect(turn(unknown(drained))).toEqual([['set eni-1/1:8080*0']]);
    expect(turn(unknown(drained))).toEqual([]);
    expect(turn(known({}))).toEqual([['set eni-1/1:8080*70']]);
  }
});

test('a drain of a node takes weight before others get theirs, and before additions', () => {
  const wanted = [eniMember('1', drained), eniMember('2'), eniMember('3'), eniMember('4', drained)];
  const rows = [own(eniRow('1')), own(eniRow('2', { weight: 7 }))];
  const { batches } = plan({ rows, claims: [claim('web', { desired: members(...wanted) })] });
  expect(batches.map(({ action, urgent }) => [action, urgent])).toEqual([
    ['set', true],
    ['add', false],
  ]);
  expect(written({ batches })).toEqual([
    ['set eni-1/1:8080*0', 'set eni-2/2:8080*100'],
    ['add eni-3/3:8080*100', 'add eni-4/4:8080*0'],
  ]);
});

test('a pod that leaves a drained node leaves as any other', () => {
  const group = new Turns([own(eniRow('1')), own(eniRow('2'))]);
  const web = (...left: readonly Member[]) => claim('web', { drainMs: 1_000, desired: members(...left) });
  group.turn([web(eniMember('1', drained), eniMember('2'))]);
  const leaving = group.turn([web(eniMember('2'))], { now: 1_000_000 });
  expect([written(leaving), leaving.wakeAt]).toEqual([[], 1_001_000]);
  expect(written(group.turn([web(eniMember('2'))], { now: 1_001_000 }))).toEqual([['remove eni-1/1:8080']]);
});
