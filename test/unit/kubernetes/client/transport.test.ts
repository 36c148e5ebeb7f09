import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import {
  createTransport,
  type KubeTransport,
  type KubeTransportOptions,
  type RequestRecord,
} from '../../../../src/kubernetes/client/transport.ts';
import { FakeApi, status, until } from '../fake-api.ts';

async function withTransport(
  run: (api: FakeApi, transport: KubeTransport, records: RequestRecord[]) => Promise<void>,
  { user, ...options }: KubeTransportOptions & { user?: object } = {},
): Promise<void> {
  await using api = await FakeApi.start();
  const records: RequestRecord[] = [];
  const transport = createTransport(api.kubeConfig(user), {
    ...options,
    onRequest: (record) => records.push(record),
  });
  try {
    await run(api, transport, records);
  } finally {
    await transport.close();
  }
}

test('sends method, query, body and headers, and reads the answer as JSON', () =>
  withTransport(async (api, transport, records) => {
    api.answer = () => ({ body: { made: true } });
    const path = '/api/v1/namespaces/shop/pods/web-1';
    const query = { force: true, fieldManager: 'a b', dryRun: undefined };
    const contentType = 'application/apply-patch+yaml';
    expect(await transport.request('PATCH', path, { query, body: { spec: 1 }, contentType })).toEqual({
      made: true,
    });
    const [seen] = api.seen;
    expect([seen?.method, seen?.path, seen?.query.toString(), seen?.body]).toEqual([
      'PATCH',
      path,
      'force=true&fieldManager=a+b',
      '{"spec":1}',
    ]);
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer token-of-the-test',
      'content-type': contentType,
      accept: 'application/json',
      'user-agent': 'vservergroup-operator',
    });
    expect(records).toMatchObject([{ method: 'PATCH', status: 200, date: expect.stringMatching(/ GMT$/) }]);
  }));

test('many calls go over few connections', () =>
  withTransport(
    async (api, transport) => {
      api.answer = () => ({});
      await Promise.all(Array.from({ length: 100 }, () => transport.request('GET', '/version')));
      expect(api.connections).toBe(4);
    },
    { maxConnections: 4 },
  ));

test("an answer of 400 or more is an error with the API server's reason and message, and without the token", () =>
  withTransport(async (api, transport) => {
    const details = { retryAfterSeconds: 3, causes: [{ reason: 'FieldManagerConflict' }] };
    api.answer = () => ({
      status: 409,
      body: status(409, 'Conflict', 'the object has been modified', details),
    });
    const error = await transport
      .request('PUT', '/api/v1/nodes/n1', { body: {} })
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      name: 'KubeApiError',
      status: 409,
      reason: 'Conflict',
      causes: ['FieldManagerConflict'],
      retryAfterMs: 3000,
      message: 'PUT /api/v1/nodes/n1: 409 Conflict: the object has been modified',
    });
    expect(JSON.stringify(error)).not.toContain('token-of-the-test');
  }));

test('an error page of a proxy becomes a short message; Retry-After is read from the header', () =>
  withTransport(async (api, transport) => {
    api.answer = () => ({
      status: 503,
      headers: { 'retry-after': '7' },
      body: `<html>\n${'x'.repeat(5000)}`,
    });
    const error = (await transport.request('GET', '/version').catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ status: 503, reason: '', retryAfterMs: 7000 });
    expect(error.message.length).toBeLessThan(600);
  }));

test('an answer that is no JSON is an error that quotes nothing of it', () =>
  withTransport(async (api, transport) => {
    api.answer = () => ({ body: 'eyJ-secret' });
    const error = (await transport.request('GET', '/x').catch((caught: unknown) => caught)) as Error;
    expect(error.name).toBe('KubeParseError');
    expect(error.message).not.toContain('eyJ');
  }));

test('a call that is not answered fails after its time-out, and the next goes over a new connection', async () => {
  const clock = new FakeClock();
  await withTransport(
    async (api, transport, records) => {
      api.answer = ({ path }) => (path === '/slow' ? undefined : {});
      const slow = transport.request('GET', '/slow', { timeoutMs: 5000 });
      slow.catch(() => {});
      await until('the call arrives', () => api.seen.length === 1);
      await clock.advance(5000);
      await expect(slow).rejects.toMatchObject({ name: 'KubeConnectionError', code: 'TIMEOUT' });
      await transport.request('GET', '/version');
      expect(api.connections).toBe(2);
      expect(records.map((record) => record.status)).toEqual(['TIMEOUT', 200]);
      expect(clock.pending).toBe(0);
    },
    { clock },
  );
});

