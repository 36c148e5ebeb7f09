import { describe, expect, test } from '@jest/globals';
import { settle } from '../../../../lab/time/fake-clock.ts';
import { Informers } from '../../../../src/kubernetes/informer/informers.ts';
import { pod, podList, status, until } from '../fake-api.ts';
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

describe('of several namespaces, one that is answered with 403', () => {
  const list = { body: podList([pod('a', '1')], '10') };
  const refused = { status: 403 };

  test('holds up neither start nor refresh, and is open once all of it has been listed', async () => {
    await using shop = await reflecting({ namespace: 'shop' });
    await using bindings = await reflecting({ name: 'bindings', namespace: 'web', lists: [refused] });
    await using services = await reflecting({ name: 'services', namespace: 'web', lists: [list] });
    const informers = new Informers();
    const turns: string[] = [];
    informers.onTurn((namespace, isClosed) => turns.push(`${namespace} ${isClosed ? 'closed' : 'open'}`));
    for (const { reflector } of [shop, bindings, services]) informers.add(reflector);
    await informers.waitForSync(AbortSignal.timeout(5000));
    expect([informers.notSynced, [...informers.closed]]).toEqual([[], ['web']]);
    expect(informers.areClosed).toBe(false);
    services.lists[0] = refused;
    await informers.refresh();
    bindings.lists[0] = list;
    await bindings.pause();
    await bindings.reflector.waitForSync(AbortSignal.timeout(5000));
    expect([...informers.closed]).toEqual(['web']);
    services.lists[0] = list;
    await services.pause();
    await until('the namespace to open', () => informers.closed.size === 0);
    expect(turns).toEqual(['web closed', 'web open']);
    await informers.stop();
  });

  test('keeps what its stores hold, and is read from the newest list on', async () => {
    await using it = await reflecting({ namespace: 'web' });
    const informers = new Informers();
    informers.add(it.reflector);
    const watch = await it.watch(0);
    watch.open();
    watch.send('ERROR', status(403, 'Forbidden', 'no RoleBinding'));
    await it.failed(1);
    expect([[...informers.closed], it.names()]).toEqual([['web'], ['a', 'b']]);
    await it.pause();
    await until('the namespace to open', () => informers.closed.size === 0);
    expect(it.askedAt()).toEqual([null, null]);
    await informers.stop();
  });

  test('waits for pods that a binding turns out to need, and no longer once it needs them no more', async () => {
    await using bindings = await reflecting({ namespace: 'web', lists: [refused] });
    await using pods = await reflecting({ namespace: 'web', lists: [undefined] });
    const informers = new Informers();
    bindings.store.onChange(() => {
      if (!pods.api.lists.length) informers.add(pods.reflector);
    });
    informers.add(bindings.reflector);
    await bindings.failed(1);
    bindings.lists[0] = { body: podList([pod('a', '1')], '10') };
    await bindings.pause();
    await bindings.reflector.waitForSync(AbortSignal.timeout(5000));
    expect([...informers.closed]).toEqual(['web']);
    expect(informers.areClosed).toBe(true);
    await informers.remove(pods.reflector);
    expect([...informers.closed]).toEqual([]);
    await informers.stop();
  });
});

test('a 403 for the whole cluster closes no namespace: all is waited for', async () => {
  await using it = await reflecting({ lists: [{ status: 403 }] });
  const informers = new Informers();
  informers.add(it.reflector);
  await it.failed(1);
  expect([informers.notSynced, [...informers.closed]]).toEqual([['pods'], []]);
  await informers.stop();
});
