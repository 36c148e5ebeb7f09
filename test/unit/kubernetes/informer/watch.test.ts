import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { createTransport, type WatchEvent } from '../../../../src/kubernetes/client/transport.ts';
import { FakeApi, pod, type ServedWatch, status, until } from '../fake-api.ts';

async function watching() {
  const api = await FakeApi.start();
  const clock = new FakeClock();
  const transport = createTransport(api.kubeConfig(), { clock });
  const abort = new AbortController();
  const events: WatchEvent[] = [];
  let opened = 0;
  const start = async () => {
    const options = {
      query: { resourceVersion: '1' },
      signal: abort.signal,
      inactivityMs: 40_000,
      onOpen: () => opened++,
    };
    for await (const event of transport.watch('/api/v1/pods', options)) events.push(event);
  };
  const ended = start();
  ended.catch(() => {});
  return {
    api,
    clock,
    transport,
    abort,
    events,
    ended,
    opened: () => opened,
    names: () => events.map(({ object }) => (object as { metadata: { name: string } }).metadata.name),
    served: () => api.watch(0) as Promise<ServedWatch>,
    [Symbol.asyncDispose]: async () => {
      abort.abort();
      await transport.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

test('lines are put together from chunks of one byte, in the middle of characters too', async () => {
  await using watch = await watching();
  const served = await watch.served();
  const bytes = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: pod('größe-日本-😀', '2') })}\n`);
  for (let at = 0; at < bytes.length; at++) {
    served.write(bytes.subarray(at, at + 1));
    if (at % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until('the event', () => watch.events.length === 1);
  expect(watch.names()).toEqual(['größe-日本-😀']);
});

test('many lines in one chunk, and one line of many chunks', async () => {
  await using watch = await watching();
  const large = pod('large', '3', { annotations: { a: 'x'.repeat(3_000_000) } });
  (await watch.served())
    .send('ADDED', pod('a', '1'))
    .send('ADDED', pod('b', '2'))
    .send('MODIFIED', large)
    .end();
  await watch.ended;
  expect(watch.names()).toEqual(['a', 'b', 'large']);
});

test('an event is handed on as soon as its line is complete', async () => {
  await using watch = await watching();
  (await watch.served()).send('ADDED', pod('a', '1')).write('{"type":"ADD');
  await until('the event', () => watch.events.length === 1);
});

test('says when the server has answered, before there is an event', async () => {
  await using watch = await watching();
  await watch.served();
  await until('opened', () => watch.opened() === 1);
  expect(watch.events).toEqual([]);
});

test.each([
  ['is no JSON', '{"type":"ADDED","object":{"data":"c2VjcmV0"}'],
  ['is no event', '{"kind":"Secret","data":"c2VjcmV0"}'],
  ['is null', 'null'],
])('a line that %s ends the watch with an error that quotes nothing of it', async (_what, line) => {
  await using watch = await watching();
  (await watch.served()).send('ADDED', pod('a', '1')).write(`${line}\n`);
  const error = (await watch.ended.catch((caught: unknown) => caught)) as Error;
  expect([error.name, watch.names()]).toEqual(['KubeParseError', ['a']]);
  expect(error.message).not.toContain('c2VjcmV0');
});

test('a connection that is reset in the middle of a line is an error, after the events before', async () => {
  await using watch = await watching();
  const served = (await watch.served()).send('ADDED', pod('a', '1')).write('{"type":"MODI');
  await until('the event', () => watch.events.length === 1);
  served.reset();
  await expect(watch.ended).rejects.toMatchObject({ name: 'KubeConnectionError' });
});

test('a proper end in the middle of a line is an error', async () => {
  await using watch = await watching();
  (await watch.served()).write('{"type":"MODI').end();
  await expect(watch.ended).rejects.toMatchObject({ code: 'CUT' });
});

test('a watch that is refused is an error with status and reason', async () => {
  await using watch = await watching();
  watch.api.onWatch = (served) => served.refuse(410, status(410, 'Expired', 'too old resource version'));
  await expect(watch.ended).rejects.toMatchObject({ status: 410, reason: 'Expired' });
});

test('not one byte for the time given: the watch fails as silent; bytes start the time anew', async () => {
  await using watch = await watching();
  const served = await watch.served();
  await until('opened', () => watch.opened() === 1);
  await watch.clock.advance(39_999);
  served.send('BOOKMARK', pod('a', '2'));
  await until('the bookmark', () => watch.events.length === 1);
  await watch.clock.advance(39_999);
  expect(served.closed).toBe(false);
  await watch.clock.advance(1);
  await expect(watch.ended).rejects.toMatchObject({ name: 'KubeConnectionError', code: 'SILENT' });
  await until('the connection is dropped', () => served.closed);
});

test('a watch that is not answered fails after 15 s', async () => {
  await using watch = await watching();
  watch.api.onWatch = () => {};
  await watch.served();
  await watch.clock.advance(15_000);
  await expect(watch.ended).rejects.toMatchObject({ code: 'SILENT' });
});

test('an aborted watch ends quietly and drops its connection', async () => {
  await using watch = await watching();
  const served = await watch.served();
  await until('opened', () => watch.opened() === 1);
  watch.abort.abort();
  await watch.ended;
  await until('the connection is dropped', () => served.closed);
  expect(watch.clock.pending).toBe(0);
});

test('a watch that the server ends leaves its connection to the next', async () => {
  await using watch = await watching();
  (await watch.served()).send('ADDED', pod('a', '1')).end();
  await watch.ended;
  const options = { query: {}, signal: watch.abort.signal, inactivityMs: 40_000 };
  const next = watch.transport.watch('/api/v1/pods', options)[Symbol.asyncIterator]();
  const event = next.next();
  (await watch.api.watch(1)).send('ADDED', pod('b', '2'));
  expect((await event).value).toMatchObject({ type: 'ADDED' });
  expect(watch.api.connections).toBe(1);
});

test('watches take no connection away from calls', async () => {
  await using api = await FakeApi.start();
  api.answer = () => ({});
  const transport = createTransport(api.kubeConfig(), { maxConnections: 1 });
  const abort = new AbortController();
  const options = { query: {}, signal: abort.signal, inactivityMs: 40_000 };
  const ends = ['/a', '/b', '/c'].map((path) =>
    transport.watch(path, options)[Symbol.asyncIterator]().next(),
  );
  await api.watch(2);
  await transport.request('GET', '/version');
  abort.abort();
  await Promise.all(ends);
  await transport.close();
});
