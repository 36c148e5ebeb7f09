import { createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { createAlibabaClient } from '../../src/alibaba/client.ts';
import { createCredentialsSource } from '../../src/alibaba/credentials/credentials.ts';
import { createCloudTime } from '../../src/alibaba/rpc/cloud-time.ts';
import { createRateLimiter } from '../../src/alibaba/throttle.ts';
import { systemClock } from '../../src/clock.ts';
import { createTransport } from '../../src/kubernetes/client/transport.ts';
import { fault, fixedCredentials, GROUP, type Handler, LocalApi } from './alibaba/rpc/local-api.ts';
import { FakeApi, status } from './kubernetes/fake-api.ts';

const KEY = {
  accessKeyId: 'LTAImarkedaccesskeyid',
  accessKeySecret: 'marked-secret',
  securityToken: 'marked/token==',
};
const BEARER = 'marked-bearer-token';
const PROXY_PASSWORD = 'marked-proxy-password';
const SECRETS = [...Object.values(KEY), encodeURIComponent(KEY.securityToken), BEARER, PROXY_PASSWORD];

const ROW = { serverId: 'i-1', port: 80, type: 'ecs', weight: 100 } as const;

/** Everything that a logger, a debugger or a heap snapshot could find in the error. */
function everythingIn(error: unknown): string {
  const ways = [
    inspect(error, {
      depth: 5,
      showHidden: true,
      maxArrayLength: null,
      maxStringLength: null,
    }),
    JSON.stringify(error),
    String(error),
    error instanceof Error ? error.stack : '',
  ];
  return ways.join('\n');
}

function expectNoSecretIn(error: unknown): void {
  const text = everythingIn(error);
  for (const secret of SECRETS) expect(text).not.toContain(secret);
}

async function caught(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error,
  );
}

test.each<[string, Handler]>([
  [
    'refuses and quotes all that it got',
    ({ params }, response) => fault(response, 'SignatureDoesNotMatch', JSON.stringify(params)),
  ],
  ['fails with a page', ({ params }, response) => response.writeHead(502).end(JSON.stringify(params))],
  ['answers with no JSON', (_, response) => response.end(`<p>${KEY.securityToken}</p>`)],
  ['cuts the connection', ({ socket }) => void socket.destroy()],
  [
    'breaks off',
    (_, response) =>
      void response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy()),
  ],
  ['never answers', () => {}],
])('an error of an API that %s holds no secret', async (_, handler) => {
  await using api = await LocalApi.start(handler);
  const limiter = createRateLimiter({ clock: systemClock, qps: 50, burst: 20 });
  const client = createAlibabaClient({
    endpoints: { network: 'vpc', override: { slb: api.url, ecs: api.url } },
    credentials: fixedCredentials(KEY),
    limiter,
    clock: systemClock,
    cloudTime: createCloudTime(systemClock),
    timeoutMs: 200,
    env: {},
  });
  try {
    expectNoSecretIn(await caught(client.vServerGroups.add(GROUP, [ROW])));
  } finally {
    client.close();
    limiter.close();
  }
});

test('an error of a proxy that lets nothing through holds no password of its', async () => {
  const proxy = createServer((socket: Socket) => void socket.end('HTTP/1.1 407 No\r\n\r\n'));
  const port = await listen(proxy);
  const limiter = createRateLimiter({ clock: systemClock, qps: 50, burst: 20 });
  const client = createAlibabaClient({
    endpoints: { network: 'vpc', override: { slb: 'https://slb.invalid' } },
    credentials: fixedCredentials(KEY),
    limiter,
    clock: systemClock,
    cloudTime: createCloudTime(systemClock),
    env: { HTTPS_PROXY: `http://user:${PROXY_PASSWORD}@127.0.0.1:${port}` },
  });
  try {
    expectNoSecretIn(await caught(client.vServerGroups.add(GROUP, [ROW])));
  } finally {
    client.close();
    limiter.close();
    proxy.close();
  }
});

test('what quotes the keys from before the last change holds none of them', async () => {
  const keys = [KEY, { accessKeyId: 'LTAInewaccesskeyid', accessKeySecret: 'another' }];
  const provider = { description: 'a test', refreshIntervalMs: 0, load: async () => keys.shift() ?? KEY };
  const source = createCredentialsSource(provider, {
    clock: systemClock,
    cloudTime: createCloudTime(systemClock),
  });
  await source.get();
  await source.refresh('rotated');
  expect(source.secrets()).toEqual(expect.arrayContaining(Object.values(KEY)));
  source.close();
});

test.each<[string, FakeApi['answer']]>([
  ['refuses it', () => ({ status: 403, body: status(403, 'Forbidden', 'no') })],
  ['does not know it', () => ({ status: 401, body: {} })],
  ['answers with no JSON', ({ headers }) => ({ body: `${headers.authorization}` })],
])('an error of an API server that %s holds no token', async (_, answer) => {
  await using api = await FakeApi.start();
  api.answer = answer;
  const transport = createTransport(api.kubeConfig({ token: BEARER }));
  const error = await caught(transport.request('GET', '/api/v1/nodes'));
  expect(api.seen[0]?.headers.authorization).toBe(`Bearer ${BEARER}`);
  expectNoSecretIn(error);
  await transport.close();
});

test.each<[string, (socket: Socket) => void]>([
  ['cuts the connection', (socket) => void socket.once('data', () => socket.destroy())],
  ['speaks no HTTP', (socket) => void socket.once('data', (data) => socket.end(data))],
  ['never answers', () => {}],
])('an error of an API server that %s holds no token', async (_, behave) => {
  await using api = await FakeApi.start();
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    behave(socket);
  });
  const config = api.kubeConfig({ token: BEARER });
  const [cluster] = config.clusters;
  Object.assign(cluster ?? {}, { server: `http://127.0.0.1:${await listen(server)}` });
  const transport = createTransport(config);
  expectNoSecretIn(await caught(transport.request('GET', '/api/v1/nodes', { timeoutMs: 200 })));
  await transport.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
