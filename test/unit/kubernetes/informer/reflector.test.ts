import { expect, test } from '@jest/globals';
import { pod, podList, until } from '../fake-api.ts';
import { reflecting } from './reflecting.ts';

test('lists the newest in pages, then watches from the version of the list, with bookmarks and for half a minute', async () => {
  await using it = await reflecting({ query: { labelSelector: 'app=web' } });
  expect(it.reflector.hasSynced).toBe(false);
  it.start();
  await it.reflector.waitForSync(AbortSignal.timeout(5000));
  const { query } = await it.watch(0);
  expect(Object.fromEntries(it.api.lists[0]?.query ?? [])).toEqual({
    labelSelector: 'app=web',
    limit: '100',
  });
  expect(Object.fromEntries(query)).toEqual({
    labelSelector: 'app=web',
    resourceVersion: '10',
    allowWatchBookmarks: 'true',
    timeoutSeconds: '30',
    watch: 'true',
  });
  expect([it.names(), it.reflector.hasSynced]).toEqual([['a', 'b'], true]);
  await until('up', () => it.reflector.healthy.up);
});

test('10,000 objects come in pages of 100 and go into the store at once', async () => {
  await using it = await reflecting();
  const all = Array.from({ length: 10_000 }, (_, index) => pod(`p${index}`, String(index + 1)));
  it.api.answer = ({ query }) => {
    const from = Number(query.get('continue') ?? 0);
    const next = from + 100 < all.length ? String(from + 100) : undefined;
    return { body: podList(all.slice(from, from + 100), '20000', next) };
  };
  const sizes = new Set<number>();
  it.store.onChange(() => sizes.add(it.store.size));
  it.start();
  await it.watch(0);
  expect([it.api.lists.length, [...sizes]]).toEqual([100, [10_000]]);
  expect(it.askedAt()).toEqual(Array(100).fill(null));
});

test('a server that ignores the limit is understood', async () => {
  const all = Array.from({ length: 1_234 }, (_, index) => pod(`p${index}`, String(index + 1)));
  await using it = await reflecting({ lists: [{ body: podList(all, '5000') }] });
  it.start();
  await it.watch(0);
  expect([it.store.size, it.api.lists.length]).toEqual([1_234, 1]);
});

test('events change the store in their order; what is known already is no change', async () => {
  await using it = await reflecting();
  it.start();
  const watch = await it.watch(0);
  it.changes.length = 0;
  watch
    .send('ADDED', pod('c', '11'))
    .send('MODIFIED', pod('a', '1'))
    .send('MODIFIED', pod('c', '12'))
    .send('DELETED', pod('a', '13'))
    .send('ADDED', pod('a', '14'));
  await until('the last event', () => it.changes.length === 4);
  expect(it.changes).toEqual(['added c', 'modified c', 'removed a', 'added a']);
});

test('a watch that the server ends is taken up at the version of the last bookmark, at once and without a list', async () => {
  await using it = await reflecting();
  it.start();
  const first = await it.watch(0);
  first.send('ADDED', pod('c', '11')).send('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '99' } });
  first.end();
  const second = await it.watch(1);
  expect([second.query.get('resourceVersion'), it.api.lists.length, it.failures.length]).toEqual([
    '99',
    1,
    0,
  ]);
  expect(it.clock.now()).toBe(0);
  expect(it.reflector.healthy).toMatchObject({ up: true, synced: true });
});

test('a quiet watch that the server ends after its time is taken up at the version it had', async () => {
  await using it = await reflecting();
  it.start();
  const first = await it.watch(0);
  await until('up', () => it.reflector.healthy.up);
  await it.clock.advance(30_000);
  first.end();
  expect((await it.watch(1)).query.get('resourceVersion')).toBe('10');
  expect([it.api.lists.length, it.failures.length]).toEqual([1, 0]);
});

test('a server that ends each watch as soon as it began is asked less and less often', async () => {
  await using it = await reflecting();
  it.api.onWatch = (watch) => watch.end();
  it.start();
  const pauses: number[] = [];
  for (let count = 1; count <= 8; count++) {
    pauses.push((await it.failed(count)).retryInMs);
    await it.pause();
  }
  expect(pauses).toEqual([150, 300, 600, 1125, 1125, 1125, 1125, 1125]);
  expect([it.failures[0]?.error.code, it.api.lists.length]).toEqual(['CLOSED', 1]);
});

test('what the trim throws at is reported and left as it was; what it does not want is removed', async () => {
  await using it = await reflecting();
  it.start();
  const watch = await it.watch(0);
  it.changes.length = 0;
  const annotated = (name: string, version: string, key: string) =>
    pod(name, version, { annotations: { [key]: 'yes' } });
  watch
    .send('MODIFIED', annotated('a', '11', 'refuse'))
    .send('ADDED', annotated('c', '12', 'refuse'))
    .send('MODIFIED', annotated('b', '13', 'drop'))
    .send('DELETED', { kind: 'Pod' })
    .send('ADDED', pod('d', '14'));
  await until('the last event', () => it.names().includes('d'));
  expect(it.changes).toEqual(['removed b', 'added d']);
  expect(it.hooked.filter((hook) => hook.startsWith('refused'))).toEqual([
    'refused shop/a',
    'refused shop/c',
  ]);
  it.lists[0] = { body: podList([annotated('a', '15', 'refuse'), pod('d', '14')], '20') };
  await it.relist();
  expect(it.store.get('shop/a')?.resourceVersion).toBe('1');
});

test('stopping ends everything: watch, timers, connection; during a list no watch is opened any more', async () => {
  await using it = await reflecting();
  it.start();
  const watch = await it.watch(0);
  await it.stop();
  await until('the connection is dropped', () => watch.closed);
  expect([it.clock.pending, it.reflector.healthy.up]).toEqual([0, false]);
  await using other = await reflecting({ lists: [undefined] });
  other.start();
  await other.listed(1);
  await other.stop();
  expect([other.api.watches.length, other.reflector.hasSynced]).toEqual([0, false]);
});

test('a handler that throws disturbs neither the watch nor the version', async () => {
  await using it = await reflecting();
  it.store.onChange(() => {
    throw new Error('mine');
  });
  it.start();
  (await it.watch(0)).send('ADDED', pod('c', '11')).end();
  expect((await it.watch(1)).query.get('resourceVersion')).toBe('11');
  expect(it.failures).toEqual([]);
});
