import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ownRow, TestCluster } from './cluster.ts';

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
