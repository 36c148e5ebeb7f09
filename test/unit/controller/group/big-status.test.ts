import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ownRow, TestCluster } from './cluster.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(async () => {
  await cluster.stop();
});

test('of more than 2,000 backends the status names those that drain: only it knows their weight', async () => {
  const ips = Array.from({ length: 2_001 }, (_, i) => `10.0.${Math.floor(i / 250)}.${(i % 250) + 1}`);
  const last = [...ips].sort().at(-1) as string;
  cluster.groups.rows = ips.map((ip) => ({ ...ownRow(ip), description: 'by hand', weight: 40 }));
  cluster.showsStatus = true;
  cluster.endpoints(ips);
  cluster.bind('web', { mode: 'RemoveOnly', drain: { seconds: 60 } });
  cluster.start();
  await cluster.after(1_000);
  cluster.endpoints(ips.filter((ip) => ip !== last));
  await cluster.after(500);
  const { registered, draining, backends = [] } = cluster.statuses.get('web') ?? {};
  expect([registered, draining, backends.length]).toEqual([2_000, 1, 2_000]);
  expect(backends.at(-1)).toMatchObject({ serverIp: last, state: 'Draining', weight: 40 });
  expect(cluster.groups.calls.at(-1)).toMatchObject({ action: 'set' });
});
