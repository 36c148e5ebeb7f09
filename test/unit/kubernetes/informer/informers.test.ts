import { expect, test } from '@jest/globals';
import { settle } from '../../../../lab/time/fake-clock.ts';
import { Informers } from '../../../../src/kubernetes/informer/informers.ts';
import { pod, podList, until } from '../fake-api.ts';
import { reflecting } from './reflecting.ts';

test('is synced when all members are; names those that are not', async () => {
  await using it = await reflecting({ name: 'services' });
  await using late = await reflecting({ name: 'nodes', lists: [{ status: 503 }] });
  const informers = new Informers();
  informers.add(it.reflector);
  informers.add(late.reflector);
  await it.reflector.waitForSync(AbortSignal.timeout(5000));
  expect(informers.notSynced).toEqual(['nodes']);
  await late.failed(1);
  await until('services is up', () => it.reflector.healthy.up);
  expect(informers.health.map(({ name, up }) => [name, up])).toEqual([
    ['nodes', false],
    ['services', true],
  ]);
  late.lists[0] = { body: { kind: 'List', metadata: { resourceVersion: '1' }, items: [] } };
  await late.pause();
  await informers.waitForSync(AbortSignal.timeout(5000));
  expect(informers.notSynced).toEqual([]);
  await informers.stop();
  expect([it.clock.pending, late.clock.pending]).toEqual([0, 0]);
});

test('refreshed, it holds the newest of all members, whatever was under way', async () => {
  await using it = await reflecting({
    lists: [
      { body: podList([pod('a', '1'), pod('b', '2')], '10') },
      undefined,
      { body: podList([pod('a', '1'), pod('c', '12')], '13') },
    ],
  });
  const informers = new Informers();
  informers.add(it.reflector);
  (await it.watch(0)).open();
  const first = informers.refresh();
  await until('the list', () => it.api.lists.length === 2);
  expect(it.names()).toEqual(['a', 'b']);
  const second = informers.refresh();
  await Promise.all([first, second]);
  expect([it.names(), it.askedAt()]).toEqual([
    ['a', 'c'],
    [null, null, null],
  ]);
  expect((await it.watch(1)).query.get('resourceVersion')).toBe('13');
  expect(it.failures).toEqual([]);
  await informers.stop();
});

test('while a list fails, a refresh goes on, and asks for the newest', async () => {
  const first = { body: podList([pod('a', '1'), pod('b', '2')], '10') };
  const busy = { status: 429 };
  const last = { body: podList([pod('b', '2'), pod('c', '12')], '13') };
  await using it = await reflecting({ lists: [first, busy, busy, last] });
  const informers = new Informers();
  informers.add(it.reflector);
  (await it.watch(0)).open();
  let isOver = false;
  const refreshed = informers.refresh().then(() => {
    isOver = true;
  });
  await it.failed(1);
  await it.pause();
  await it.failed(2);
  expect([isOver, it.names()]).toEqual([false, ['a', 'b']]);
  await it.pause();
  await refreshed;
  expect([it.names(), it.askedAt()]).toEqual([
    ['b', 'c'],
    [null, null, null, null],
  ]);
  await informers.stop();
});

test('all are waited for, also those that come meanwhile, and not those that go', async () => {
  await using bindings = await reflecting({ lists: [undefined] });
  await using pods = await reflecting({ lists: [undefined] });
  await using dropped = await reflecting({ lists: [undefined] });
  const informers = new Informers();
  informers.add(bindings.reflector);
  bindings.reflector.store.onChange(() => {
    if (informers.notSynced.length > 1) return;
    informers.add(pods.reflector);
    informers.add(dropped.reflector);
  });
  let isOver = false;
  const synced = informers.waitForSync(new AbortController().signal).then(() => {
    isOver = true;
  });
  bindings.reflector.store.set({ key: 'shop/web', resourceVersion: '1' } as never);
  bindings.lists[0] = { body: podList([], '1') };
  await bindings.reflector.refresh();
  await settle();
  expect([isOver, informers.notSynced]).toEqual([false, ['pods', 'pods']]);
  await informers.remove(dropped.reflector);
  pods.lists[0] = { body: podList([], '1') };
  await pods.reflector.refresh();
  await synced;
  await informers.stop();
});

test("waiting for all ends with the signal's reason", async () => {
  await using it = await reflecting({ lists: [undefined] });
  const informers = new Informers();
  informers.add(it.reflector);
  const abort = new AbortController();
  const synced = informers.waitForSync(abort.signal);
  abort.abort(new Error('enough'));
  await expect(synced).rejects.toThrow('enough');
  await informers.stop();
});
