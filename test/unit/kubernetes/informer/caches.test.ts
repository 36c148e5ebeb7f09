import { expect, test } from '@jest/globals';
import { Caches, OnDemandCaches } from '../../../../src/kubernetes/informer/caches.ts';
import { until } from '../fake-api.ts';
import { reflecting } from './reflecting.ts';

test('is synced when all members are; names those that are not', async () => {
  await using it = await reflecting({ name: 'services' });
  await using late = await reflecting({ name: 'nodes', lists: [{ status: 503 }] });
  const caches = new Caches();
  caches.add(it.reflector);
  caches.add(late.reflector);
  await it.reflector.waitForSync(AbortSignal.timeout(5000));
  expect(caches.notSynced).toEqual(['nodes']);
  await late.failed(1);
  await until('services is up', () => it.reflector.healthy.up);
  expect(caches.health.map(({ name, up }) => [name, up])).toEqual([
    ['nodes', false],
    ['services', true],
  ]);
  late.lists[0] = { body: { kind: 'List', metadata: { resourceVersion: '1' }, items: [] } };
  await late.pause();
  await caches.waitForSync(AbortSignal.timeout(5000));
  expect(caches.notSynced).toEqual([]);
  await caches.stop();
  expect([it.clock.pending, late.clock.pending]).toEqual([0, 0]);
});

test("waiting for all ends with the signal's reason", async () => {
  await using it = await reflecting({ lists: [undefined] });
  const caches = new Caches();
  caches.add(it.reflector);
  const abort = new AbortController();
  const synced = caches.waitForSync(abort.signal);
  abort.abort(new Error('enough'));
  await expect(synced).rejects.toThrow('enough');
  await caches.stop();
});

test('on demand: made at the first acquire, stopped at the last release, made anew after that', async () => {
  await using first = await reflecting();
  await using second = await reflecting();
  const caches = new Caches();
  const made: string[] = [];
  const pods = new OnDemandCaches(caches, (namespace) => {
    made.push(namespace);
    return made.length === 1 ? first.reflector : second.reflector;
  });
  expect(pods.acquire('shop')).toBe(first.reflector);
  expect(pods.acquire('shop')).toBe(first.reflector);
  const watch = await first.watch(0);
  await pods.release('shop');
  expect([watch.closed, pods.get('shop')]).toEqual([false, first.reflector]);
  await pods.release('shop');
  await until('the watch is closed', () => watch.closed);
  expect([pods.get('shop'), caches.health]).toEqual([undefined, []]);
  expect(pods.acquire('shop')).toBe(second.reflector);
  expect(made).toEqual(['shop', 'shop']);
  await caches.stop();
  await expect(pods.release('other')).rejects.toThrow(/nobody holds/);
});
