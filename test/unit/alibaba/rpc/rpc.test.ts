import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import { retryAfter } from '../../../../src/alibaba/rpc/retry-after.ts';
import { ApiError } from '../../../../src/cloud/api-error.ts';
import { WithdrawnError } from '../../../../src/cloud/server-groups.ts';
import { failure, fault, fixedCredentials, GROUP, json, KEY, LocalApi, rpcTo } from './local-api.ts';

const ACTION = 'RemoveVServerGroupBackendServers';

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function signature(params: Readonly<Record<string, string>>): string {
  const canonical = Object.keys(params)
    .filter((name) => name !== 'Signature')
    .sort()
    .map((name) => `${encode(name)}=${encode(params[name] ?? '')}`)
    .join('&');
  return createHmac('sha1', `${KEY.accessKeySecret}&`)
    .update(`POST&%2F&${encode(canonical)}`)
    .digest('base64');
}

test('a call is a signed POST with everything in the body and nothing in the URL', async () => {
  await using api = await LocalApi.start((_, response) => json(response, { RequestId: 'R' }));
  using rpc = rpcTo(api.url);
  const reply = await rpc.call(ACTION, { RegionId: 'cn-hangzhou', BackendServers: '[{\'a\':"*~ é"}]' });
  const [seen] = api.received;
  expect(reply['RequestId']).toBe('R');
  expect(seen).toMatchObject({ url: '/', method: 'POST' });
  expect(seen?.params).toMatchObject({
    Action: ACTION,
    Version: '2014-05-15',
    Format: 'JSON',
    AccessKeyId: KEY.accessKeyId,
    SecurityToken: KEY.securityToken,
    BackendServers: '[{\'a\':"*~ é"}]',
  });
  expect(seen?.params['Signature']).toBe(signature(seen?.params ?? {}));
  expect(seen?.headers['user-agent']).toContain('vservergroup-operator');
});

test('each call has a nonce of its own', async () => {
  await using api = await LocalApi.start((_, response) => json(response, { RequestId: 'R' }));
  using rpc = rpcTo(api.url);
  await Promise.all(Array.from({ length: 50 }, () => rpc.call(ACTION, {})));
  expect(new Set(api.received.map(({ params }) => params['SignatureNonce'])).size).toBe(50);
});

test('a call that may not leave any more, once its credentials are there, is not sent', async () => {
  await using api = await LocalApi.start((_, response) => json(response, { RequestId: 'R' }));
  let mayLeave = true;
  const credentials = {
    ...fixedCredentials(),
    get: async () => {
      mayLeave = false;
      return KEY;
    },
  };
  using rpc = rpcTo(api.url, { credentials });
  expect(await failure(rpc.call(ACTION, {}, { mayLeave: () => mayLeave }))).toBeInstanceOf(WithdrawnError);
  expect([api.received, rpc.records]).toEqual([[], []]);
});

test('undefined and null parameters are left out', async () => {
  await using api = await LocalApi.start((_, response) => json(response, { RequestId: 'R' }));
  using rpc = rpcTo(api.url);
  await rpc.call(ACTION, { VpcId: undefined, NextToken: null, Empty: '', Zero: 0 });
  const names = Object.keys(api.received[0]?.params ?? {});
  expect(names).not.toContain('VpcId');
  expect(names).not.toContain('NextToken');
  expect(api.received[0]?.params).toMatchObject({ Empty: '', Zero: '0' });
});

test('anonymous calls carry neither key nor signature', async () => {
  await using api = await LocalApi.start((_, response) => json(response, { RequestId: 'R' }));
  using rpc = rpcTo(api.url, { credentials: 'anonymous' });
  await rpc.call('AssumeRoleWithOIDC', { OIDCToken: 't' });
  expect(Object.keys(api.received[0]?.params ?? {}).sort()).toEqual([
    'Action',
    'Format',
    'OIDCToken',
    'Timestamp',
    'Version',
  ]);
});

test('the API refusing is a refused call with code, status, request id and group', async () => {
  await using api = await LocalApi.start((_, response) =>
    fault(response, 'VServerGroupProcessing', 'The VServerGroup is processing.'),
  );
  using rpc = rpcTo(api.url);
  const error = await failure(rpc.call(ACTION, {}, { group: GROUP, count: 3 }));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    ...{
      code: 'VServerGroupProcessing',
      kind: 'busy',
      outcome: 'refused',
      httpStatus: 400,
      requestId: 'REQ-1',
    },
    ...{ action: ACTION, group: GROUP, retryable: true },
  });
  expect(error.message).toContain('rsp-1 (cn-hangzhou)');
  expect(rpc.records).toMatchObject([
    {
      action: ACTION,
      code: 'VServerGroupProcessing',
      requestId: 'REQ-1',
      count: 3,
      group: GROUP,
    },
  ]);
});

