import https from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import type { KeyPair } from '../../../src/observability/tls-files.ts';
import type { Admission } from '../../../src/webhook/admit-pod.ts';
import { startWebhookServer, WEBHOOK_PATH, type WebhookServer } from '../../../src/webhook/webhook-server.ts';
import { makeKeyPair } from '../../environment/key-pair.ts';

const HOST = 'hook.ours.svc';
const MIB = 2 ** 20;
const CHANGED: Admission = {
  result: 'changed',
  changes: [{ path: ['spec', 'terminationGracePeriodSeconds'], value: 45 }],
  warnings: ['mind that'],
};

let pair: KeyPair;
let clock: FakeClock;
let server: WebhookServer;
let admit: () => Admission;
let told: unknown[];

beforeAll(async () => {
  pair = await makeKeyPair(HOST);
});
beforeEach(async () => {
  clock = new FakeClock();
  told = [];
  admit = () => CHANGED;
  server = await startWebhookServer({
    address: { host: '127.0.0.1', port: 0 },
    clock,
    admit: () => admit(),
    onAdmission: (result, { namespace }, error) =>
      told.push([result, namespace, ...(error ? [String(error)] : [])]),
    onRefused: (status) => told.push(status),
  });
  server.useKeyPair(pair);
});
afterEach(() => server.close());

const review = (more: object = {}) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u-1',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    namespace: 'shop',
    object: { metadata: {}, spec: { containers: [] } },
    ...more,
  },
});

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly trusted?: KeyPair;
}

const options = ({ path = WEBHOOK_PATH, method = 'POST', headers, trusted = pair }: Sent = {}) => ({
  ...{ host: '127.0.0.1', port: Number(server.address.split(':')[1]), servername: HOST, ca: trusted.cert },
  ...{ path, method, agent: false as const },
  headers: { 'content-type': 'application/json', ...headers },
});

function post(body: string, sent: Sent = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    https
      .request(options(sent), (response) => {
        text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
      })
      .on('error', reject)
      .end(body);
  });
}

const answered = async (body: object) => JSON.parse((await post(JSON.stringify(body))).body);

describe('the API server', () => {
  test('gets a patch and warnings for a pod that it lets in', async () => {
    const { response, ...envelope } = await answered(review());
    expect(envelope).toEqual({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' });
    const { patch, ...others } = response;
    expect(others).toEqual({
      uid: 'u-1',
      allowed: true,
      patchType: 'JSONPatch',
      warnings: ['vservergroup-operator: mind that'],
    });
    expect(JSON.parse(Buffer.from(patch, 'base64').toString())).toEqual([
      { op: 'add', path: '/spec/terminationGracePeriodSeconds', value: 45 },
    ]);
    expect(told).toEqual([['changed', 'shop']]);
  });

  test('lets a pod in as it is when nothing is to be changed', async () => {
    admit = () => ({ result: 'unwanted', changes: [], warnings: [] });
    expect((await answered(review())).response).toEqual({ uid: 'u-1', allowed: true });
  });

  test('lets a pod in as it is when the webhook fails', async () => {
    admit = () => {
      throw new Error('a fault');
    };
    expect((await answered(review())).response).toEqual({ uid: 'u-1', allowed: true });
    expect(told).toEqual([['error', 'shop', 'Error: a fault']]);
  });
});

describe('whoever else asks', () => {
  test.each<[string, number, string, Sent]>([
    ['for another path', 404, '{}', { path: '/metrics' }],
    ['with another method', 405, '', { method: 'GET' }],
    ['with another type of content', 415, '{}', { headers: { 'content-type': 'text/plain' } }],
    ['with what is no JSON', 400, '{', {}],
    ['with what is no review', 400, '{"kind":"AdmissionReview"}', {}],
    [
      'with a review of another version',
      400,
      JSON.stringify({ ...review(), apiVersion: 'admission.k8s.io/v2' }),
      {},
    ],
    ['with more than an object can be', 413, ' '.repeat(3 * MIB + 1), {}],
  ])('%s is refused with %d', async (_, status, body, sent) => {
    expect(await post(body, sent)).toEqual({ status, body: '' });
    expect(told).toEqual([status]);
  });

  test('with more than an object can be and no word of it beforehand is cut', async () => {
    const request = https.request(options());
    const cut = new Promise((resolve) => request.on('error', resolve).on('response', resolve));
    for (let i = 0; i < 4; i++) request.write(' '.repeat(MIB));
    await cut;
    await waitUntil('it to be told', () => told.length > 0);
    expect(told).toEqual([413]);
  });

  test('sends slower than the API server waits is cut', async () => {
    const request = https.request(options({ headers: { 'content-length': '10' } }));
    const cut = new Promise((resolve) => request.on('error', resolve));
    request.write('{');
    await waitUntil('the request to be read', () => clock.pending > 0);
    await clock.advance(2_000);
    await cut;
    expect(told).toEqual([408]);
    expect(clock.pending).toBe(0);
  });

  test('speaks no TLS gets nothing', async () => {
    const [host = '', port] = server.address.split(':');
    const socket = connect(Number(port), host);
    socket.end('POST /mutate-pods HTTP/1.1\r\n\r\n');
    expect(await text(socket).catch(() => '')).not.toContain('HTTP');
    expect(told).toEqual([]);
  });
});

describe('a certificate', () => {
  test('is used for connections from now on, and cuts none', async () => {
    const other = await makeKeyPair(HOST);
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise<number>((resolve, reject) => {
        https
          .request({ ...options(), agent }, (response) => {
            response.resume().on('end', () => resolve(response.statusCode ?? 0));
          })
          .on('error', reject)
          .end(JSON.stringify(review()));
      });
    expect(await ask()).toBe(200);
    server.useKeyPair(other);
    expect(await ask()).toBe(200);
    agent.destroy();
    await expect(post('{}', { trusted: pair })).rejects.toThrow(/self-signed|certificate/);
    expect((await post(JSON.stringify(review()), { trusted: other })).status).toBe(200);
  });

  test('that is not there yet: no connection comes about', async () => {
    const bare = await startWebhookServer({
      address: { host: '127.0.0.1', port: 0 },
      clock,
      admit: () => CHANGED,
      onAdmission: () => {},
      onRefused: () => {},
    });
    const [host = '', port] = bare.address.split(':');
    try {
      const outcome = await new Promise((resolve) => {
        connectTls({ host, port: Number(port), rejectUnauthorized: false })
          .on('error', () => resolve('refused'))
          .on('secureConnect', () => resolve('connected'));
      });
      expect(outcome).toBe('refused');
    } finally {
      await bare.close();
    }
  });
});
