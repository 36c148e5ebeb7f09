import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fateOf, mayGoWithoutGroup } from '../../../../src/controller/binding/unreadable.ts';
import { groupOf, transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import { ownRow, TestCluster } from '../group/cluster.ts';
import { apiError } from '../group/fake-cloud.ts';

const UNREADABLE = { weight: 101 };
const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z' };
const FOREIGN = { serverId: 'i-foreign', port: 30_999, type: 'ecs', weight: 50 } as const;

function binding(spec: object, metadata: object, status?: object) {
  return transformBinding({
    metadata: { namespace: 'shop', name: 'web', uid: 'uid-web', ...metadata },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, ...UNREADABLE, ...spec },
    ...(status && { status }),
  });
}

test.each([
  [{}, 'cn-default/rsp-1'],
  [{ regionId: 'cn-beijing' }, 'cn-beijing/rsp-1'],
  [{ regionId: 'x' }, undefined],
  [{ vServerGroupId: 'lb-1' }, undefined],
])('with %j it is on group %s', (spec, group) => {
  expect(groupOf(binding(spec, {}), 'cn-default')).toBe(group);
});

function unreadable(spec: object, metadata: object = DELETED, status?: object) {
  const { parsed } = binding(spec, metadata, status);
  if (parsed.ok) throw new Error('it can be read');
  return parsed;
}

describe('what becomes of the backends', () => {
  test.each([
    ['lives', { deletionPolicy: 'Keep' }, {}, { is: 'kept' }],
    ['is deleted', {}, DELETED, { is: 'leaving' }],
    ['is deleted, Retain', { deletionPolicy: 'Retain', mode: 7 }, DELETED, { is: 'left behind' }],
    ['is deleted, suspended', { suspend: true, mode: 7 }, DELETED, { is: 'left behind' }],
    ['is deleted, RemoveOnly', { mode: 'RemoveOnly', suspend: 7 }, DELETED, { is: 'left behind' }],
    ['is deleted, one field', { suspend: 'yes' }, DELETED, { is: 'undecided', by: ['suspend'] }],
    [
      'is deleted, all fields',
      { deletionPolicy: 'Keep', suspend: 'yes', mode: 7 },
      DELETED,
      { is: 'undecided', by: ['deletionPolicy', 'suspend', 'mode'] },
    ],
  ])('of a binding that %s', (_, spec, metadata, fate) => {
    expect(fateOf(unreadable(spec, metadata))).toEqual(fate);
  });

  const status = { backends: [{ ...FOREIGN, state: 'Registered' }] };
  const pending = { backends: [{ ...FOREIGN, state: 'Pending' }] };
  test.each([
    ['nothing recorded', {}, DELETED, undefined, true],
    ['nothing that was ever in the group', {}, DELETED, pending, true],
    ['a backend', {}, DELETED, status, false],
    ['a backend that is retained', { deletionPolicy: 'Retain' }, DELETED, status, true],
    ['nothing recorded, alive', {}, {}, undefined, false],
  ])('without a group, and with %s', (_, spec, metadata, recorded, may) => {
    expect(mayGoWithoutGroup(unreadable(spec, metadata, recorded))).toBe(may);
  });
});

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(async () => {
  await cluster.stop();
});