test.each([
  ['500 without Code', 500, '{"RequestId":"R"}', 'application/json'],
  ['502 with HTML', 502, '<html><h1>Bad Gateway</h1></html>', 'text/html'],
  ['200 with HTML', 200, '<html>captive portal</html>', 'text/html'],
  ['200 with nothing', 200, '', 'application/json'],
  ['200 with null', 200, 'null', 'application/json'],
  ['200 with a list', 200, '[]', 'application/json'],
  ['200 with truncated JSON', 200, '{"RequestId":"R","BackendServers":{', 'application/json'],
  ['302 without Code', 302, '{"RequestId":"R"}', 'application/json'],
  ['404 with HTML', 404, '<html>', 'text/html'],
  ['a __proto__ key', 200, '{"__proto__":{"x":1}}', 'application/json'],
  ['a constructor key', 200, '{"constructor":{"prototype":{}}}', 'application/json'],
])('%s is a transient failure of unknown outcome', async (_name, status, body, type) => {
  await using api = await LocalApi.start((_, response) => {
    response.writeHead(status, { 'content-type': type });
    response.end(body);
  });
  using rpc = rpcTo(api.url);
  const error = await failure(rpc.call(ACTION, {}, { group: GROUP }));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    code: 'InvalidReply',
    kind: 'transient',
    outcome: 'unknown',
    httpStatus: status,
  });
  expect(error.message).not.toContain('html');
});

test('5xx with a Code is of unknown outcome', async () => {
  await using api = await LocalApi.start((_, response) => fault(response, 'ServiceUnavailable', 'down', 503));
  using rpc = rpcTo(api.url);
  const error = await failure(rpc.call(ACTION, {}));
  expect(error).toMatchObject({
    code: 'ServiceUnavailable',
    kind: 'transient',
    outcome: 'unknown',
    httpStatus: 503,
  });
});

test('half a body is of unknown outcome', async () => {
  await using api = await LocalApi.start((received, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"RequestId":', () => received.socket.destroy());
  });
  using rpc = rpcTo(api.url);
  const error = await failure(rpc.call(ACTION, {}));
  expect(error).toMatchObject({ code: 'ECONNRESET', kind: 'transient', outcome: 'unknown' });
});

test('a reset pooled connection is of unknown outcome, and the next call uses a new one', async () => {
  let calls = 0;
  await using api = await LocalApi.start((received, response) => {
    calls += 1;
    if (calls === 2) received.socket.resetAndDestroy();
    else json(response, { RequestId: 'R' });
  });
  using rpc = rpcTo(api.url);
  await rpc.call(ACTION, {});
  const error = await failure(rpc.call(ACTION, {}));
  expect(error).toMatchObject({ kind: 'transient', outcome: 'unknown' });
  expect(api.received[1]?.socket).toBe(api.received[0]?.socket);
  await rpc.call(ACTION, {});
});

test('calls share connections', async () => {
  await using api = await LocalApi.start((_, response) => json(response, { RequestId: 'R' }));
  using rpc = rpcTo(api.url);
  for (let i = 0; i < 5; i++) await rpc.call(ACTION, {});
  expect(new Set(api.received.map(({ socket }) => socket)).size).toBe(1);
});

test('an idle connection is closed from this side, but not one that waits for a reply', async () => {
  await using api = await LocalApi.start((_, response) => {
    setTimeout(() => json(response, { RequestId: 'R' }), 80);
  });
  using rpc = rpcTo(api.url, { freeSocketTimeoutMs: 20 });
  await rpc.call(ACTION, {});
  await once(api.received[0]?.socket as net.Socket, 'close');
});

test('a server that is not there refuses the call: nothing was sent', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  using rpc = rpcTo(`http://127.0.0.1:${port}`);
  const error = await failure(rpc.call(ACTION, {}));
  expect(error).toMatchObject({ code: 'ECONNREFUSED', kind: 'transient', outcome: 'refused' });
});

test('no reply in time is of unknown outcome and closes the connection', async () => {
  const clock = new FakeClock();
  await using api = await LocalApi.start(() => undefined);
  using rpc = rpcTo(api.url, { clock, timeoutMs: 20_000 });
  const pending = failure(rpc.call(ACTION, {}));
  await until(() => api.received.length === 1);
  const closed = once(api.received[0]?.socket as net.Socket, 'close');
  await clock.advance(20_000);
  expect(await pending).toMatchObject({ code: 'Timeout', kind: 'transient', outcome: 'unknown' });
  await closed;
});

