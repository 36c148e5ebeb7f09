import { expect, test } from '@jest/globals';
import { pod, podList, status, until } from '../fake-api.ts';
import { reflecting } from './reflecting.ts';

const tooLarge = status(504, 'Timeout', 'Too large resource version: 9, current: 5', {
  causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
});

test('410 in the stream: the newest list is read at once, and only the difference told', async () => {
  await using it = await reflecting();
  it.start();
  const watch = await it.watch(0);
  it.changes.length = 0;
  it.lists[0] = { body: podList([pod('b', '2'), pod('c', '20')], '40') };
  watch.send('ERROR', status(410, 'Expired', 'too old resource version: 10 (39)'));
  expect((await it.watch(1)).query.get('resourceVersion')).toBe('40');
  expect([it.askedAt(), it.changes, it.clock.now()]).toEqual([[null, null], ['removed a', 'added c'], 0]);
});

test('410 as an answer: the same; again within 30 s, after a pause', async () => {
  await using it = await reflecting();
  it.api.onWatch = (watch) => watch.refuse(410, status(410, 'Expired'));
  it.start();
  await it.failed(2);
  expect(it.failures.map(({ retryInMs }) => retryInMs)).toEqual([0, 150]);
  expect(it.askedAt()).toEqual([null, null]);
  it.api.onWatch = (watch) => watch.open();
  await it.pause();
  await it.watch(2);
  expect(it.askedAt()).toEqual([null, null, null]);
});

test('410 between two pages: the list is read anew, from the newest version', async () => {
  const expired = { status: 410, body: status(410, 'Expired', 'the provided continue parameter is too old') };
  const last = { body: podList([pod('z', '3')], '12') };
  await using it = await reflecting({
    lists: [{ body: podList([pod('a', '1')], '10', 'x') }, expired, last],
  });
  it.start();
  await it.watch(0);
  expect([it.names(), it.askedAt(), it.clock.now()]).toEqual([['z'], [null, null, null], 0]);
});

test('a version in the future of the server: the newest list is read', async () => {
  await using it = await reflecting();
  it.api.onWatch = (watch) => watch.refuse(504, tooLarge);
  it.start();
  await it.failed(1);
  it.api.onWatch = (watch) => watch.open();
  await it.pause();
  await it.watch(1);
  expect(it.askedAt()).toEqual([null, null]);
});

test('a connection cut in the middle of a line: the watch is taken up at once at the last version, without a list', async () => {
  await using it = await reflecting();
  it.start();
  const first = (await it.watch(0)).send('ADDED', pod('c', '11')).write('{"type":"MODIFIED","obj');
  await until('the event', () => it.names().includes('c'));
  first.reset();
  const second = await it.watch(1);
  expect([second.query.get('resourceVersion'), it.api.lists.length, it.failures[0]?.retryInMs]).toEqual([
    '11',
    1,
    0,
  ]);
  second.send('MODIFIED', pod('c', '12'));
  await until('the event', () => it.store.get('shop/c')?.resourceVersion === '12');
});

test('a watch that goes dark is noticed within 40 s and taken up at its version, without a list', async () => {
  await using it = await reflecting({ random: () => 1 });
  it.start();
  const dark = await it.watch(0);
  await until('up', () => it.reflector.healthy.up);
  expect(dark.query.get('timeoutSeconds')).toBe('35');
  await it.clock.advance(39_999);
  expect(it.failures).toEqual([]);
  await it.clock.advance(1);
  const next = await it.watch(1);
  expect(next.query.get('resourceVersion')).toBe('10');
  expect([it.failures[0]?.error.code, it.api.lists.length]).toEqual(['SILENT', 1]);
  expect(it.api.connections).toBe(3);
});

test('while the server fails the pauses grow to 1.5 s, and are short again after half a minute of peace', async () => {
  await using it = await reflecting();
  it.api.onWatch = (watch) => watch.refuse(500);
  it.start();
  const pauses: number[] = [];
  for (let count = 1; count <= 7; count++) {
    pauses.push((await it.failed(count)).retryInMs);
    expect(it.reflector.healthy).toMatchObject({ up: false, since: 0, synced: true });
    if (count === 7) it.api.onWatch = (watch) => watch.open();
    await it.pause();
  }
  expect(pauses).toEqual([150, 300, 600, 1125, 1125, 1125, 1125]);
  for (let later = 7; it.clock.now() < 300_000; later++) {
    const watch = await it.watch(later);
    await until('up', () => it.reflector.healthy.up);
    await it.clock.advance(30_000);
    watch.end();
  }
  expect(it.failures).toHaveLength(7);
  it.api.onWatch = (watch) => watch.refuse(500);
  (await it.watch(it.api.watches.length - 1)).reset();
  const cut = await it.failed(8);
  await it.pause();
  const refused = await it.failed(9);
  expect([cut.retryInMs, refused.retryInMs]).toEqual([150, 300]);
});

