import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { NODE_NOT_READY } from '../../../../src/controller/binding/records.ts';
import { ownRow, TestCluster } from './cluster.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(async () => {
  await cluster.stop();
});

const names = [...'abcdefghij'];
const ports = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }];
const shown = names.map((name) => `i-${name}:30080*100`);

/** Starts a process with ten rows that its status names; some of their nodes have been lost, the others Ready for a minute. */
async function begun(reason: string, lost = 4, lostForMs = 60_000, marked = false): Promise<void> {
  const now = cluster.clock.wall();
  for (const { key } of cluster.caches.nodes.list()) cluster.caches.nodes.remove(key);
  for (const [i, name] of names.entries()) {
    const ready = i >= lost;
    cluster.node(name, { ready, readyTransitionTime: now - (ready ? 60_000 : lostForMs) });
  }
  const backends = names.map((node, i) => {
    const row = { serverId: `i-${node}`, port: 30080, type: 'ecs' as const, weight: 100 };
    cluster.groups.rows.push({ ...row, description: ownRow('').description ?? '' });
    return { ...row, node, state: 'Registered', ...(marked && i < lost && { message: NODE_NOT_READY }) };
  });
  cluster.service({ type: 'NodePort', ports });
  const condition = { type: 'Ready', status: 'False', reason, message: '', lastTransitionTime: '' };
  cluster.bind('web', { backendType: 'ecs' }, {}, { conditions: [condition], backends });
  cluster.start();
  await cluster.after(1_000);
}

/** A settled `ecs` binding to node-0 and node-1. */
async function settled(service: Parameters<TestCluster['service']>[0] = {}): Promise<void> {
  cluster.service({ type: 'NodePort', ports, ...service });
  cluster.bind('web', { backendType: 'ecs' });
  cluster.start();
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual(['i-node-0:30080*100', 'i-node-1:30080*100']);
  cluster.groups.calls.length = 0;
}

test('a node that joins is added once it is Ready, not before', async () => {
  await settled();
  const readyTransitionTime = cluster.clock.wall();
  for (const name of ['node-2', 'node-3', 'node-4'])
    cluster.node(name, { ready: false, readyTransitionTime });
  await cluster.after(60_000);
  expect(cluster.groups.writes).toEqual([]);
  cluster.node('node-2');
  await cluster.after(1_000);
  expect(cluster.groups.writes).toMatchObject([{ action: 'add', rows: [{ serverId: 'i-node-2' }] }]);
});

test('a node that flaps within the tolerance costs no call', async () => {
  await settled();
  for (let flap = 0; flap < 5; flap++) {
    cluster.node('node-1', { ready: false });
    await cluster.after(4_000);
    cluster.node('node-1');
    await cluster.after(1_000);
  }
  expect(cluster.groups.writes).toEqual([]);
});

test('policy Local: a node that has left and is back is added once a pod on it is ready again, not before', async () => {
  const pod = 'pod-10.0.0.2';
  cluster.endpoints(['10.0.0.1', '10.0.0.2'], {}, { '10.0.0.2': 'node-1' });
  await settled({ externalTrafficPolicy: 'Local' });
  cluster.node('node-1', { ready: false });
  cluster.pod(pod, {}, { ready: false });
  await cluster.after(10_000);
  expect(cluster.groups.shown).toEqual(['i-node-0:30080*100']);
  cluster.node('node-1');
  await cluster.after(10_000);
  expect(cluster.groups.shown).toEqual(['i-node-0:30080*100']);
  cluster.pod(pod);
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual(['i-node-0:30080*100', 'i-node-1:30080*100']);
});

/** Two Ready nodes and five that have been lost for an hour; the group has rows of those that are named. */
async function sevenNodes(...inGroup: readonly string[]): Promise<void> {
  const readyTransitionTime = cluster.clock.wall() - 3_600_000;
  for (let i = 2; i < 7; i++) cluster.node(`node-${i}`, { ready: false, readyTransitionTime });
  for (const name of inGroup) {
    const { description } = ownRow('');
    cluster.groups.rows.push({ serverId: `i-${name}`, port: 30080, type: 'ecs', weight: 100, description });
  }
  cluster.service({ type: 'NodePort', ports });
  cluster.bind('web', { backendType: 'ecs' });
  cluster.start();
  await cluster.after(1_000);
}

