import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../../lab/time/wait-until.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import type { RequestOptions } from '../../../../src/kubernetes/client/transport-types.ts';
import type { KeyPair } from '../../../../src/observability/tls-files.ts';
import { CertificateKeeper } from '../../../../src/webhook/certificate/certificate-keeper.ts';
import { issueCertificate } from '../../../../src/webhook/certificate/issue-certificate.ts';

const DAY = 24 * 60 * 60_000;
const ROUND = 10_000;
const HOST = 'hook.ours.svc';
const SECRET = '/api/v1/namespaces/ours/secrets/hook';
const CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/hook';

interface Stored {
  readonly metadata: { readonly resourceVersion: string };
  readonly [field: string]: unknown;
}

/** The two objects as an API server keeps them: a write based on a stale version is rejected. */
class Objects {
  readonly #objects = new Map<string, Stored>();
  #version = 0;
  readonly writes: string[] = [];
  /** Called before each request. */
  before: (method: string, path: string) => void = () => {};

  constructor() {
    this.#put(SECRET, { data: {} });
    this.trust('');
  }

  async request<T>(method: string, path: string, { body }: RequestOptions = {}): Promise<T> {
    this.before(method, path);
    const stored = this.#objects.get(path);
    if (stored === undefined) throw failure(404, method, path);
    if (method === 'GET') return structuredClone(stored) as T;
    const { metadata, ...fields } = body as Stored;
    if (metadata.resourceVersion !== stored.metadata.resourceVersion) throw failure(409, method, path);
    this.writes.push(`${method} ${path === SECRET ? 'secret' : 'trust'}`);
    return this.#put(path, fields) as T;
  }

  delete(path: string): void {
    this.#objects.delete(path);
  }