test('429: Retry-After is kept to, for list and watch', async () => {
  const busy = { status: 429, headers: { 'retry-after': '7' }, body: status(429, 'TooManyRequests') };
  await using it = await reflecting({ lists: [busy, { body: podList([], '3') }] });
  it.api.onWatch = (watch) => watch.refuse(429, status(429, 'TooManyRequests'), { 'retry-after': '9' });
  it.start();
  expect((await it.failed(1)).retryInMs).toBe(7_350);
  await it.pause();
  expect((await it.failed(2)).retryInMs).toBe(9_450);
  it.api.onWatch = (watch) => watch.open();
  await it.pause();
  await it.watch(1);
  // An empty first list is read twice; no further list precedes the watch.
  expect(it.api.lists).toHaveLength(3);
});

test.each([
  [429, 'TooManyRequests'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
])('an ERROR event of %i: the watch is taken up after a pause, without a list', async (code, reason) => {
  await using it = await reflecting();
  it.start();
  (await it.watch(0)).send(
    'ERROR',
    status(code, reason, 'storage is (re)initializing', { retryAfterSeconds: 2 }),
  );
  const { error, retryInMs } = await it.failed(1);
  expect([error.status, retryInMs]).toEqual([code, 2_100]);
  await it.pause();
  expect((await it.watch(1)).query.get('resourceVersion')).toBe('10');
  expect(it.api.lists).toHaveLength(1);
});

test('an ERROR event of another kind: a new list', async () => {
  await using it = await reflecting();
  it.start();
  (await it.watch(0)).send('ERROR', status(400, 'BadRequest'));
  await it.failed(1);
  await it.pause();
  await it.watch(1);
  expect(it.askedAt()).toEqual([null, null]);
});

test('401 and 403 are tried again for ever, and told', async () => {
  await using it = await reflecting({
    lists: [{ status: 403, body: status(403, 'Forbidden', 'pods is forbidden') }],
  });
  it.start();
  await it.failed(1);
  it.lists[0] = { status: 401, body: status(401, 'Unauthorized') };
  await it.pause();
  await it.failed(2);
  expect(it.failures.map(({ error }) => error.message)).toEqual([
    'GET /api/v1/pods: 403 Forbidden: pods is forbidden',
    'GET /api/v1/pods: 401 Unauthorized: because',
  ]);
  it.lists[0] = { body: podList([pod('a', '1')], '2') };
  await it.pause();
  await it.watch(0);
});

test('a line that cannot be read: reported, and a new list at the version seen last', async () => {
  await using it = await reflecting();
  it.start();
  (await it.watch(0)).send('ADDED', pod('c', '11')).write('{"type":\n').send('ADDED', pod('d', '12'));
  expect((await it.failed(1)).error.name).toBe('KubeParseError');
  it.lists[0] = { body: podList([pod('a', '1'), pod('b', '2'), pod('c', '11'), pod('d', '12')], '12') };
  await it.pause();
  await it.watch(1);
  expect([it.askedAt(), it.names()]).toEqual([
    [null, '11'],
    ['a', 'b', 'c', 'd'],
  ]);
});

test.each([
  ['an empty object', {}],
  ['a list without a version', { kind: 'PodList', metadata: {}, items: [] }],
  ['null items of what is no list', { metadata: { resourceVersion: '3' }, items: null }],
  ['no JSON', '<html>'],
])('%s is not taken for an empty list', async (_what, body) => {
  await using it = await reflecting();
  it.start();
  await it.watch(0);
  it.lists[0] = { body };
  await it.expire();
  expect((await it.failed(2)).error.name).toBe('KubeParseError');
  expect(it.names()).toEqual(['a', 'b']);
});

test('null items are how an empty list may be written', async () => {
  const body = { kind: 'PodList', metadata: { resourceVersion: '3' }, items: null };
  await using it = await reflecting({ lists: [{ body }] });
  it.start();
  await it.watch(0);
  expect(it.reflector.hasSynced).toBe(true);
});

const ten = Array.from({ length: 10 }, (_, index) => pod(`p${index}`, String(index + 1)));

test('an empty relist is not believed before a second list says the same', async () => {
  await using it = await reflecting({ lists: [{ body: podList(ten, '10') }] });
  it.start();
  await it.watch(0);
  it.changes.length = 0;
  it.lists.splice(0, 1, { body: podList([], '20') }, { body: podList(ten, '21') });
  await it.relist();
  expect([it.changes, it.hooked.includes('doubted 10/10')]).toEqual([[], true]);
  expect((await it.watch(1)).query.get('resourceVersion')).toBe('21');
  it.lists.splice(0, 1, { body: podList([], '30') });
  await it.clock.advance(30_001);
  await it.relist();
  expect([it.store.size, it.askedAt()]).toEqual([0, [null, null, null, null, null]]);
});

test.each([
  ['two of ten', 8, ten, 1],
  ['four of ten', 6, ten, 1],
  ['half', 5, ten, 2],
  ['two of four, which is few', 2, ten.slice(0, 4), 1],
  ['both of two, which is all', 0, ten.slice(0, 2), 2],
])('a relist that removes %s is read the right number of times', async (_what, left, before, reads) => {
  await using it = await reflecting({ lists: [{ body: podList(before, '10') }] });
  it.start();
  await it.watch(0);
  it.lists[0] = { body: podList(before.slice(0, left), '20') };
  await it.relist();
  expect([it.api.lists.length, it.store.size]).toEqual([1 + reads, left]);
});

test('when two lists would each remove most, but not the same, neither is believed', async () => {
  await using it = await reflecting({ lists: [{ body: podList(ten, '10') }] });
  it.start();
  await it.watch(0);
  it.lists.splice(0, 1, { body: podList(ten.slice(5), '20') }, { body: podList(ten.slice(0, 5), '21') });
  await it.expire();
  expect((await it.failed(2)).error.name).toBe('ListsDisagreeError');
  expect(it.store.size).toBe(10);
  it.lists[0] = { body: podList(ten, '22') };
  await it.pause();
  await it.watch(1);
  expect(it.store.size).toBe(10);
});

test('a first list that is empty is read once more, consistently', async () => {
  await using it = await reflecting({
    lists: [{ body: podList([], '1') }, { body: podList([pod('a', '1')], '2') }],
  });
  it.start();
  await it.reflector.waitForSync(AbortSignal.timeout(5000));
  expect([it.names(), it.askedAt()]).toEqual([['a'], [null, null]]);
});

test('a collection that is not found does not count as empty, however long; it comes back by itself', async () => {
  await using it = await reflecting();
  it.start();
  const watch = await it.watch(0);
  it.changes.length = 0;
  it.lists[0] = { status: 404, body: '404 page not found\n' };
  it.api.onWatch = (served) => served.refuse(404, '404 page not found\n');
  watch.reset();
  let count = 1;
  for (; it.clock.now() < 60_000; count++) {
    expect((await it.failed(count)).retryInMs).toBeLessThanOrEqual(1_500);
    await it.pause();
  }
  expect([(await it.failed(count)).error.status, it.changes]).toEqual([404, []]);
  it.lists[0] = { body: podList([pod('a', '1'), pod('new', '70')], '70') };
  it.api.onWatch = (served) => served.open();
  await it.pause();
  await until('it is back', () => it.reflector.healthy.up);
  expect(it.names()).toEqual(['a', 'new']);
});

test('a collection that is not there at first is waited for, with the reason told', async () => {
  await using it = await reflecting({ lists: [{ status: 404, body: 'not found' }] });
  it.start();
  await it.failed(1);
  expect([it.reflector.hasSynced, it.failures[0]?.error]).toMatchObject([false, { status: 404 }]);
  it.lists[0] = { body: podList([pod('a', '1')], '2') };
  await it.pause();
  await it.reflector.waitForSync(AbortSignal.timeout(5000));
});

test('a server that was away is asked for the newest list, for its store may have gone back', async () => {
  await using it = await reflecting();
  it.start();
  const first = await it.watch(0);
  first.send('ADDED', pod('c', '11'));
  await until('the addition', () => it.names().includes('c'));
  it.lists.splice(0, it.lists.length, { body: podList([pod('a', '1')], '5') });
  it.api.onWatch = (watch) => watch.reset();
  first.reset();
  await it.failed(2);
  it.api.onWatch = (watch) => watch.open();
  await it.pause();
  const next = await it.watch(2);
  expect([it.askedAt(), next.query.get('resourceVersion'), it.names()]).toEqual([[null, null], '5', ['a']]);
});

test('a watch that tells of a version before the one before: the newest list is read', async () => {
  await using it = await reflecting();
  it.start();
  (await it.watch(0)).send('ADDED', pod('c', '20')).send('MODIFIED', pod('c', '12'));
  it.lists.splice(0, it.lists.length, { body: podList([pod('c', '12')], '13') });
  expect((await it.failed(1)).error.name).toBe('WentBackError');
  await it.pause();
  expect((await it.watch(1)).query.get('resourceVersion')).toBe('13');
  expect(it.askedAt()).toEqual([null, null]);
});
