import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);
const REMOVE = 'RemoveVServerGroupBackendServers';
/** Bindings managed by the operator of the other cluster. */
const elsewhere = { cluster: 'two' };

beforeAll(async () => {
  env = await Environment.start();
  const resync = ['--resync', '1s'];
  await env.startOperator({ flags: [...resync, '--binding-selector', 'cluster!=two'] });
  await env.startOperator({ flags: [...resync, '--binding-selector', 'cluster=two', '--cluster-id', 'two'] });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('own');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const rowsOf = (addresses: readonly string[], weight = 100) =>
  addresses.map((address) => `${address}:8080*${weight}`);

/** Adds this pod as somebody else would: with the right network interface. */
function addByHand(address: string, row: { weight?: number; description?: string } = {}): void {
  const { state } = env.simulator;
  const serverId = state.inventory.eniOfIp(address)?.id ?? '';
  state.addRow(group, { serverId, serverIp: address, port: 8080, ...row });
}

/** Waits until the operator has read the group again, whatever it knew before. */
async function untilReadAgain(): Promise<void> {
  const calls = env.recordCalls(group);
  await waitUntil(`${group} to be read twice`, () => calls.of('Describe').length > 1);
}

/** Waits until the binding is gone, and with it whatever the operator wanted to do for it. */
async function deleteBinding(name: string): Promise<void> {
  await app.deleteBinding(name);
  await waitUntil(`${name} to be gone`, async () => !(await env.api.find(`${app.bindings()}/${name}`)));
}

async function startWeb(replicas: number, name = 'web'): Promise<readonly string[]> {
  await app.createApp(name, { replicas });
  return await app.untilReady(name, replicas);
}

scenario('Shared: rows of others are in no call, whatever happens, even those of our own pods', async () => {
  const [ours, theirs] = (await startWeb(2)) as [string, string];
  const foreign = env.addForeignRows(group);
  addByHand(theirs, { weight: 30, description: 'k8s/web/default/cluster-x' });
  const calls = env.recordCalls(group);
  await app.bind('web', group);
  await env.untilRows(group, [...foreign, ...rowsOf([ours]), `${theirs}:8080*30`].sort());
  const binding = await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 1, foreign: 3 });
  expect(binding.status?.conditions?.[0]).toMatchObject({ status: 'True', reason: 'Synced' });
  await app.patchBinding('web', { spec: { weight: 60 } });
  await env.untilRows(group, [...foreign, ...rowsOf([ours], 60), `${theirs}:8080*30`].sort());
  await untilReadAgain();
  await app.scale('web', 0);
  await env.untilRows(group, [...foreign, `${theirs}:8080*30`].sort());
  await env.untilStatusTrue(app, 'web', group, { desired: 0, registered: 0, foreign: 3 });
  await deleteBinding('web');
  expect(env.rows(group)).toEqual([...foreign, `${theirs}:8080*30`].sort());
  const named = calls.writes().flatMap(({ backends }) => backends);
  expect(new Set(named)).toEqual(new Set([`${ours}:8080`]));
});

scenario('two bindings on one group: each has its own rows and leaves the other’s alone', async () => {
  const web = await startWeb(2);
  const api = await startWeb(2, 'api');
  await app.bind('web', group);
  await app.bind('api', group, { ownership: 'Exclusive' });
  await env.untilHolds(group, [...web, ...api]);
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2, foreign: 2 });
  await env.untilStatusTrue(app, 'api', group, { desired: 2, registered: 2, foreign: 2 });
  const calls = env.recordCalls(group);
  await app.scale('api', 0);
  await env.untilHolds(group, web);
  await env.untilStatusTrue(app, 'web', group, { registered: 2, foreign: 0 });
  await deleteBinding('api');
  expect(env.rows(group)).toEqual(rowsOf(web).sort());
  expect(calls.of('Add', 'Set')).toEqual([]);
  expect(
    calls
      .of('Remove')
      .flatMap(({ backends }) => backends)
      .sort(),
  ).toEqual(api.map((address) => `${address}:8080`).sort());
});

