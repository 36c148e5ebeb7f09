import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  type HealthCheck,
  type HttpServerOptions,
  type HttpServers,
  startHttpServers,
} from '../../../src/observability/http-server.ts';
import { getOverTls, makeKeyPair } from '../../environment/key-pair.ts';

const loopback = { host: '127.0.0.1', port: 0 };
const fine: HealthCheck = { name: 'caches', check: () => undefined };
const bad: HealthCheck = { name: 'leader', check: () => 'no lease yet' };
let servers: HttpServers | undefined;

async function start(options: Partial<HttpServerOptions> = {}): Promise<HttpServers> {
  servers = await startHttpServers({
    metricsAddress: loopback,
    healthAddress: loopback,
    ready: [fine],
    metrics: { contentType: 'text/plain; version=0.0.4', render: async () => 'up 1\n' },
    ...options,
  });
  return servers;
}

afterEach(async () => {
  await servers?.close();
  servers = undefined;
});

async function get(address: string | undefined, path: string, method = 'GET') {
  const response = await fetch(`http://${address}${path}`, { method });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

describe('health', () => {
  test('all well is ok', async () => {
    const { healthAddress } = await start();
    expect(await get(healthAddress, '/healthz')).toMatchObject({ status: 200, body: 'ok' });
    expect(await get(healthAddress, '/readyz')).toMatchObject({ status: 200, body: 'ok' });
  });

  test('a failing check is named, with why', async () => {
    const { healthAddress } = await start({ ready: [fine, bad] });
    const body = '[+]caches ok\n[-]leader failed: no lease yet\nreadyz check failed\n';
    expect(await get(healthAddress, '/readyz')).toMatchObject({ status: 503, body });
    expect(await get(healthAddress, '/healthz')).toMatchObject({ status: 200 });
  });

  test('?verbose lists what passes as well', async () => {
    const { healthAddress } = await start();
    expect((await get(healthAddress, '/readyz?verbose')).body).toBe('[+]caches ok\nreadyz check passed\n');
  });

  test('a check that throws has failed', async () => {
    const broken: HealthCheck = {
      name: 'broken',
      check: () => {
        throw new Error('oops');
      },
    };
    const { healthAddress } = await start({ ready: [broken] });
    expect((await get(healthAddress, '/readyz')).body).toContain('[-]broken failed: Error: oops');
  });
});

describe('metrics', () => {
  test('are served on their address only, health on both', async () => {
    const { metricsAddress, healthAddress } = await start();
    const reply = await get(metricsAddress, '/metrics');
    expect(reply).toMatchObject({ status: 200, body: 'up 1\n' });
    expect(reply.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await get(healthAddress, '/metrics')).toMatchObject({ status: 404 });
    expect(await get(metricsAddress, '/readyz')).toMatchObject({ status: 200 });
  });

  test.each([
    [401, 'unauthorized\n', 'Bearer'],
    [403, 'forbidden\n', null],
  ] as const)('who may not read them gets %d; health stays open', async (status, body, challenge) => {
    const { metricsAddress } = await start({ metricsGuard: async () => status });
    const refused = await get(metricsAddress, '/metrics');
    expect(refused).toMatchObject({ status, body });
    expect(refused.headers.get('www-authenticate')).toBe(challenge);
    expect(await get(metricsAddress, '/readyz')).toMatchObject({ status: 200 });
  });

  test('the guard is shown the Authorization header, and lets pass', async () => {
    const shown: (string | undefined)[] = [];
    const { metricsAddress } = await start({
      metricsGuard: async (authorization) => void shown.push(authorization),
    });
    const headers = { authorization: 'Bearer abc' };
    expect(await (await fetch(`http://${metricsAddress}/metrics`, { headers })).text()).toBe('up 1\n');
    await get(metricsAddress, '/metrics', 'HEAD');
    expect(shown).toEqual(['Bearer abc', undefined]);
  });

  test('a guard that cannot say lets nobody pass, and does not say why', async () => {
    const metricsGuard = () => Promise.reject(new Error('tokenreviews is forbidden'));
    const { metricsAddress } = await start({ metricsGuard });
    const { status, body } = await get(metricsAddress, '/metrics');
    expect({ status, body }).toEqual({ status: 503, body: 'the right to read this could not be checked\n' });
  });

  test('a failure to render is an answer of 500, not a crash', async () => {
    const render = () => Promise.reject(new Error('oops'));
    const { metricsAddress } = await start({ metrics: { contentType: 'text/plain', render } });
    expect(await get(metricsAddress, '/metrics')).toMatchObject({ status: 500 });
  });
});

describe('metrics over HTTPS', () => {
  test('with the certificate that is given; health is for who has none', async () => {
    const pair = await makeKeyPair('metrics');
    const { metricsAddress, healthAddress } = await start({ metricsTls: pair });
    expect(await getOverTls(`https://${metricsAddress}/metrics`, pair, 'metrics')).toEqual({
      status: 200,
      body: 'up 1\n',
    });
    expect(await get(healthAddress, '/readyz')).toMatchObject({ status: 200 });
    await expect(get(metricsAddress, '/metrics')).rejects.toThrow('fetch failed');
  });

  test('another certificate is shown from then on', async () => {
    const [before, after] = await Promise.all([makeKeyPair('metrics'), makeKeyPair('metrics')]);
    const started = await start({ metricsTls: before });
    const url = `https://${started.metricsAddress}/metrics`;
    await getOverTls(url, before, 'metrics');
    started.replaceKeyPair(after);
    expect(await getOverTls(url, after, 'metrics')).toMatchObject({ status: 200 });
    await expect(getOverTls(url, before, 'metrics')).rejects.toThrow('self-signed certificate');
  });

  test('who speaks plain HTTP, or nothing, keeps nobody else waiting', async () => {
    const pair = await makeKeyPair('metrics');
    const { metricsAddress = '' } = await start({ metricsTls: pair });
    const silent = connect(Number(metricsAddress.split(':').at(-1)), '127.0.0.1');
    try {
      await expect(get(metricsAddress, '/metrics')).rejects.toThrow('fetch failed');
      const reply = await getOverTls(`https://${metricsAddress}/metrics`, pair, 'metrics');
      expect(reply).toMatchObject({ status: 200 });
    } finally {
      silent.destroy();
    }
  });
});

describe('HTTP', () => {
  test('HEAD has the headers of GET and no body', async () => {
    const { metricsAddress } = await start();
    const reply = await get(metricsAddress, '/metrics', 'HEAD');
    expect(reply).toMatchObject({ status: 200, body: '' });
    expect(reply.headers.get('content-length')).toBe('5');
  });

  test.each(['/', '/debug', '/constructor', '/healthz/', '//'])('%s is not found', async (path) => {
    const { healthAddress } = await start();
    expect(await get(healthAddress, path)).toMatchObject({ status: 404 });
  });

  test('other methods are not allowed, and are told which are', async () => {
    const { healthAddress } = await start();
    const reply = await get(healthAddress, '/healthz', 'POST');
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toBe('GET, HEAD');
  });

  test('an address can be off', async () => {
    const { metricsAddress, healthAddress } = await start({ metricsAddress: undefined });
    expect(metricsAddress).toBeUndefined();
    expect(healthAddress).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test('an address that is taken is an error, and leaves nothing open', async () => {
    const { healthAddress } = await start();
    const port = Number(healthAddress?.split(':')[1]);
    const second = startHttpServers({
      metricsAddress: loopback,
      healthAddress: { host: '127.0.0.1', port },
      ready: [],
      metrics: { contentType: '', render: async () => '' },
    });
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('closes in spite of idle and silent connections', async () => {
    const { healthAddress, close } = await start();
    await get(healthAddress, '/healthz');
    const silent = connect(Number(healthAddress?.split(':')[1]), '127.0.0.1');
    silent.on('error', () => {});
    await new Promise((resolve) => silent.once('connect', resolve));
    await close();
    await expect(get(healthAddress, '/healthz')).rejects.toThrow();
    silent.destroy();
  });
});
