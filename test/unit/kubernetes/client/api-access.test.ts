import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { ApiAccess } from '../../../../src/kubernetes/client/api-access.ts';
import type { KeyPair } from '../../../../src/observability/tls-files.ts';
import { makeKeyPair } from '../../../environment/key-pair.ts';
import { kubeConfigOf } from '../fake-api.ts';

const folder = mkdtempSync(join(tmpdir(), 'api-access-'));
const [caFile, tokenFile] = [join(folder, 'ca.crt'), join(folder, 'token')];
const user = { authProvider: { name: 'tokenFile', config: { tokenFile } } };
const config = () => kubeConfigOf({ server: 'https://10.0.0.1:443/', caFile }, user);
let pair: KeyPair;
let nextPair: KeyPair;

beforeAll(async () => {
  [pair, nextPair] = await Promise.all([makeKeyPair('one'), makeKeyPair('two')]);
});
beforeEach(() => {
  writeFileSync(caFile, 'ca-1');
  writeFileSync(tokenFile, 'token-1\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('knows server, token and CA', async () => {
  const access = await new ApiAccess(config(), new FakeClock()).current();
  expect(access).toMatchObject({
    server: 'https://10.0.0.1:443',
    headers: { authorization: 'Bearer token-1' },
  });
  expect(String(access.tls.ca)).toBe('ca-1');
});

test('hands out client certificate, server name and basic authentication as the kubeconfig says', async () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const cluster = { server: 'https://h', tlsServerName: 'api', skipTLSVerify: true, proxyUrl: 'http://p:1' };
  const identity = {
    certData: base64(pair.cert),
    keyData: base64(pair.key),
    username: 'u',
    password: 'p',
    impersonateUser: 'jane',
  };
  const access = await new ApiAccess(kubeConfigOf(cluster, identity), new FakeClock()).current();
  const { cert, key, servername, rejectUnauthorized } = access.tls;
  expect({ cert: String(cert), key: String(key) }).toEqual(pair);
  expect([servername, rejectUnauthorized]).toEqual(['api', false]);
  expect(access.headers).toEqual({ authorization: `Basic ${base64('u:p')}`, 'impersonate-user': 'jane' });
  expect(access.proxyUrl).toBe('http://p:1');
});

test('files are read again after a minute; connections are new only when the CA has changed', async () => {
  const clock = new FakeClock();
  const access = new ApiAccess(config(), clock);
  const first = await access.current();
  writeFileSync(tokenFile, 'token-2');
  await clock.advance(59_000);
  expect(await access.current()).toBe(first);
  await clock.advance(1_000);
  const second = await access.current();
  expect(second.headers['authorization']).toBe('Bearer token-2');
  expect(second.tlsIdentity).toBe(first.tlsIdentity);
  writeFileSync(caFile, 'ca-2');
  await clock.advance(60_000);
  expect((await access.current()).tlsIdentity).not.toBe(first.tlsIdentity);
});

test.each<[string, () => void, RegExp]>([
  ['is not there', () => rmSync(caFile), /getting credentials .* ENOENT/],
  ['is empty', () => writeFileSync(tokenFile, '\n'), /getting credentials .* the token file is empty/],
])('a file that %s just now leaves what was read before', async (_, spoil, message) => {
  const clock = new FakeClock();
  const access = new ApiAccess(config(), clock);
  const first = await access.current();
  spoil();
  await clock.advance(60_000);
  expect(await access.current()).toBe(first);
  await expect(new ApiAccess(config(), clock).current()).rejects.toThrow(message);
});

test('a certificate is used once its key is there too, within 5 s', async () => {
  const [certFile, keyFile] = [join(folder, 'client.crt'), join(folder, 'client.key')];
  writeFileSync(certFile, pair.cert);
  writeFileSync(keyFile, pair.key);
  const clock = new FakeClock();
  const access = new ApiAccess(kubeConfigOf({ server: 'https://h' }, { certFile, keyFile }), clock);
  const first = await access.current();
  writeFileSync(certFile, nextPair.cert);
  await clock.advance(60_000);
  expect(await access.current()).toBe(first);
  writeFileSync(keyFile, nextPair.key);
  await clock.advance(5_000);
  expect(String((await access.current()).tls.cert)).toBe(nextPair.cert);
});

test('renewing reads everything again, once in 5 s, and at most once for many refused calls', async () => {
  const clock = new FakeClock();
  const access = new ApiAccess(config(), clock);
  const first = await access.current();
  writeFileSync(tokenFile, 'token-2');
  const renewed = await Promise.all([access.renew(first), access.renew(first), access.renew(first)]);
  const tokens = renewed.map((each) => each?.headers['authorization']);
  expect(new Set(tokens)).toEqual(new Set(['Bearer token-2']));
  const current = await access.current();
  expect(await access.renew(current)).toBeUndefined();
  await clock.advance(5_000);
  writeFileSync(tokenFile, 'token-3');
  expect((await access.renew(current))?.headers['authorization']).toBe('Bearer token-3');
});
