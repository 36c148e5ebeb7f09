import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ownRow, TestCluster } from './cluster.ts';
import { apiError } from './fake-cloud.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(async () => {
  await cluster.stop();
});

const byHand = (ip: string) => ({ ...ownRow(ip), description: 'by hand' });
const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends}`.trim());

async function settled(...ips: readonly string[]): Promise<void> {
  cluster.groups.rows = [byHand('10.0.0.1')];
  cluster.endpoints(ips);
  cluster.bind('web', { mode: 'RemoveOnly' });
  cluster.start();
  await cluster.after(1_000);
  cluster.groups.calls.length = 0;
}

test('a row that RemoveOnly has never seen is looked for when its pod leaves, and leaves with it', async () => {
  await settled('10.0.0.1', '10.0.0.2', '10.0.0.3');
  cluster.groups.rows.push(byHand('10.0.0.2'), byHand('10.0.0.3'));
  cluster.endpoints(['10.0.0.1', '10.0.0.3']);
  await cluster.after(500);
  cluster.endpoints(['10.0.0.1']);
  await cluster.after(1_000);
  expect(calls()).toEqual(['describe', 'remove 10.0.0.2,10.0.0.3']);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
});

test('one that leaves right before the look for another one is looked for once more, a second later', async () => {
  await settled('10.0.0.1', '10.0.0.2', '10.0.0.3');
  cluster.endpoints(['10.0.0.1', '10.0.0.3']);
  await cluster.after(900);
  cluster.endpoints(['10.0.0.1']);
  await cluster.after(500);
  expect(calls()).toEqual(['describe']);
  cluster.groups.rows.push(byHand('10.0.0.3'));
  await cluster.after(700);
  expect(calls()).toEqual(['describe', 'describe', 'remove 10.0.0.3']);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
  await cluster.after(10_000);
  expect(calls()).toHaveLength(3);
});

test('who has left unseen is named by the status until the group was read: the next leader looks for it', async () => {
  const named = () =>
    cluster.statuses
      .get('web')
      ?.backends.flatMap(({ serverIp, state }) => (state === 'Pending' ? [serverIp] : []));
  await settled('10.0.0.1', '10.0.0.2');
  cluster.endpoints(['10.0.0.1']);
  await cluster.after(500);
  expect(calls()).toEqual([]);
  expect(named()).toEqual(['10.0.0.2']);
  await cluster.after(1_000);
  expect(calls()).toEqual(['describe']);
  expect(named()).toEqual([]);
});

test.each<[string, () => void, readonly string[]]>([
  [
    'deleted',
    () => cluster.bind('web', { mode: 'RemoveOnly' }, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ['web []'],
  ],
  ['edited', () => cluster.bind('web', { mode: 'RemoveOnly', weight: 50 }), []],
])('who has left unseen is looked for also if the binding is %s meanwhile', async (_, change, patched) => {
  await settled('10.0.0.1', '10.0.0.2');
  cluster.groups.rows.push(byHand('10.0.0.2'));
  cluster.endpoints(['10.0.0.1']);
  await cluster.after(400);
  change();
  await cluster.after(500);
  expect([calls(), cluster.patched]).toEqual([[], []]);
  await cluster.after(1_000);
  expect(calls()).toEqual(['describe', 'remove 10.0.0.2']);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
  expect(cluster.patched).toEqual(patched);
});

test('a deleted binding does not wait for the look at a group that may not be read', async () => {
  await settled('10.0.0.1', '10.0.0.2');
  cluster.endpoints(['10.0.0.1']);
  await cluster.after(100);
  cluster.groups.behave = () => {
    throw apiError('denied', 'Forbidden.RAM');
  };
  cluster.bind('web', { mode: 'RemoveOnly' }, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  await cluster.after(500);
  expect(cluster.patched).toEqual([]);
  await cluster.after(1_000);
  expect(cluster.patched).toEqual(['web []']);
});

test.each([
  ['one backend that leaves, one that lives', true, /^1 backend of this binding leaves /],
  ['none that leaves', false, /^No backend of this binding has to leave /],
] as const)('what a deleted binding waits for is told: %s', async (_, isInGroup, message) => {
  const spec = { mode: 'RemoveOnly', drain: { seconds: 10 } };
  cluster.groups.rows = (isInGroup ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.1']).map(byHand);
  cluster.endpoints(['10.0.0.1', '10.0.0.2']);
  cluster.bind('web', spec);
  cluster.start();
  await cluster.after(1_000);
  cluster.endpoints(['10.0.0.1']);
  await cluster.after(100);
  cluster.bind('web', spec, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  await cluster.after(500);
  const [ready] = cluster.statuses.get('web')?.conditions ?? [];
  expect(ready).toMatchObject({ reason: 'Deleting', message: expect.stringMatching(message) });
  expect(cluster.patched).toEqual([]);
});

test('one that is added too late leaves at the next look', async () => {
  await settled('10.0.0.1', '10.0.0.2');
  cluster.endpoints(['10.0.0.1']);
  await cluster.after(2_000);
  expect(calls()).toEqual(['describe']);
  cluster.groups.rows.push(byHand('10.0.0.2'));
  await cluster.after(330_000);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
});

const SLICE = { ports: [{ name: 'http', port: 8080 }] };
const ENDPOINT = { ip: '10.0.0.2', ready: true, serving: true, terminating: false };

test.each([
  [
    'an endpoint of another Service',
    () => {
      const slice = cluster.caches.endpoints.get('shop/web-1')!;
      const other = { key: 'other/api-1', namespace: 'other', serviceName: 'api' };
      cluster.caches.endpoints.set({ ...slice, ...other, subsets: [{ ...SLICE, addresses: [ENDPOINT] }] });
    },
  ],
  ['a pod of no Service', () => cluster.pod('other', {}, { ips: ['10.0.0.2'] })],
  ['a node', () => cluster.node('node-9', { internalIPs: ['10.0.0.2'] })],
])('one whose address %s has meanwhile stays', async (_, reuse) => {
  await settled('10.0.0.1', '10.0.0.2');
  cluster.endpoints(['10.0.0.1']);
  reuse();
  cluster.groups.rows.push(byHand('10.0.0.2'));
  await cluster.after(2_000);
  expect(calls()).toEqual(['describe']);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*100']);
});

test('what it has seen costs no look when it leaves', async () => {
  await settled('10.0.0.1');
  cluster.endpoints([]);
  await cluster.after(5_000);
  expect(calls()).toEqual(['remove 10.0.0.1']);
});

test('one whose Service has been deleted as well leaves', async () => {
  await settled('10.0.0.1', '10.0.0.2');
  cluster.caches.services.remove('shop/web');
  cluster.caches.endpoints.remove('shop/web-1');
  cluster.groups.rows.push(byHand('10.0.0.2'));
  await cluster.after(2_000);
  expect(cluster.groups.shown).toEqual([]);
});

const PORTS = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }];
const instance = (name: string) => ({
  ...({ serverId: `i-${name}`, type: 'ecs', port: 30080, weight: 100 } as const),
  description: 'by hand',
});

test.each<readonly [string, () => void, boolean]>([
  ['was deleted leaves', () => cluster.caches.nodes.remove('node-1'), true],
  [
    'was deleted leaves, though its port is freed',
    () => {
      cluster.service({ type: 'NodePort', ports: [{ ...PORTS[0]!, nodePort: 31000 }] });
      cluster.caches.nodes.remove('node-1');
    },
    true,
  ],
  [
    'is excluded leaves',
    () =>
      cluster.node('node-1', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }),
    true,
  ],
  [
    'is there stays when its port is freed: another Service may have it',
    () => cluster.service({ type: 'NodePort', ports: [{ ...PORTS[0]!, nodePort: 31000 }] }),
    false,
  ],
  [
    'is there stays when its port is that of another port of the Service',
    () =>
      cluster.service({
        type: 'NodePort',
        ports: [
          { ...PORTS[0]!, nodePort: 31000 },
          { ...PORTS[0]!, name: 'metrics', port: 90 },
        ],
      }),
    false,
  ],
])('ecs: a row that RemoveOnly has never seen, of a node that %s', async (_, leave, leaves) => {
  cluster.groups.rows = [instance('node-0')];
  cluster.service({ type: 'NodePort', ports: PORTS });
  cluster.bind('web', { mode: 'RemoveOnly', backendType: 'ecs', nodeSelector: {} });
  cluster.start();
  await cluster.after(1_000);
  cluster.groups.rows.push(instance('node-1'));
  leave();
  await cluster.after(2_000);
  const left = cluster.groups.shown.filter((row) => row.startsWith('i-node-1'));
  expect(left).toEqual(leaves ? [] : ['i-node-1:30080*100']);
});
