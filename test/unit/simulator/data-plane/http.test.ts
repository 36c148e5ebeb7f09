import { Agent, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../../lab/time/wait-until.ts';
import type { ListenerOptions } from '../../../../simulator/data-plane/listener-options.ts';
import type { Simulator, SimulatorOptions } from '../../../../simulator/simulator.ts';
import { exchange, type HttpCall } from '../harness.ts';
import { type Backend, deadRow, httpBackend, TestClient, tcpBackend, withListener } from './backends.ts';

const withHttp = (
  options: Partial<ListenerOptions>,
  rows: readonly (Backend['row'] & { weight?: number })[],
  more?: SimulatorOptions,
) => withListener({ protocol: 'http', ...options }, rows, more);

const ask = (simulator: Simulator, call: HttpCall = {}) =>
  exchange(`http://127.0.0.1:${simulator.dataPlane.listeners[0]!.port}`, call);
const causes = (simulator: Simulator) => simulator.dataPlane.failures.since(0).map(({ cause }) => cause);

test('requests of one connection go to the rows by weight, each counted', async () => {
  const [a, b] = [await httpBackend('a'), await httpBackend('b')];
  const simulator = await withHttp({}, [a.row, b.row]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const names: string[] = [];
  for (let i = 0; i < 4; i++) names.push((await ask(simulator, { agent })).text);
  agent.destroy();
  expect(names).toEqual(['a', 'b', 'a', 'b']);
  const [listener] = simulator.dataPlane.listeners;
  expect(listener!.counts).toMatchObject({ connections: 1, requests: 4 });
  expect(listener!.rows().map(({ counts }) => counts.requests)).toEqual([2, 2]);
  await waitUntil('nothing open', () => listener!.rows().every(({ counts }) => counts.active === 0));
});

test('method, path, body and headers reach the backend, its answer the client; what is of a connection alone does not', async () => {
  let seen: { method: string; url: string; headers: IncomingHttpHeaders; body: string } | undefined;
  const backend = await httpBackend('a', async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen = { method: request.method!, url: request.url!, headers: request.headers, body };
    response.writeHead(418, { 'X-Tea': 'pot', Date: 'never', Connection: 'keep-alive, x-tea' });
    response.write('short and ');
    response.end('stout');
  });
  const simulator = await withHttp({}, [backend.row]);
  const reply = await ask(simulator, {
    method: 'POST',
    path: '/pour?cups=2',
    headers: { Host: 'shop.example', 'X-Forwarded-For': '10.1.1.1', Expect: '100-continue' },
    body: 'milk',
  });
  expect(seen).toMatchObject({ method: 'POST', url: '/pour?cups=2', body: 'milk' });
  expect(seen!.headers).toMatchObject({
    host: 'shop.example',
    'x-forwarded-for': '10.1.1.1, 127.0.0.1',
    connection: 'close',
  });
  expect(seen!.headers).not.toHaveProperty('expect');
  expect(reply).toMatchObject({
    status: 418,
    text: 'short and stout',
    headers: { 'x-tea': 'pot', date: 'never' },
  });
  expect(reply.headers['connection']).not.toContain('x-tea');
});

test('no row: 503; a refused row: 502, or the next row where that is asked for', async () => {
  expect((await ask(await withHttp({}, []))).status).toBe(503);
  const rows = [await deadRow('x'), (await httpBackend('b')).row];
  const strict = await withHttp({}, rows);
  expect((await ask(strict)).status).toBe(502);
  expect(causes(strict)).toEqual(['refused']);
  const kind = await withHttp({ afterRefusal: 'next' }, rows);
  expect(await ask(kind, { method: 'POST', body: 'once' })).toMatchObject({ status: 200, text: 'b' });
});

test('no answer within the request time-out: 504', async () => {
  const clock = new FakeClock();
  let asked = false;
  const backend = await httpBackend('a', () => {
    asked = true;
  });
  const simulator = await withHttp({ requestMs: 60_000 }, [backend.row], { clock });
  const reply = ask(simulator);
  await waitUntil('the request', () => asked);
  await clock.advance(60_000);
  expect((await reply).status).toBe(504);
  expect(causes(simulator)).toEqual(['timeout']);
  await waitUntil('the backend is left', () => backend.sockets.size === 0);
});

test('a backend that resets before it answers: 502; in the middle of its answer: the connection is closed', async () => {
  const before = await httpBackend('a', (request) => request.socket.resetAndDestroy());
  const one = await withHttp({}, [before.row]);
  expect((await ask(one)).status).toBe(502);
  const middle = await httpBackend('a', (request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('half', () => request.socket.resetAndDestroy());
  });
  const other = await withHttp({}, [middle.row]);
  await expect(ask(other)).rejects.toThrow();
  expect([causes(one), causes(other)]).toEqual([['reset'], ['reset']]);
});

test('a backend that speaks no HTTP: 502', async () => {
  const simulator = await withHttp({}, [(await tcpBackend('a')).row]);
  expect((await ask(simulator)).status).toBe(502);
});

describe('a request under way when its row is removed', () => {
  const removed = async (options: Partial<ListenerOptions>, clock = new FakeClock()) => {
    let answer: (() => void) | undefined;
    const backend = await httpBackend('a', (_, response) => {
      answer = () => response.end('a');
    });
    const simulator = await withHttp(options, [backend.row], { clock });
    const reply = ask(simulator);
    await waitUntil('the request', () => answer !== undefined);
    simulator.state.removeRow('rsp-0', backend.row);
    return { simulator, reply, answer: answer! };
  };

  test('ends as 502', async () => {
    const { reply, simulator } = await removed({});
    expect((await reply).status).toBe(502);
    expect(causes(simulator)).toEqual(['removed']);
  });

  test('is answered where that is asked for', async () => {
    const { reply, answer, simulator } = await removed({ onRemove: 'keep' });
    answer();
    expect((await reply).text).toBe('a');
    expect(causes(simulator)).toEqual([]);
  });
});

describe('a client that leaves', () => {
  const leaving = async (answerFirst: string) => {
    let answer: ServerResponse | undefined;
    const backend = await httpBackend('a', (_, response) => {
      if (answerFirst !== '') response.write(answerFirst);
      answer = response;
    });
    const clock = new FakeClock();
    const simulator = await withHttp({}, [backend.row], { clock });
    const client = new TestClient(simulator.dataPlane.listeners[0]!.port);
    client.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await waitUntil('the request', () => answer && client.received.includes(answerFirst));
    client.socket.destroy();
    await waitUntil('the client is gone', () => simulator.dataPlane.listeners[0]!.counts.active === 0);
    return { backend, simulator, answer: answer!, clock };
  };

  test.each(['', 'first '])(
    'after %p of the answer is no failure, and the backend may finish',
    async (first) => {
      const { backend, simulator, answer } = await leaving(first);
      expect(backend.sockets.size).toBe(1);
      answer.end('last');
      await waitUntil('the backend is done', () => answer.writableFinished && backend.sockets.size === 0);
      expect(causes(simulator)).toEqual([]);
      expect(backend.errors).toEqual([]);
    },
  );

  test('leaves no connection for ever to a backend that does not answer', async () => {
    const { backend, simulator, clock } = await leaving('');
    await clock.advance(60_000);
    await waitUntil('the backend is left', () => backend.sockets.size === 0);
    expect(causes(simulator)).toEqual([]);
  });
});

describe('a client with the cookie of a row', () => {
  const sticking = async (options: Partial<ListenerOptions>) => {
    const [a, b] = [await httpBackend('a'), await httpBackend('b')];
    const simulator = await withHttp({ cookieMs: 60_000, ...options }, [a.row, b.row]);
    const first = await ask(simulator);
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    expect(first.text).toBe('a');
    expect(cookie).toMatch(/^SERVERID=[0-9a-f]{8}; Max-Age=60; Path=\/$/);
    const again = async (times: number): Promise<string> => {
      const headers = { Cookie: `theme=dark; ${cookie.split(';')[0]}` };
      let reached = '';
      for (let i = 0; i < times; i++) reached += (await ask(simulator, { headers })).text;
      return reached;
    };
    return { simulator, a, again };
  };

  test('gets there again', async () => {
    expect(await (await sticking({})).again(3)).toBe('aaa');
  });

  test('at weight 0 too, unless that is not asked for', async () => {
    for (const [stickyAtWeightZero, reached] of [
      [true, 'aa'],
      [false, 'bb'],
    ] as const) {
      const { simulator, a, again } = await sticking({ stickyAtWeightZero });
      simulator.state.addRow('rsp-0', { ...a.row, weight: 0 });
      expect(await again(2)).toBe(reached);
    }
  });

  test('gets another when the row was removed; without stickiness there is no cookie', async () => {
    const { simulator, a, again } = await sticking({});
    simulator.state.removeRow('rsp-0', a.row);
    expect(await again(1)).toBe('b');
    const plain = await withHttp({}, [(await httpBackend('c')).row]);
    expect((await ask(plain)).headers).not.toHaveProperty('set-cookie');
  });
});

test('the connection of a client is closed after 100 requests', async () => {
  const simulator = await withHttp({}, [(await httpBackend('a')).row]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 101; i++) await ask(simulator, { agent });
  agent.destroy();
  expect(simulator.dataPlane.listeners[0]!.counts).toMatchObject({ connections: 2, requests: 101 });
});
