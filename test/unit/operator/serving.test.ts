import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { GRANTS_ANNOTATION } from '../../../src/api/names.ts';
import { listedResources, RESOURCES } from '../../../src/controller/cluster/resources.ts';
import { createTransport } from '../../../src/kubernetes/client/transport.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { darkWatches, missingCaches, showCaches } from '../../../src/operator/serving.ts';
import { createWatching } from '../../../src/operator/watching.ts';
import { FakeApi, pod, podList, until } from '../kubernetes/fake-api.ts';

const watch = (name: string, up: boolean, since: number, refused = false, synced = true) => ({
  ...{ name, synced, refused, up, since },
});
const open = (...health: readonly ReturnType<typeof watch>[]) => ({ health: [...health], areClosed: false });

test('watches that have been down for a minute are shown, each resource once', () => {
  const informers = open(
    watch('pods', false, 0),
    watch('pods', false, 10),
    watch('nodes', false, 50_000),
    watch('services', true, 0),
  );
  expect(darkWatches(informers, 60_000)).toBeUndefined();
  expect(darkWatches(informers, 61_000)).toBe('no changes arrive for more than 60 s: pods');
  expect(darkWatches(open(watch('services', true, 0)), 1e9)).toBeUndefined();
});

test('watches of a closed namespace do not count: the others are served', () => {
  const health = [watch('pods', false, 0, true), watch('services', true, 0)];
  expect(darkWatches(open(...health), 1e9)).toBeUndefined();
  expect(missingCaches(open(watch('pods', false, 0, true, false), ...health))).toBeUndefined();
});

test('a process that may read none of its namespaces is not ready: it must not replace one that could', () => {
  const started = { health: [watch('pods', false, 0, true, false)], areClosed: true };
  expect(missingCaches(started)).toBe('not complete: pods');
  const later = { health: [watch('pods', false, 0, true)], areClosed: true };
  expect([missingCaches(later), darkWatches(later, 60_000)]).toEqual([undefined, undefined]);
  expect(darkWatches(later, 61_000)).toBe('no changes arrive for more than 60 s: pods');
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
  await using started = await watchingOf(api, {});
  const { watching } = started;
  const shown = () => started.shown('vsgb_cache_objects');
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
});

describe('namespaces', () => {
  const namespace = {
    metadata: { name: 'shop', resourceVersion: '1', annotations: { [GRANTS_ANNOTATION]: 'rsp-1' } },
  };

  test.each<[string, Partial<WatchingConfig>, readonly string[]]>([
    ['all', { requireGrants: true }, ['/api/v1/namespaces']],
    [
      'those that it looks after, by name',
      { requireGrants: true, namespace: ['shop', 'web'] },
      ['shop', 'web'].map((name) => `/api/v1/namespaces metadata.name=${name}`),
    ],
    ['none without --require-grants', {}, []],
  ])('of which grants are read: %s', async (_, config, paths) => {
    await using api = await FakeApi.start();
    api.answer = ({ path, query }) => {
      const isShop = path === '/api/v1/namespaces' && !query.get('fieldSelector')?.endsWith('web');
      return { body: podList(isShop ? [namespace] : [], '5') };
    };
    await using started = await watchingOf(api, config);
    const { watching } = started;
    watching.start();
    await until('the caches', () => watching.informers.notSynced.length === 0);
    const lists = api.seen
      .filter(({ path }) => path === '/api/v1/namespaces')
      .map(({ path, query }) => [path, query.get('fieldSelector')].filter((part) => part !== null).join(' '));
    expect([...new Set(lists)].sort()).toEqual(paths);
    const { namespaces } = watching.caches;
    expect(namespaces.get('shop')?.annotation).toBe(paths.length === 0 ? undefined : 'rsp-1');
    const up = (await started.shown('vsgb_watch_up')).filter((line) => line.includes('namespaces'));
    expect(up).toHaveLength(paths.length === 0 ? 0 : 1);
  });
});

type WatchingConfig = Parameters<typeof createWatching>[0];

async function watchingOf(api: FakeApi, config: Partial<WatchingConfig>) {
  const clock = new FakeClock();
  const transport = createTransport(api.kubeConfig(), { clock });
  const resources = await listedResources(
    { bindingSelector: undefined, endpointsSource: 'endpoints' },
    transport,
    new AbortController().signal,
  );
  const watching = createWatching(
    { namespace: [], region: 'cn-hangzhou', readinessGates: false, requireGrants: false, ...config },
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
    resources: RESOURCES,
    actions: [],
    backendStates: [],
  });
  return {
    watching,
    /** The series of a metric. */
    async shown(name: string): Promise<readonly string[]> {
      showCaches(metrics, watching);
      return (await metrics.render()).split('\n').filter((line) => line.startsWith(`${name}{`));
    },
    async [Symbol.asyncDispose]() {
      await watching.informers.stop();
      await transport.close();
    },
  };
}
