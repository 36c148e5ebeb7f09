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

test('a new status is made without reading the rows of the one before, unless backends are refused', async () => {
  cluster.groups.rows = [ownRow('10.0.0.1')];
  cluster.endpoints(['10.0.0.1']);
  cluster.bind();
  cluster.start();
  await cluster.after(1_000);
  const object = cluster.caches.bindings.get('shop/web');
  if (!object?.parsed.ok) throw new Error('the binding is to be readable');
  let reads = 0;
  const status = {
    ...object.parsed.binding.status,
    get backends() {
      reads++;
      return [];
    },
  };
  const parsed = { ...object.parsed, binding: { ...object.parsed.binding, status } };
  cluster.caches.bindings.set({ ...object, resourceVersion: '1000', parsed });
  cluster.endpoints(['10.0.0.1', '10.0.0.2']);
  await cluster.after(1_000);
  expect([cluster.statuses.get('web')?.registered, reads]).toEqual([2, 0]);
  cluster.groups.behave = () => {
    throw apiError('badBackend', 'ObtainIpFail');
  };
  cluster.endpoints(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  await cluster.after(1_000);
  expect(reads).toBeGreaterThan(0);
});
