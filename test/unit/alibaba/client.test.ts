import http from 'node:http';
import { expect, test } from '@jest/globals';
import { type AlibabaClientOptions, createAlibabaClient } from '../../../src/alibaba/client.ts';
import { createApiError } from '../../../src/alibaba/errors/errors.ts';
import { createCloudTime } from '../../../src/alibaba/rpc/cloud-time.ts';
import type { CallRecord } from '../../../src/alibaba/rpc/rpc.ts';
import { createRateLimiter } from '../../../src/alibaba/throttle.ts';
import { systemClock } from '../../../src/clock.ts';
import {
  failure,
  fault,
  fixedCredentials,
  GROUP,
  type Handler,
  json,
  KEY,
  LocalApi,
} from './rpc/local-api.ts';

const ROW = { serverId: 'i-1', port: 80, type: 'ecs', weight: 100 } as const;

async function setUp(handler: Handler, options: Partial<AlibabaClientOptions> = {}) {
  const api = await LocalApi.start(handler);
  const limiter = createRateLimiter({ clock: systemClock, qps: 1, burst: 20 });
  const records: CallRecord[] = [];
  const client = createAlibabaClient({
    endpoints: { network: 'vpc', override: { slb: api.url, ecs: api.url } },
    ...{
      credentials: fixedCredentials(),
      limiter,
      clock: systemClock,
      cloudTime: createCloudTime(systemClock),
      env: {},
    },
    onCall: (record) => records.push(record),
    ...options,
  });
  const close = async () => {
    client.close();
    limiter.close();
    await api[Symbol.asyncDispose]();
  };
  return { ...client, limiter, records, api, [Symbol.asyncDispose]: close };
}

function groupReply(response: http.ServerResponse): void {
  json(response, { RequestId: 'R', VServerGroupId: 'rsp-1', BackendServers: { BackendServer: [] } });
}

test('look-ups are repeated; neither writes nor the read of a group are', async () => {
  let calls = 0;
  await using client = await setUp((_, response) => {
    calls += 1;
    fault(response, 'SystemBusy', 'busy');
  });
  const query = { regionId: 'cn-hangzhou', privateIps: ['10.0.0.1'] };
  expect(await failure(client.ecs.describeNetworkInterfaces(query))).toMatchObject({ code: 'SystemBusy' });
  expect(calls).toBeGreaterThan(1);
  calls = 0;
  expect(await failure(client.vServerGroups.describe(GROUP))).toMatchObject({ code: 'SystemBusy' });
  expect(calls).toBe(1);
  expect(await failure(client.vServerGroups.remove(GROUP, [ROW]))).toMatchObject({ code: 'SystemBusy' });
  expect(calls).toBe(2);
});

test('reads take a token, writes take none', async () => {
  await using client = await setUp((_, response) => groupReply(response));
  const full = client.limiter.tokens;
  await client.vServerGroups.describe(GROUP);
  expect(client.limiter.tokens).toBeLessThan(full);
  const before = client.limiter.tokens;
  await client.vServerGroups.remove(GROUP, [ROW]);
  expect(client.limiter.tokens).toBeGreaterThanOrEqual(before);
});

test('each attempt is told, with group and count', async () => {
  let calls = 0;
  await using client = await setUp((_, response) => {
    calls += 1;
    if (calls === 1) fault(response, 'SystemBusy', 'busy');
    else groupReply(response);
  });
  await failure(client.vServerGroups.describe(GROUP));
  await client.vServerGroups.describe(GROUP);
  await client.vServerGroups.remove(GROUP, [ROW, { ...ROW, port: 81 }]);
  expect(client.records).toMatchObject([
    { action: 'DescribeVServerGroupAttribute', code: 'SystemBusy', group: GROUP },
    { action: 'DescribeVServerGroupAttribute', code: 'OK', requestId: 'R' },
    { action: 'RemoveVServerGroupBackendServers', code: 'OK', count: 2, group: GROUP },
  ]);
  expect(client.records.every(({ durationMs }) => durationMs >= 0)).toBe(true);
});

test('a question about health waits where a read goes at once, and can be called off', async () => {
  await using client = await setUp((_, response) => groupReply(response));
  for (let i = 0; i < 8; i++) await client.limiter.acquire('removal');
  const noLonger = new AbortController();
  const loadBalancer = { regionId: GROUP.regionId, id: 'lb-1' };
  const health = client.vServerGroups.describeHealth?.(loadBalancer, { signal: noLonger.signal });
  await client.vServerGroups.describe(GROUP);
  expect(client.limiter.waiting).toMatchObject({ read: 0, health: 1 });
  noLonger.abort(new Error('nobody waits'));
  await expect(health).rejects.toThrow('nobody waits');
  expect(client.records.map(({ action }) => action)).toEqual(['DescribeVServerGroupAttribute']);
});

