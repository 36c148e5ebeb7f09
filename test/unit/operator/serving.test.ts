import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { listedResources } from '../../../src/controller/cluster/resources.ts';
import { createTransport } from '../../../src/kubernetes/client/transport.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { darkWatches, showCaches } from '../../../src/operator/serving.ts';
import { createWatching } from '../../../src/operator/watching.ts';
import { FakeApi, pod, podList, until } from '../kubernetes/fake-api.ts';

const watch = (name: string, up: boolean, since: number) => ({
  name,
  synced: true,
  up,
  since,
});

test('watches that have been down for a minute are shown, each resource once', () => {
  const health = [
    watch('pods', false, 0),
    watch('pods', false, 10),
    watch('nodes', false, 50_000),
    watch('services', true, 0),
  ];
  expect(darkWatches(health, 60_000)).toBeUndefined();
  expect(darkWatches(health, 61_000)).toBe('no changes arrive for more than 60 s: pods');
  expect(darkWatches([watch('services', true, 0)], 1e9)).toBeUndefined();
});

test('pods are watched and counted where a binding needs them, and only as long as one does', async () => {
  await using api = await FakeApi.start();
  const binding = (name: string) => ({
    ...pod(name, '1'),
    spec: {
      vServerGroupId: 'rsp-1',
      backendType: 'eni',
      mode: 'Sync',
      serviceRef: { name: 'web', port: 80 },
    },
  });
  api.answer = ({ path }) => {
    if (path.endsWith('/pods')) return { body: podList([pod('a', '1'), pod('b', '2')], '5') };
    return { body: podList(path.includes('binding') ? [binding('one'), binding('two')] : [], '5') };
  };
  const clock = new FakeClock();
  const transport = createTransport(api.kubeConfig(), { clock });
  const resources = await listedResources(
    { bindingSelector: undefined, endpointsSource: 'endpoints' },
    transport,
    new AbortController().signal,
  );
  const watching = createWatching(
    { namespace: [], region: 'cn-hangzhou', readinessGates: false },
    resources,
    {
      transport,
      clock,
      reflectorHooks: {},
      onHandlerError: (_, error) => {
        throw error;
      },
    },
  );
  const metrics = createMetrics({
    version: '1',
    controllers: [],
    resources: [],
    actions: [],
    backendStates: [],
  });
  const shown = async () => {
    showCaches(metrics, watching);
    return (await metrics.render()).split('\n').filter((line) => line.startsWith('vsgb_cache_objects{'));
  };
  const { bindings, pods } = watching.caches;
  const synced: string[] = [];
  pods.onSynced((namespace) => synced.push(namespace));
  watching.start();
  const first = await until('the pods', () => pods.in('shop'));
  expect([synced, await shown()]).toEqual([
    ['shop'],
    expect.arrayContaining([
      'vsgb_cache_objects{resource="vservergroupbindings"} 2',
      'vsgb_cache_objects{resource="pods"} 2',
    ]),
  ]);
  bindings.remove('shop/one');
  expect(pods.in('shop')).toBe(first);
  const left = bindings.get('shop/two');
  bindings.remove('shop/two');
  expect(pods.in('shop')).toBeUndefined();
  expect(await shown()).toContain('vsgb_cache_objects{resource="pods"} 0');
  await until('the watch ends', () => !watching.informers.health.some(({ name }) => name === 'pods'));
  if (left !== undefined) bindings.set(left);
  expect(await until('the pods anew', () => pods.in('shop'))).not.toBe(first);
  await watching.informers.stop();
  await transport.close();
});