scenario(
  'one pod in two bindings of one group: one row, which stays as long as one of them wants it',
  async () => {
    const web = await startWeb(2);
    await app.createService('also', { selector: { app: 'web' } });
    await app.bind('web', group);
    await env.untilHolds(group, web);
    const calls = env.recordCalls(group);
    await app.bind('also', group);
    await env.untilStatusTrue(app, 'also', group, { desired: 2, registered: 2, foreign: 0 });
    await deleteBinding('web');
    expect(env.rows(group)).toEqual(rowsOf(web));
    expect(calls.writes()).toEqual([]);
    await app.scale('web', 1);
    await env.untilHolds(group, await app.untilReady('web', 1));
    await deleteBinding('also');
    expect(env.rows(group)).toEqual([]);
  },
);

scenario('two clusters on one group: neither touches what the other added', async () => {
  const here = await startWeb(2);
  const there = await startWeb(2, 'api');
  await app.bind('web', group);
  await app.bind('api', group, {}, elsewhere);
  await env.untilHolds(group, [...here, ...there]);
  await untilReadAgain();
  await env.untilStatusTrue(app, 'web', group, { registered: 2, foreign: 2 });
  await env.untilStatusTrue(app, 'api', group, { registered: 2, foreign: 2 });
  const tags = env.simulator.state
    .group(group)
    .rows()
    .map(({ description }) => description.split('/')[1]);
  expect(new Set(tags).size).toBe(2);
  await app.scale('web', 0);
  await env.untilHolds(group, there);
  await app.scale('api', 1);
  await env.untilHolds(group, await app.untilReady('api', 1));
  await deleteBinding('web');
  await deleteBinding('api');
  expect(env.rows(group)).toEqual([]);
});

scenario('RemoveOnly: adopts the rows that others added for its pods, and only removes', async () => {
  const foreign = env.addForeignRows(group);
  const [first, second, third] = (await startWeb(3)) as [string, string, string];
  addByHand(first, { weight: 40 });
  addByHand(second);
  const calls = env.recordCalls(group);
  await app.bind('web', group, { mode: 'RemoveOnly' });
  await app.untilCondition('web', 'True', 'Synced');
  const { status } = await env.untilStatusTrue(app, 'web', group, { desired: 3, registered: 2, foreign: 2 });
  expect(status?.backends).toContainEqual(expect.objectContaining({ serverIp: third, state: 'Pending' }));
  expect(calls.writes()).toEqual([]);
  await app.scale('web', 0);
  await env.untilRows(group, [...foreign].sort());
  expect(calls.of('Add', 'Set')).toEqual([]);
  await env.untilStatusTrue(app, 'web', group, { registered: 0, foreign: 2 });
});

scenario('RemoveOnly: a row that something else adds later is adopted at the next look', async () => {
  const [address] = (await startWeb(1)) as [string];
  await app.bind('web', group, { mode: 'RemoveOnly' });
  await app.untilCondition('web', 'True', 'Synced');
  addByHand(address);
  await env.untilStatusTrue(app, 'web', group, { registered: 1, foreign: 0 });
  await app.scale('web', 0);
  await env.untilRows(group, []);
});

scenario(
  'taken over: RemoveOnly adopts the rows that something else added, Sync goes on with them',
  async () => {
    const foreign = env.addForeignRows(group);
    const before = await startWeb(2);
    for (const address of before) addByHand(address, { description: 'k8s/80/web/own/cluster-x' });
    const calls = env.recordCalls(group);
    await app.bind('web', group, { mode: 'RemoveOnly' });
    await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2, foreign: 2 });
    await app.patchBinding('web', { spec: { mode: 'Sync' } });
    await untilReadAgain();
    expect(calls.writes()).toEqual([]);
    await app.scale('web', 3);
    await env.untilHolds(group, await app.untilReady('web', 3), foreign);
    await app.scale('web', 0);
    await env.untilRows(group, [...foreign].sort());
  },
);

scenario('given back: RemoveOnly and Retain leave every row, whatever becomes of the binding', async () => {
  const web = await startWeb(2);
  await app.bind('web', group);
  await env.untilHolds(group, web);
  await app.patchBinding('web', { spec: { mode: 'RemoveOnly', deletionPolicy: 'Retain' } });
  await app.untilCondition('web', 'True', 'Synced');
  await deleteBinding('web');
  await env.untilHolds(group, web);
});

scenario('Exclusive: strangers leave, those that come later too', async () => {
  env.addForeignRows(group);
  const web = await startWeb(2);
  await app.bind('web', group, { ownership: 'Exclusive' });
  await env.untilHolds(group, web);
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2, foreign: 0 });
  env.addForeignRows(group);
  await env.untilHolds(group, web);
});

