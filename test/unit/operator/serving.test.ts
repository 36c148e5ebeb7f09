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

test('the pods that are known are counted, of all namespaces where they are needed', async () => {
  await using api = await FakeApi.start();
  const binding = {
    ...pod('web', '1'),
    spec: {
      vServerGroupId: 'rsp-1',
      backendType: 'eni',
      mode: 'Sync',
      serviceRef: { name: 'web', port: 80 },
    },
  };
  api.answer = ({ path }) => {
    if (path.endsWith('/vservergroupbindings')) return { body: podList([binding], '5') };
    return { body: podList(path.endsWith('/pods') ? [pod('a', '1'), pod('b', '2')] : [], '5') };
  };
  const clock = new FakeClock();
  const transport = createTransport(api.kubeConfig(), { clock });
  const config = { namespace: [], region: 'cn-hangzhou', defaultDrainSeconds: 0 };
  const resources = await listedResources(
    { bindingSelector: undefined, endpointsSource: 'endpoints' },
    transport,
    new AbortController().signal,
  );
  const watching = createWatching(config, resources, {
    transport,
    clock,
    reflectorHooks: {},
    onHandlerError: (_, error) => {
      throw error;
    },
  });
  watching.start();
  const known = { version: '1', controllers: [], resources: [], actions: [], backendStates: [] };
  const metrics = createMetrics(known);
  await until('the pods', () => watching.caches.pods.in('shop'));
  showCaches(metrics, watching);
  expect((await metrics.render()).split('\n')).toEqual(
    expect.arrayContaining([
      'vsgb_cache_objects{resource="vservergroupbindings"} 1',
      'vsgb_cache_objects{resource="pods"} 2',
    ]),
  );
  await watching.informers.stop();
  await transport.close();
});