const all = Array.from({ length: 7 }, (_, i) => `node-${i}`);

test('nodes that are lost and have no backends in the group keep nobody from being Ready', async () => {
  await sevenNodes();
  expect(cluster.groups.shown).toEqual(['i-node-0:30080*100', 'i-node-1:30080*100']);
  expect(cluster.statuses.get('web')).toMatchObject({
    desired: 2,
    conditions: [{ status: 'True', reason: 'Synced' }],
  });
});

test("… nor do those whose row is somebody else's", async () => {
  cluster.groups.rows = ['node-5', 'node-6'].map((name) => ({
    ...{ serverId: `i-${name}`, port: 30080, type: 'ecs', weight: 100, description: 'manual' },
  }));
  await sevenNodes();
  expect(cluster.statuses.get('web')?.conditions[0]).toMatchObject({ status: 'True', reason: 'Synced' });
});

test('nodes that are lost and have backends in the group are told while these stay', async () => {
  await sevenNodes(...all);
  expect(cluster.groups.shown).toHaveLength(4);
  const { conditions, backends } = cluster.statuses.get('web') ?? {};
  const marked = backends?.filter(({ message }) => message === NODE_NOT_READY);
  expect(marked?.map(({ node }) => node)).toEqual(['node-5', 'node-6']);
  expect(conditions?.[0]).toMatchObject({
    status: 'False',
    reason: 'NodesNotReady',
    message: expect.stringMatching(/^2 backends stay in .*\(node-5, node-6\)/),
  });
});

test.each([
  ['some were lost', 4, 60_000, 'NodesNotReady', true],
  ['another problem was told', 4, 60_000, 'BackendsRefused', true],
  ['all were lost, for more than ten minutes', 9, 12 * 60_000, 'NodesNotReady', true],
  ['only the reason says so', 4, 60_000, 'NodesNotReady', false],
])(
  'who stayed although its node was lost stays under the next leader, while the others come back: %s',
  async (_, lost, lostForMs, reason, marked) => {
    await begun(reason, lost, lostForMs, marked);
    expect(cluster.groups.shown).toEqual(shown);
  },
);

test('whose node was lost meanwhile leaves, as far as the share goes', async () => {
  await begun('Synced');
  expect(cluster.groups.shown).toEqual(shown.slice(4));
});

async function allLostForTwelveMinutes(): Promise<void> {
  await begun('Synced', 0);
  for (const name of names) cluster.node(name, { ready: false });
  await cluster.after(12 * 60_000);
}

test('all nodes are lost for more than ten minutes and return one by one: none leaves', async () => {
  await allLostForTwelveMinutes();
  for (const name of names) {
    cluster.node(name);
    await cluster.after(1_000);
  }
  expect(cluster.groups.writes).toEqual([]);
  expect(cluster.groups.shown).toEqual(shown);
});

test('… those that are not back ten minutes after the first leave, as far as the share goes', async () => {
  await allLostForTwelveMinutes();
  cluster.node('j');
  await cluster.after(599_000);
  expect(cluster.groups.shown).toEqual(shown);
  await cluster.after(2_000);
  expect(cluster.groups.shown).toEqual(shown.slice(5));
});

test('a binding that is deleted tells what leaves, not which nodes lack an instance', async () => {
  const spec = { backendType: 'ecs', mode: 'RemoveOnly', drain: { seconds: 10 } };
  cluster.groups.rows = ['i-node-0', 'i-node-1'].map((serverId) => ({
    ...{ serverId, port: 30080, type: 'ecs', weight: 100, description: 'by hand' },
  }));
  cluster.node('node-2', { providerID: '' });
  cluster.service({ type: 'NodePort', ports });
  cluster.bind('web', spec);
  cluster.start();
  await cluster.after(1_000);
  cluster.node('node-1', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } });
  await cluster.after(100);
  cluster.bind('web', spec, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  await cluster.after(500);
  const [ready] = cluster.statuses.get('web')?.conditions ?? [];
  expect(ready).toMatchObject({ reason: 'Deleting' });
});