scenario('Exclusive: deleting the binding removes its own rows only', async () => {
  const web = await startWeb(1);
  await app.bind('web', group, { ownership: 'Exclusive' });
  await env.untilHolds(group, web);
  await app.untilCondition('web', 'True', 'Synced');
  let foreign: readonly string[] = [];
  // The reply to the removal shows them to the operator.
  const stop = env.simulator.faults.hook({
    group,
    action: REMOVE,
    before: () => {
      stop();
      foreign = env.addForeignRows(group);
    },
  });
  const calls = env.recordCalls(group);
  await deleteBinding('web');
  expect(env.rows(group)).toEqual([...foreign].sort());
  expect(calls.story()).toEqual(web.map((address) => `Remove ${address}:8080`));
});

scenario('a row removed by hand comes back, a weight changed by hand is put right', async () => {
  const [first, second] = (await startWeb(2)) as [string, string];
  await app.bind('web', group);
  await env.untilHolds(group, [first, second]);
  const { state } = env.simulator;
  const row = state
    .group(group)
    .rows()
    .find(({ serverIp }) => serverIp === first);
  const calls = env.recordCalls(group);
  state.removeRow(group, row!);
  await env.untilHolds(group, [first, second]);
  addByHand(second, { weight: 1, description: 'changed' });
  await env.untilHolds(group, [first, second]);
  expect(calls.story()).toEqual([`Add ${first}:8080`, `Set ${second}:8080`]);
  await env.untilStatusTrue(app, 'web', group, { registered: 2, foreign: 0 });
});

scenario('names too long for a description: the tag is hashed, and rows are known by it alone', async () => {
  const name = 'a-service-whose-name-is-as-long-as-a-name-of-a-service-can-be-x';
  const web = await startWeb(2, name);
  env.simulator.faults.add({
    kind: 'applied-no-reply',
    group,
    action: 'AddVServerGroupBackendServers',
    times: 1,
  });
  await app.bind(name, group);
  await env.untilHolds(group, web);
  await app.untilCondition(name, 'True', 'Synced');
  for (const { description } of env.simulator.state.group(group).rows()) {
    expect(description).toMatch(/^vsgb\/[\w-]+\/[0-9a-f]{32}$/);
    expect(description.length).toBeLessThanOrEqual(80);
  }
  const { status } = await env.untilStatusTrue(app, name, group, { registered: 2, foreign: 0 });
  expect(status?.backends).toHaveLength(2);
  await deleteBinding(name);
  expect(env.rows(group)).toEqual([]);
});

scenario('suspended: the group is not touched and the status says so; afterwards it catches up', async () => {
  const web = await startWeb(2);
  await app.bind('web', group);
  await env.untilHolds(group, web);
  await app.patchBinding('web', { spec: { suspend: true } });
  const { status } = await app.untilCondition('web', 'False', 'Suspended');
  expect(status?.conditions?.map(({ type }) => type)).toEqual(['Ready']);
  const calls = env.recordCalls(group);
  await app.scale('web', 0);
  await app.untilReady('web', 0);
  await untilReadAgain();
  expect(calls.writes()).toEqual([]);
  await env.untilStatusTrue(app, 'web', group, { registered: 2 });
  await app.patchBinding('web', { spec: { suspend: false } });
  await env.untilRows(group, []);
  await app.untilCondition('web', 'True', 'Synced');
});

scenario('suspended and deleted: the rows stay, the binding goes', async () => {
  const web = await startWeb(1);
  await app.bind('web', group, { suspend: false });
  await env.untilHolds(group, web);
  await app.patchBinding('web', { spec: { suspend: true } });
  await app.untilCondition('web', 'False', 'Suspended');
  await deleteBinding('web');
  expect(env.rows(group)).toEqual(rowsOf(web));
});

scenario('Retain: no finalizer, and the rows stay when the binding goes', async () => {
  const web = await startWeb(2);
  const { metadata } = await app.bind('web', group, { deletionPolicy: 'Retain' });
  await env.untilHolds(group, web);
  await app.untilCondition('web', 'True', 'Synced');
  expect(metadata.finalizers ?? []).toEqual([]);
  expect((await app.binding('web')).metadata.finalizers ?? []).toEqual([]);
  await deleteBinding('web');
  expect(env.rows(group)).toEqual(rowsOf(web));
});

