import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { createTransport } from '../../../../src/kubernetes/client/transport.ts';
import { DarkProxy } from '../../../environment/dark-proxy.ts';
import { FakeApi, pod, until } from '../fake-api.ts';
import { reflecting } from './reflecting.ts';

test('a watch whose connection goes dark is taken up over a new one within 40 s; what happened meanwhile is not lost', async () => {
  await using proxied = await FakeApi.start();
  await using proxy = await DarkProxy.start(proxied.port);
  const clock = new FakeClock();
  const transport = createTransport(proxied.kubeConfig({}, proxy.port), { clock });
  await using it = await reflecting({ transport, clock });
  proxied.answer = it.api.answer;
  it.start();
  const dark = await proxied.watch(0);
  await until('up', () => it.reflector.healthy.up);
  proxy.darken();
  dark.send('DELETED', pod('a', '11'));
  await clock.advance(35_000);
  const next = await proxied.watch(1);
  expect([next.query.get('resourceVersion'), proxied.lists.length, clock.now()]).toEqual(['10', 1, 35_000]);
  next.send('DELETED', pod('a', '11'));
  await until('the removal', () => !it.names().includes('a'));
  await it.stop();
  await transport.close();
});

test('a call over a dark connection costs one time-out; the next call does not meet another dark one', async () => {
  await using api = await FakeApi.start();
  await using proxy = await DarkProxy.start(api.port);
  const clock = new FakeClock();
  const transport = createTransport(api.kubeConfig({}, proxy.port), { clock });
  api.answer = () => ({});
  await Promise.all([1, 2, 3].map(() => transport.request('GET', '/version')));
  proxy.darken();
  const stuck = transport.request('GET', '/version', { timeoutMs: 3000 });
  stuck.catch(() => {});
  await clock.advance(3000);
  await expect(stuck).rejects.toMatchObject({ code: 'TIMEOUT' });
  await transport.request('GET', '/version');
  expect(api.seen).toHaveLength(4);
  await transport.close();
});

test('while new connections are dark, too, it keeps trying, and is back when they work', async () => {
  await using proxied = await FakeApi.start();
  await using proxy = await DarkProxy.start(proxied.port);
  const clock = new FakeClock();
  const transport = createTransport(proxied.kubeConfig({}, proxy.port), { clock });
  await using it = await reflecting({ transport, clock });
  proxied.answer = it.api.answer;
  it.start();
  await proxied.watch(0);
  await until('up', () => it.reflector.healthy.up);
  proxy.darken({ andNew: true });
  await clock.advance(35_000);
  await until('another connection', () => proxy.accepted > 2);
  await clock.advance(15_000);
  expect((await it.failed(2)).error.code).toBe('SILENT');
  proxy.lighten();
  await it.pause();
  expect((await proxied.watch(1)).query.get('resourceVersion')).toBe('10');
  await it.stop();
  await transport.close();
});