test("an aborted call rejects with the signal's reason", () =>
  withTransport(async (api, transport) => {
    api.answer = () => undefined;
    const abort = new AbortController();
    const call = transport.request('GET', '/slow', { signal: abort.signal });
    await until('the call arrives', () => api.seen.length === 1);
    abort.abort(new Error('stopping'));
    await expect(call).rejects.toThrow('stopping');
    await expect(transport.request('GET', '/slow', { signal: abort.signal })).rejects.toThrow('stopping');
  }));

test('a connection that is refused is an error with its code', async () => {
  const gone = await FakeApi.start();
  const config = gone.kubeConfig();
  await gone[Symbol.asyncDispose]();
  const transport = createTransport(config);
  await expect(transport.request('GET', '/version')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await transport.close();
});

test('nothing is sent any more once closed', () =>
  withTransport(async (_api, transport) => {
    await transport.close();
    await expect(transport.request('GET', '/version')).rejects.toThrow('the transport is closed');
  }));

async function tokenFile() {
  const folder = await mkdtemp(join(tmpdir(), 'transport-'));
  const file = join(folder, 'token');
  const user = { authProvider: { name: 'tokenFile', config: { tokenFile: file } } };
  return {
    user,
    write: (token: string) => writeFile(file, `${token}\n`),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test('a 401 makes it read the token file again and repeat the call once, body and all', async () => {
  await using token = await tokenFile();
  await token.write('old');
  const clock = new FakeClock();
  await withTransport(
    async (api, transport, records) => {
      api.answer = ({ headers }) => ({ status: headers.authorization === 'Bearer new' ? 200 : 401 });
      await expect(transport.request('POST', '/x', { body: 1 })).rejects.toMatchObject({ status: 401 });
      expect(api.seen).toHaveLength(2);
      await token.write('new');
      await expect(transport.request('POST', '/x', { body: 1 })).rejects.toMatchObject({ status: 401 });
      expect(api.seen).toHaveLength(3);
      await clock.advance(5000);
      await transport.request('POST', '/x', { body: 1 });
      expect(api.seen.slice(3).map(({ body, headers }) => [body, headers.authorization])).toEqual([
        ['1', 'Bearer old'],
        ['1', 'Bearer new'],
      ]);
      expect(records.map((record) => record.status)).toEqual([401, 401, 200]);
    },
    { user: token.user, clock },
  );
});

test('the token of an exec plugin is used until it is refused', async () => {
  await using token = await tokenFile();
  await token.write('first');
  const file = token.user.authProvider.config.tokenFile;
  const script = `const t = require('fs').readFileSync('${file}', 'utf8').trim();
    console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: t } }))`;
  const user = { exec: { command: process.execPath, args: ['-e', script] } };
  await withTransport(
    async (api, transport) => {
      api.answer = ({ headers }) => ({ status: headers.authorization === 'Bearer second' ? 200 : 401 });
      await token.write('second');
      await transport.request('GET', '/x');
      await token.write('third');
      await transport.request('GET', '/x');
      expect(api.seen.map(({ headers }) => headers.authorization)).toEqual([
        'Bearer second',
        'Bearer second',
      ]);
    },
    { user },
  );
});

test.each([
  ['prints what is no JSON', "console.log('eyJhbGciOiJSUzI1NiJ9secret')"],
  ['fails', "console.error('denied for eyJhbGciOiJSUzI1NiJ9secret.abc'); process.exit(1)"],
])('an exec plugin that %s is reported without what it printed', async (_what, script) => {
  const user = { exec: { command: process.execPath, args: ['-e', script] } };
  await withTransport(
    async (_api, transport) => {
      const error = (await transport.request('GET', '/x').catch((caught: unknown) => caught)) as Error;
      expect(error.message).toMatch(/getting credentials for the API server: (the credential plugin|denied)/);
      expect(error.message).not.toContain('eyJ');
    },
    { user },
  );
});

test('a server behind a path keeps it', async () => {
  await using api = await FakeApi.start();
  api.answer = () => ({});
  const config = api.kubeConfig();
  config.clusters = [{ ...config.clusters[0]!, server: `http://127.0.0.1:${api.port}/k8s/clusters/c-1/` }];
  const transport = createTransport(config);
  await transport.request('GET', '/version');
  expect(api.seen[0]?.path).toBe('/k8s/clusters/c-1/version');
  await transport.close();
});