  keep({ cert, key }: KeyPair, previous = ''): void {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    this.#put(SECRET, {
      data: { 'tls.crt': base64(cert), 'tls.key': base64(key), 'previous.crt': base64(previous) },
    });
  }

  trust(pem: string): void {
    const clientConfig = { service: { name: 'hook' }, caBundle: Buffer.from(pem).toString('base64') };
    this.#put(CONFIGURATION, { webhooks: [{ name: 'pods', clientConfig }] });
  }

  get kept(): Record<string, string> {
    const { data } = this.#objects.get(SECRET) as unknown as { data: Record<string, string> };
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decoded(value)]));
  }

  get trusted(): string {
    const { webhooks } = this.#objects.get(CONFIGURATION) as unknown as {
      webhooks: readonly { clientConfig: { caBundle?: string } }[];
    };
    return decoded(webhooks[0]?.clientConfig.caBundle ?? '');
  }

  #put(path: string, fields: object): Stored {
    const object = { ...fields, metadata: { resourceVersion: String(++this.#version) } };
    this.#objects.set(path, object);
    return object;
  }
}

const decoded = (base64: string) => Buffer.from(base64, 'base64').toString('utf8');

function failure(status: number, method: string, path: string): KubeApiError {
  return new KubeApiError({ method, path }, status, { reason: '', message: 'no', causes: [] });
}

let clock: FakeClock;
let objects: Objects;
let keepers: CertificateKeeper[];

beforeEach(() => {
  clock = new FakeClock();
  objects = new Objects();
  keepers = [];
});
afterEach(() => {
  for (const keeper of keepers) keeper.stop();
});

interface Replica {
  readonly served: KeyPair[];
  readonly failures: string[];
  renewals: number;
}

async function replica(): Promise<Replica> {
  const seen: Replica = { served: [], failures: [], renewals: 0 };
  const keeper = new CertificateKeeper({
    transport: objects,
    clock,
    namespace: 'ours',
    name: 'hook',
    onKeyPair: (pair) => seen.served.push(pair),
    onRenewed: () => seen.renewals++,
    onFailure: (error, isNews) => seen.failures.push(`${isNews ? '' : 'again: '}${(error as Error).message}`),
  });
  keepers.push(keeper);
  keeper.start();
  await settled();
  return seen;
}

/** A round that creates a certificate first loads the library, which takes longer than microtasks. */
async function settled(): Promise<void> {
  await waitUntil('all rounds to have ended', async () => {
    await clock.advance(0);
    return clock.pending === keepers.length;
  });
}

async function rounds(ms: number): Promise<void> {
  await clock.advance(ms);
  await settled();
}

const validity = ({ cert }: KeyPair) => {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return { from: validFromDate.getTime() - clock.wall(), to: validToDate.getTime() - clock.wall() };
};

const existing = (daysLeft: number, host = HOST) =>
  issueCertificate({
    host,
    notBefore: clock.wall() - 60 * DAY,
    notAfter: clock.wall() + daysLeft * DAY,
  });

test('a certificate is for its host and its use alone, by its own word, and signs no other', () => {
  const { cert, key } = issueCertificate({ host: HOST, notBefore: 0, notAfter: DAY });
  const certificate = new X509Certificate(cert);
  expect(certificate.checkHost(HOST)).toBe(HOST);
  expect(certificate.checkHost('other.ours.svc')).toBeUndefined();
  expect(certificate.ca).toBe(false);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(key).toContain('PRIVATE KEY');
  const again = issueCertificate({ host: HOST, notBefore: 0, notAfter: DAY });
  expect(new X509Certificate(again.cert).serialNumber).not.toBe(certificate.serialNumber);
});

describe('the certificate of the webhook', () => {
  test('is made by who finds none, kept, trusted, and served with', async () => {
    const { served, renewals, failures } = await replica();
    expect([served.length, renewals, failures]).toEqual([1, 1, []]);
    expect(objects.writes).toEqual(['PUT secret', 'PATCH trust']);
    expect(objects.kept).toMatchObject({ 'tls.crt': served[0]?.cert, 'tls.key': served[0]?.key });
    expect(objects.trusted).toBe(served[0]?.cert);
    expect(served[0] && validity(served[0])).toEqual({ from: -3_600_000, to: 90 * DAY });
  });

  test('is taken by another replica, and by the next after a restart: nothing is written', async () => {
    const first = await replica();
    const second = await replica();
    expect(second.served).toEqual(first.served);
    await rounds(3 * ROUND);
    expect(objects.writes).toEqual(['PUT secret', 'PATCH trust']);
    expect([first.served.length, second.served.length, second.renewals]).toEqual([1, 1, 0]);
  });

  test('is one of two that are made at once: who is late takes the other', async () => {
    const [first, second] = await Promise.all([replica(), replica()]);
    await rounds(ROUND);
    expect(first.renewals + second.renewals).toBe(1);
    expect(second.served).toEqual(first.served);
    expect([first.failures, second.failures]).toEqual([[], []]);
    expect(objects.trusted).toBe(first.served[0]?.cert);
  });

  test('is renewed 30 days before it ends: trusted first, served with a round later, the one before trusted still', async () => {
    const before = existing(30);
    objects.keep(before);
    clock.jump(-ROUND / 2);
    const { served } = await replica();
    expect(served).toEqual([before]);
    expect(objects.trusted).toBe(before.cert);
    await rounds(ROUND);
    const renewed = objects.kept['tls.crt'];
    expect(renewed).not.toBe(before.cert);
    expect(objects.trusted).toBe(`${renewed}${before.cert}`);
    expect(served).toEqual([before]);
    await rounds(ROUND);
    expect(served.map(({ cert }) => cert)).toEqual([before.cert, renewed]);
  });

  test('that has been renewed is trusted alone once the one before has ended', async () => {
    const current = existing(80);
    objects.keep(current, existing(1).cert);
    await replica();
    expect(objects.trusted).not.toBe(current.cert);
    clock.jump(DAY);
    await rounds(ROUND);
    expect(objects.trusted).toBe(current.cert);
  });

  test('that ended while no operator ran is replaced, and the new one served with at once', async () => {
    const ended = existing(-1);
    objects.keep(ended);
    const { served } = await replica();
    expect(served.map(({ cert }) => cert)).toEqual([objects.kept['tls.crt']]);
    expect(objects.trusted).toBe(served[0]?.cert);
  });

  test('that ends while the API server is away is replaced at once when it is back', async () => {
    objects.keep(existing(31));
    const { served, failures } = await replica();
    objects.before = (method, path) => {
      throw failure(503, method, path);
    };
    clock.jump(32 * DAY);
    await rounds(3 * ROUND);
    expect(failures.map((each) => each.startsWith('again: '))).toEqual([false, true, true]);
    objects.before = () => {};
    await rounds(ROUND);
    expect(served.length).toBe(2);
    expect(objects.trusted).toBe(served[1]?.cert);
  });

  test.each<[string, () => void]>([
    ['for another host', () => objects.keep(existing(80, 'elsewhere.ours.svc'))],
    ['of another key', () => objects.keep({ ...existing(80), key: existing(80).key })],
    ['without its key', () => objects.keep({ ...existing(80), key: '' })],
    ['that is none', () => objects.keep({ cert: 'x', key: 'y' }, 'z')],
  ])('%s is replaced', async (_, spoil) => {
    spoil();
    const { served, failures } = await replica();
    expect(failures).toEqual([]);
    expect(objects.kept['tls.crt']).toBe(served[0]?.cert);
    expect(objects.trusted).toBe(served[0]?.cert);
  });

  test('whose Secret is emptied is replaced at once', async () => {
    const { served } = await replica();
    objects.keep({ cert: '', key: '' });
    await rounds(ROUND);
    expect(served).toHaveLength(2);
    expect(objects.trusted).toBe(served[1]?.cert);
  });

  test('whose trust somebody takes away is trusted again', async () => {
    const { served } = await replica();
    objects.trust('');
    expect(objects.trusted).toBe('');
    await rounds(ROUND);
    expect(objects.trusted).toBe(served[0]?.cert);
  });

  test('trust that another replica has written meanwhile is not undone', async () => {
    objects.keep(existing(80));
    let renewed: KeyPair | undefined;
    objects.before = (method, path) => {
      if (method !== 'PATCH' || path !== CONFIGURATION || renewed !== undefined) return;
      // Between the keeper's read and write, another keeper writes a newer certificate.
      renewed = existing(89);
      objects.keep(renewed);
      objects.trust(renewed.cert);
    };
    await replica();
    await rounds(ROUND);
    expect(objects.trusted).toBe(renewed?.cert);
  });

  test('without a Secret to keep it in: told, once as news, and nothing is served with', async () => {
    objects.delete(SECRET);
    const { served, failures } = await replica();
    await rounds(2 * ROUND);
    expect(served).toEqual([]);
    expect(failures).toEqual([
      expect.stringMatching(/^GET .*secrets\/hook: 404/),
      expect.stringMatching(/^again: /),
      expect.stringMatching(/^again: /),
    ]);
  });
});