const LIVE = ['10.0.0.1:8080*100', '10.0.0.2:8080*100'];
const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends.length}`);
const RELEASED = ['web []'];

/** A binding with two live backends becomes unreadable. */
async function becomeUnreadable(spec: object = {}): Promise<void> {
  cluster.groups.rows = [ownRow('10.0.0.1'), ownRow('10.0.0.2')];
  cluster.endpoints(['10.0.0.1', '10.0.0.2']);
  cluster.bind();
  cluster.start();
  await cluster.after(1_000);
  await rebind(spec);
  cluster.groups.calls.length = 0;
}

async function rebind(spec: object, metadata: Record<string, unknown> = {}): Promise<void> {
  cluster.bind('web', { ...UNREADABLE, ...spec }, metadata);
  await cluster.after(1_000);
}

test('a binding that can be read no more: its rows stay as they are until it can, and cost no call', async () => {
  await becomeUnreadable();
  expect(cluster.conditions.get('web')).toEqual(['Ready InvalidSpec', 'Stalled InvalidSpec']);
  cluster.endpoints(['10.0.0.2', '10.0.0.3']);
  await cluster.after(1_000);
  expect(calls()).toEqual([]);
  cluster.bind();
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual(['10.0.0.2:8080*100', '10.0.0.3:8080*100']);
});

test('it gets no finalizer', async () => {
  cluster.bind('web', UNREADABLE, { finalizers: [] });
  cluster.start();
  await cluster.after(1_000);
  expect(cluster.patched).toEqual([]);
});

test.each([
  ['its tag', [ownRow('10.0.0.1'), ownRow('10.0.0.2')], undefined],
  [
    'what its status records',
    [ownRow('10.0.0.1'), ownRow('10.0.0.2')].map((row) => ({ ...row, description: '' })),
    { backends: [ownRow('10.0.0.1'), ownRow('10.0.0.2')].map((row) => ({ ...row, state: 'Registered' })) },
  ],
])('an Exclusive neighbour takes away none of its rows: they are known by %s', async (_, rows, status) => {
  cluster.groups.rows = [...rows, FOREIGN];
  cluster.endpoints([]);
  cluster.bind('web', UNREADABLE, {}, status);
  cluster.bind('other', { ownership: 'Exclusive' });
  cluster.start();
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual(LIVE);
});

describe('deleted', () => {
  test('its backends leave, and it is let go', async () => {
    await becomeUnreadable();
    cluster.groups.rows.push(FOREIGN);
    await rebind({}, DELETED);
    expect(calls()).toEqual(['remove 2']);
    expect(cluster.groups.shown).toEqual(['i-foreign:30999*50']);
    expect(cluster.patched).toEqual(RELEASED);
    expect(cluster.conditions.get('web')).toEqual(['Ready InvalidSpec', 'Stalled InvalidSpec']);
  });

  test('they are drained for the time that can be read, and it is told so', async () => {
    await becomeUnreadable({ drain: { seconds: 30 } });
    await rebind({ drain: { seconds: 30 } }, DELETED);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*0', '10.0.0.2:8080*0']);
    expect(cluster.conditions.get('web')).toEqual(['Ready Deleting', 'Reconciling Deleting']);
    expect(cluster.patched).toEqual([]);
    cluster.podIsGone('pod-10.0.0.1');
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.2:8080*0']);
    await cluster.after(30_000);
    expect(cluster.groups.shown).toEqual([]);
    expect(cluster.patched).toEqual(RELEASED);
  });

  test('what is in the way of its end is told', async () => {
    await becomeUnreadable();
    cluster.groups.behave = () => {
      throw apiError('denied', 'Forbidden.RAM');
    };
    await rebind({}, DELETED);
    expect(cluster.conditions.get('web')).toEqual(['Ready AccessDenied', 'Stalled AccessDenied']);
    expect(cluster.patched).toEqual([]);
  });

  test.each([{ deletionPolicy: 'Retain' }, { suspend: true }, { mode: 'RemoveOnly' }])(
    'with %j its rows stay, and it is let go',
    async (spec) => {
      await becomeUnreadable(spec);
      await rebind(spec, DELETED);
      expect(calls()).toEqual([]);
      expect(cluster.patched).toEqual(RELEASED);
    },
  );

  test('while what decides cannot be read, they stay and it is told; corrected, they leave', async () => {
    const open = { deletionPolicy: 'Keep' };
    await becomeUnreadable(open);
    await rebind(open, DELETED);
    expect(cluster.conditions.get('web')).toEqual(['Ready DeletionBlocked', 'Stalled DeletionBlocked']);
    expect([calls(), cluster.patched]).toEqual([[], []]);
    await rebind({}, DELETED);
    expect(cluster.groups.shown).toEqual([]);
    expect(cluster.patched).toEqual(RELEASED);
  });

  test('with nothing in its group, what decides need not be read', async () => {
    cluster.start();
    await rebind({ deletionPolicy: 'Keep' }, DELETED);
    expect(calls()).toEqual(['describe 0']);
    expect(cluster.patched).toEqual(RELEASED);
  });

  test('in a dry run nothing is written', async () => {
    cluster = new TestCluster({ dryRun: true });
    await becomeUnreadable();
    await rebind({}, DELETED);
    expect(cluster.conditions.get('web')).toEqual(['Ready DryRun']);
    expect(cluster.withheld).toEqual(['remove 10.0.0.1 10.0.0.2']);
    await rebind({ deletionPolicy: 'Retain' }, DELETED);
    expect([cluster.groups.writes, cluster.patched]).toEqual([[], []]);
  });
});
