import { expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/observability/metrics.ts';

const create = () =>
  createMetrics({
    version: '1.2.3',
    controllers: ['group'],
    resources: ['services'],
    actions: ['RemoveVServerGroupBackendServers'],
    backendStates: ['Registered', 'Draining'],
  });

async function lines(metrics: ReturnType<typeof create>): Promise<string[]> {
  return (await metrics.render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('series of known labels are there with 0 before anything happens', async () => {
  const text = await lines(create());
  for (const line of [
    'controller_runtime_reconcile_total{controller="group",result="requeue_after"} 0',
    'controller_runtime_reconcile_errors_total{controller="group"} 0',
    'controller_runtime_reconcile_time_seconds_count{controller="group"} 0',
    'workqueue_depth{name="group"} 0',
    'workqueue_queue_duration_seconds_count{name="group"} 0',
    'vsgb_api_requests_total{action="RemoveVServerGroupBackendServers",code="OK"} 0',
    'vsgb_removal_delay_seconds_count 0',
    'vsgb_cache_synced{resource="services"} 0',
    'vsgb_watch_errors_total{resource="services"} 0',
    'vsgb_events_total{result="dropped"} 0',
    'vsgb_groups 0',
  ])
    expect(text).toContain(line);
});

test('every metric starts with a prefix that dashboards know', async () => {
  for (const { name } of await create().registry.getMetricsAsJSON())
    expect(name).toMatch(/^(vsgb_|controller_runtime_|workqueue_|leader_election_|rest_client_)/);
});

test('counters end in _total, times in _seconds, and each has a help text that ends in a full stop', async () => {
  for (const { name, type, help } of await create().registry.getMetricsAsJSON()) {
    if (String(type) === 'counter') expect(name).toMatch(/_total$/);
    if (String(type) === 'histogram') expect(name).toMatch(/_seconds$/);
    expect(help).toMatch(/\.$/);
  }
});

test("a binding's backends are shown in every state, and no more once the binding is gone", async () => {
  const metrics = create();
  metrics.setBackends('shop', 'web', { Registered: 2, Draining: 1 });
  metrics.setBackends('shop', 'web', { Registered: 3 });
  metrics.groups.stalled.set({ namespace: 'shop', name: 'web' }, 1);
  expect(await lines(metrics)).toEqual(
    expect.arrayContaining([
      'vsgb_backends{namespace="shop",name="web",state="Registered"} 3',
      'vsgb_backends{namespace="shop",name="web",state="Draining"} 0',
    ]),
  );
  metrics.forgetBinding('shop', 'web');
  expect((await lines(metrics)).filter((line) => line.includes('name="web"'))).toEqual([]);
});

test("a binding's pods without hold and gate are shown as far as they are known, and no more once it is gone", async () => {
  const metrics = create();
  metrics.setUnprepared('shop', 'web', { hold: 3, gate: 2 });
  metrics.setUnprepared('shop', 'web', { hold: 0, gate: undefined });
  const shown = async () => (await lines(metrics)).filter((line) => line.includes('name="web"'));
  expect(await shown()).toEqual(['vsgb_binding_pods_without_hold{namespace="shop",name="web"} 0']);
  metrics.forgetBinding('shop', 'web');
  expect(await shown()).toEqual([]);
});

test('the age of the oldest leaver is shown for each group, and no more once the group is gone', async () => {
  const metrics = create();
  metrics.setOldestLeavers([
    { group: 'rsp-1', ms: 1500 },
    { group: 'rsp-2', ms: 0 },
  ]);
  expect(await lines(metrics)).toEqual(
    expect.arrayContaining([
      'vsgb_oldest_leaver_seconds{group="rsp-1"} 1.5',
      'vsgb_oldest_leaver_seconds{group="rsp-2"} 0',
      'vsgb_groups 2',
    ]),
  );
  metrics.setOldestLeavers([{ group: 'rsp-2', ms: 0 }]);
  expect((await lines(metrics)).filter((line) => line.includes('rsp-1'))).toEqual([]);
});

test('codes that the API invents do not make endless series', async () => {
  const metrics = create();
  for (let i = 0; i < 500; i++) metrics.apiCall('Remove', `Code${i}`, 0.1);
  metrics.apiCall('Remove', 'no code: "at all"\n', 0.1);
  const series = (await lines(metrics)).filter((line) =>
    line.startsWith('vsgb_api_requests_total{action="Remove"'),
  );
  expect(series).toHaveLength(101);
  expect(series).toContain('vsgb_api_requests_total{action="Remove",code="Other"} 401');
});

test('gauges that somebody else keeps are read at the scrape', async () => {
  const metrics = create();
  metrics.onScrape(() => metrics.cloud.rate.set(42));
  expect(await lines(metrics)).toContain('vsgb_api_rate_limit 42');
});