scenario(
  'deletionPolicy changed on a live binding: what counts is what it says when it is deleted',
  async () => {
    const web = await startWeb(1);
    await app.bind('web', group);
    await env.untilHolds(group, web);
    await app.patchBinding('web', { spec: { deletionPolicy: 'Retain' } });
    await deleteBinding('web');
    expect(env.rows(group)).toEqual(rowsOf(web));
    await app.bind('web', group, { deletionPolicy: 'Retain' });
    await app.untilCondition('web', 'True', 'Synced');
    await env.untilStatusTrue(app, 'web', group, { registered: 1, foreign: 0 });
    await app.patchBinding('web', { spec: { deletionPolicy: 'Remove' } });
    await app.untilCondition('web', 'True', 'Synced');
    await waitUntil(
      'the finalizer',
      async () => (await app.binding('web')).metadata.finalizers?.length === 1,
    );
    await deleteBinding('web');
    expect(env.rows(group)).toEqual([]);
  },
);

scenario(
  'Sync → RemoveOnly → Sync on a live binding: stops adding, goes on removing, adds again',
  async () => {
    await startWeb(2);
    await app.bind('web', group);
    await env.untilHolds(group, await app.untilReady('web', 2));
    await app.patchBinding('web', { spec: { mode: 'RemoveOnly' } });
    await app.untilCondition('web', 'True', 'Synced');
    const calls = env.recordCalls(group);
    const before = await app.readyAddresses('web');
    await app.scale('web', 4);
    await app.untilReady('web', 4);
    await app.scale('web', 1);
    const [left] = await app.untilReady('web', 1);
    const stays = before.filter((address) => address === left);
    await env.untilHolds(group, stays);
    await env.untilStatusTrue(app, 'web', group, { desired: 1, registered: stays.length });
    expect(calls.of('Add', 'Set')).toEqual([]);
    await app.patchBinding('web', { spec: { mode: 'Sync' } });
    await env.untilHolds(group, [left as string]);
    await env.untilStatusTrue(app, 'web', group, { desired: 1, registered: 1 });
  },
);

scenario(
  'Shared → Exclusive → Shared on a live binding: strangers leave, and are left alone again',
  async () => {
    const web = await startWeb(1);
    const foreign = env.addForeignRows(group);
    await app.bind('web', group);
    await env.untilHolds(group, web, foreign);
    await app.patchBinding('web', { spec: { ownership: 'Exclusive' } });
    await env.untilHolds(group, web);
    await app.patchBinding('web', { spec: { ownership: 'Shared' } });
    await app.untilCondition('web', 'True', 'Synced');
    env.addForeignRows(group);
    await untilReadAgain();
    await env.untilHolds(group, web, foreign);
    await env.untilStatusTrue(app, 'web', group, { registered: 1, foreign: 2 });
  },
);

scenario(
  'weights: the spec’s, a pod’s own annotation over it, clamped and told when it is none',
  async () => {
    await app.createApp('web', { replicas: 2, annotations: { 'slb.alibabacloud.com/weight': '250' } });
    const web = await app.untilReady('web', 2);
    await app.bind('web', group, { weight: 10 });
    await env.untilRows(group, rowsOf(web));
    await waitUntil('an event about the weight', async () =>
      (await app.events('web')).some((event) =>
        /^InvalidWeight: .*has weight 250, outside 0 to 100/.test(event),
      ),
    );
    const calls = env.recordCalls(group);
    const [pod] = await app.pods('web');
    const annotate = (weight: string | null) =>
      env.api.patch(`${app.path('api/v1', 'pods')}/${pod!.metadata.name}`, {
        metadata: { annotations: { 'slb.alibabacloud.com/weight': weight } },
      });
    const address = pod!.status.podIP as string;
    const other = web.find((one) => one !== address) as string;
    await annotate('7');
    await env.untilRows(group, [`${address}:8080*7`, `${other}:8080*100`].sort());
    await annotate(null);
    await env.untilRows(group, [`${address}:8080*10`, `${other}:8080*100`].sort());
    await app.patchBinding('web', { spec: { weight: 20 } });
    await env.untilRows(group, [`${address}:8080*20`, `${other}:8080*100`].sort());
    expect(calls.story()).toEqual(Array(3).fill(`Set ${address}:8080`));
    await env.untilStatusTrue(app, 'web', group, { registered: 2 });
  },
);