test('a reply that does not end in time closes the connection too', async () => {
  const clock = new FakeClock();
  await using api = await LocalApi.start((_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{');
  });
  using rpc = rpcTo(api.url, { clock, timeoutMs: 20_000 });
  const pending = failure(rpc.call(ACTION, {}));
  await until(() => api.received.length === 1);
  const closed = once(api.received[0]?.socket as net.Socket, 'close');
  await clock.advance(20_000);
  expect(await pending).toMatchObject({ code: 'Timeout', outcome: 'unknown' });
  await closed;
});

test('waiting long for a reply is no connect time-out', async () => {
  await using api = await LocalApi.start((_, response) => {
    setTimeout(() => json(response, { RequestId: 'R' }), 120);
  });
  using rpc = rpcTo(api.url, { connectTimeoutMs: 30 });
  await rpc.call(ACTION, {});
});

test('a TLS handshake that hangs ends at the connect time-out: nothing was sent', async () => {
  const server = net.createServer((socket) => socket.on('error', () => undefined).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  using rpc = rpcTo(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, { connectTimeoutMs: 30 });
  const error = await failure(rpc.call(ACTION, {}));
  expect(error).toMatchObject({ code: 'ConnectTimeout', kind: 'transient', outcome: 'refused' });
  await new Promise((resolve) => server.close(resolve));
});

test('an aborted call rejects at once with the reason and closes the connection', async () => {
  await using api = await LocalApi.start(() => undefined);
  using rpc = rpcTo(api.url);
  const controller = new AbortController();
  const pending = failure(rpc.call(ACTION, {}, { signal: controller.signal }));
  await until(() => api.received.length === 1);
  const closed = once(api.received[0]?.socket as net.Socket, 'close');
  const reason = new Error('lease lost');
  controller.abort(reason);
  expect(await pending).toBe(reason);
  await closed;
  expect(rpc.records).toMatchObject([{ code: 'Aborted' }]);
});

test('a call with an aborted signal sends nothing', async () => {
  await using api = await LocalApi.start((_, response) => json(response, { RequestId: 'R' }));
  using rpc = rpcTo(api.url);
  await failure(rpc.call(ACTION, {}, { signal: AbortSignal.abort() }));
  await settle();
  expect(api.sockets.size).toBe(0);
});

test('no error shows a secret, a socket or a request', async () => {
  await using api = await LocalApi.start(({ params }, response) => {
    const signed = `POST&%2F&AccessKeyId%3D${params['AccessKeyId']}%26SecurityToken%3D${params['SecurityToken']}`;
    const text = `Specified signature is not matched with our calculation. server string to sign is:${signed}`;
    fault(response, 'SignatureDoesNotMatch', `${text} ${KEY.accessKeySecret} ${params['Signature']}`);
  });
  using rpc = rpcTo(api.url);
  using away = rpcTo('http://127.0.0.1:1');
  for (const error of [
    await failure(rpc.call(ACTION, {}, { group: GROUP })),
    await failure(away.call(ACTION, {}, { group: GROUP })),
  ]) {
    const shown = [
      inspect(error, { depth: 9, showHidden: true }),
      JSON.stringify(error),
      String(error),
      error.stack,
    ];
    for (const text of shown) {
      expect(text).not.toContain(KEY.accessKeyId);
      expect(text).not.toContain(KEY.accessKeySecret);
      expect(text).not.toContain(KEY.securityToken);
      expect(text).not.toContain(encodeURIComponent(String(KEY.securityToken)));
      expect(text).not.toMatch(/Socket|ClientRequest|Agent\b|Signature=/);
    }
  }
});

test('a reply full of big numbers and odd objects arrives', async () => {
  await using api = await LocalApi.start((_, response) => {
    response.writeHead(200);
    response.end('{"RequestId":12345678901234567890,"hasOwnProperty":1}');
  });
  using rpc = rpcTo(api.url);
  await rpc.call(ACTION, {});
  expect(rpc.records).toMatchObject([
    { code: 'OK', requestId: '12345678901234567890', date: expect.stringMatching(/ GMT$/) },
  ]);
});

test.each([
  [{ 'x-acs-retry-after': '1500' }, 1500],
  [{ 'retry-after': '2' }, 2000],
  [{ 'x-ratelimit-user-api': 'Limit:10,TimeLeft:700' }, 700],
  [{ 'x-acs-retry-after': '99999999' }, 60_000],
  [{ 'x-acs-retry-after': 'soon' }, undefined],
  [{}, undefined],
])('of the headers %j the wait is %s ms', (headers, expected) => {
  expect(retryAfter(headers)).toBe(expected);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