test('a throttled write slows the limiter down', async () => {
  await using client = await setUp((_, response) => fault(response, 'Throttling.User', 'flow control'));
  expect(await failure(client.vServerGroups.remove(GROUP, [ROW]))).toMatchObject({ kind: 'throttled' });
  expect(client.limiter.rate).toBeLessThan(30);
  expect(client.limiter.tokens).toBe(0);
});

test.each([
  ['a status that says so, with any code', 'FlowControl', 429, true],
  ['another refusal', 'SystemBusy', 400, false],
])('a call is told as throttled as the limiter takes it: %s', async (_, code, status, throttled) => {
  await using client = await setUp((_, response) => fault(response, code, 'no', status));
  const { kind } = await failure(client.vServerGroups.remove(GROUP, [ROW]));
  expect([kind === 'throttled', client.records]).toMatchObject([throttled, [{ code, throttled }]]);
});

test('… also if it is STS that throttled, and the call was never made', async () => {
  const refused = createApiError({
    action: 'AssumeRole',
    code: 'Throttling.User',
    text: 'flow control',
    kind: 'credentials',
    outcome: 'refused',
  });
  await using client = await setUp((_, response) => groupReply(response), {
    credentials: { ...fixedCredentials(), get: () => Promise.reject(refused) },
  });
  expect(await failure(client.vServerGroups.remove(GROUP, [ROW]))).toMatchObject({ kind: 'credentials' });
  expect(client.records).toMatchObject([{ code: 'Throttling.User', throttled: true }]);
  expect(client.api.received).toEqual([]);
});

test('a region that is none fails the call that named it, and nothing is sent', async () => {
  await using client = await setUp((_, response) => groupReply(response));
  const group = { ...GROUP, regionId: 'evil.example/' };
  const error = await failure(client.vServerGroups.remove(group, [ROW]));
  expect(error).toMatchObject({ kind: 'configuration', action: 'RemoveVServerGroupBackendServers', group });
  expect(client.api.received).toEqual([]);
});

test('a call through a proxy reaches it with the API in the URL, unless the host is excepted', async () => {
  await using proxy = await LocalApi.start((_, response) => groupReply(response));
  const through = async (env: NodeJS.ProcessEnv) => {
    await using client = await setUp((_, response) => groupReply(response), {
      endpoints: {
        network: 'vpc',
        override: { slb: 'http://slb.invalid' },
        allowInsecureEndpoint: true,
      },
      env,
    });
    return client.vServerGroups.remove(GROUP, [ROW]);
  };
  await through({ HTTP_PROXY: proxy.url });
  expect(proxy.received[0]).toMatchObject({ url: 'http://slb.invalid/', method: 'POST' });
  expect(await failure(through({ HTTP_PROXY: proxy.url, NO_PROXY: '.invalid' }))).toMatchObject({
    outcome: 'refused',
  });
  expect(proxy.received).toHaveLength(1);
});

test('loopback is never behind a proxy', async () => {
  await using client = await setUp((_, response) => groupReply(response), {
    env: { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' },
  });
  await client.vServerGroups.remove(GROUP, [ROW]);
});

test('https goes through a tunnel, and a proxy that refuses it leaves nothing sent and no password shown', async () => {
  const asked: (string | undefined)[] = [];
  const proxy = http.createServer();
  proxy.on('connect', (request, socket) => {
    asked.push(request.url);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  const port = typeof address === 'object' ? address?.port : 0;
  await using client = await setUp((_, response) => groupReply(response), {
    endpoints: { network: 'vpc', override: { slb: 'https://slb.invalid' } },
    env: { HTTPS_PROXY: `http://user:proxypassword@127.0.0.1:${port}` },
  });
  const error = await failure(client.vServerGroups.remove(GROUP, [ROW]));
  expect(asked).toEqual(['slb.invalid:443']);
  expect(error).toMatchObject({ kind: 'transient', outcome: 'refused' });
  expect(error.message).not.toContain('proxypassword');
  await new Promise((resolve) => proxy.close(resolve));
});

test('calls to many groups at once leave at once', async () => {
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  await using client = await setUp(({ params }, response) => {
    arrived += 1;
    if (arrived === 100) resolve();
    const reply = {
      RequestId: 'R',
      VServerGroupId: params['VServerGroupId'],
      BackendServers: { BackendServer: [] },
    };
    void all.then(() => json(response, reply));
  });
  const calls = Array.from({ length: 100 }, (_, i) =>
    client.vServerGroups.remove({ ...GROUP, id: `rsp-${i}` }, [ROW]),
  );
  await Promise.all(calls);
  expect(client.records.every(({ code }) => code === 'OK')).toBe(true);
  expect(JSON.stringify(client.records)).not.toContain(KEY.accessKeyId);
});
