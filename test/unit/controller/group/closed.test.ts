import { afterEach, describe, expect, test } from '@jest/globals';
import { GROUP, ownRow, TestCluster, type TestClusterOptions } from './cluster.ts';
import type { FakeVServerGroups } from './fake-cloud.ts';

let cluster: TestCluster;

afterEach(async () => {
  await cluster.stop();
});

const byHand = (ip: string) => ({ ...ownRow(ip), description: 'by hand' });
const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends}`.trim());
const RECORDED = {
  loadBalancerId: 'lb-1',
  backends: [{ ...ownRow('10.0.0.1'), state: 'Registered', podUID: 'pod-10.0.0.1' }],
};

/** The operator starts while these namespaces may not be read. */
function closed(namespaces: readonly string[], options: TestClusterOptions<FakeVServerGroups> = {}): void {
  cluster = new TestCluster(options);
  cluster.showsStatus = true;
  for (const namespace of namespaces) cluster.caches.closedNamespaces.add(namespace);
}

describe('while the namespace of a binding may not be read', () => {
  test('nothing is removed for it, whatever its caches show; what has left goes once it may be read', async () => {
    closed([]);
    cluster.endpoints(['10.0.0.1', '10.0.0.2']);
    cluster.bind();
    cluster.start();
    await cluster.after(2_000);
    cluster.groups.calls.length = 0;
    cluster.caches.closedNamespaces.add('shop');
    cluster.endpoints(['10.0.0.2']);
    cluster.podIsGone('pod-10.0.0.1');
    await cluster.after(2_000);
    expect(calls()).toEqual([]);
    cluster.open('shop');
    await cluster.after(2_000);
    expect(calls()).toEqual(['remove 10.0.0.1']);
  });

  test('at the start, without any Service or pod of it, its rows stay, and nothing is written about it', async () => {
    closed(['shop']);
    cluster.groups.rows = [ownRow('10.0.0.1')];
    cluster.bind('web', {}, { finalizers: [] }, RECORDED);
    cluster.caches.services.remove('shop/web');
    cluster.start();
    await cluster.after(700_000);
    expect(calls().filter((call) => call !== 'describe')).toEqual([]);
    expect([cluster.patched, cluster.statuses.size, cluster.events]).toEqual([[], 0, []]);
  });

  test.each(['Sync', 'RemoveOnly'])('a deleted one (%s) stays', async (mode) => {
    closed(['shop']);
    cluster.groups.rows = [ownRow('10.0.0.1')];
    cluster.bind('web', { mode }, { deletionTimestamp: '2026-01-01T00:00:00Z' }, RECORDED);
    cluster.start();
    await cluster.after(2_000);
    expect([calls().filter((call) => call !== 'describe'), cluster.patched]).toEqual([[], []]);
  });

  test('its group is not looked up by name', async () => {
    closed(['shop']);
    cluster.groups.lists.set('lb-1', [{ id: GROUP, name: 'web' }]);
    cluster.bind('web', {
      vServerGroupId: undefined,
      vServerGroup: { loadBalancerId: 'lb-1', name: 'web' },
    });
    cluster.start();
    await cluster.after(2_000);
    expect(cluster.found).toEqual([]);
    cluster.open('shop');
    await cluster.after(2_000);
    expect(cluster.found).toHaveLength(1);
  });

  test('the gate of a pod stays as it is: a binding that nobody knows may want it', async () => {
    closed(['shop'], { readinessGates: true });
    cluster.gatedPod('pod-10.0.0.1');
    cluster.start();
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([]);
    cluster.open('shop');
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([expect.stringContaining('pod-10.0.0.1 True')]);
  });
});

test('while another namespace may not be read, a binding is served, but rows of bindings that nobody knows stay', async () => {
  closed(['web']);
  const stranger = byHand('10.9.9.9');
  cluster.groups.rows = [stranger];
  cluster.endpoints(['10.0.0.1']);
  cluster.bind('web', { ownership: 'Exclusive' });
  cluster.start();
  await cluster.after(2_000);
  expect(calls()).toEqual(['describe', 'add 10.0.0.1']);
  cluster.open('web');
  await cluster.after(2_000);
  expect(calls().slice(2)).toEqual(['remove 10.9.9.9']);
});
