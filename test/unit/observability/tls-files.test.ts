import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import {
  type KeyPair,
  readKeyPair,
  TlsFilesError,
  watchKeyPair,
} from '../../../src/observability/tls-files.ts';
import { makeKeyPair, tlsSecret } from '../../environment/key-pair.ts';
import { MountedSecret } from '../../environment/mounted-secret.ts';

let first: KeyPair;
let second: KeyPair;
let secret: MountedSecret;

beforeAll(async () => {
  [first, second] = await Promise.all([makeKeyPair('first'), makeKeyPair('second')]);
});
beforeEach(async () => {
  secret = await MountedSecret.create(tlsSecret(first));
});
afterEach(async () => {
  await secret[Symbol.asyncDispose]();
});

test('a mounted Secret gives certificate and key', async () => {
  expect(await readKeyPair(secret.dir)).toEqual(first);
});

test.each<[string, () => Promise<unknown>, string]>([
  ['a file that is not there', () => rm(join(secret.dir, '..1/tls.key')), 'tls.key cannot be read (ENOENT)'],
  [
    'a key of another certificate',
    () => secret.publish({ ...tlsSecret(first), 'tls.key': second.key }),
    'tls.crt and tls.key are not a certificate and its key (ERR_OSSL_X509_KEY_VALUES_MISMATCH)',
  ],
  [
    'text that is no certificate',
    () => writeFile(join(secret.dir, '..1/tls.crt'), 'nothing'),
    'tls.crt and tls.key are not a certificate and its key (ERR_OSSL_PEM_NO_START_LINE)',
  ],
  ['an empty certificate', () => secret.publish({ ...tlsSecret(first), 'tls.crt': '' }), 'tls.crt is empty'],
  ['an empty key', () => secret.publish({ ...tlsSecret(first), 'tls.key': '\n' }), 'tls.key is empty'],
  ['a Secret without content', () => secret.publish({ 'tls.crt': '', 'tls.key': '' }), 'tls.crt is empty'],
])('%s is told in one sentence', async (_, spoil, sentence) => {
  await spoil();
  const error = await readKeyPair(secret.dir).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(TlsFilesError);
  expect((error as Error).message).toBe(sentence);
});

function watch() {
  const clock = new FakeClock();
  const changes: KeyPair[] = [];
  const failures: string[] = [];
  const stop = watchKeyPair({
    dir: secret.dir,
    clock,
    current: first,
    onChange: (pair) => changes.push(pair),
    onFailure: (error) => failures.push((error as Error).message),
  });
  /** Advances ten seconds, and waits until everything has been read. */
  const look = async () => {
    await clock.advance(10_000);
    await waitUntil('the files to have been read', () => clock.pending === 1);
  };
  return { clock, changes, failures, stop, look };
}

test('a rotated Secret is told once, within ten seconds', async () => {
  const { changes, failures, stop, look } = watch();
  await look();
  expect(changes).toEqual([]);
  await secret.publish(tlsSecret(second));
  await look();
  await look();
  expect(changes).toEqual([second]);
  expect(failures).toEqual([]);
  stop();
});

test('one that cannot be used is told once, and the next that can is taken', async () => {
  const { changes, failures, stop, look } = watch();
  await secret.publish({ ...tlsSecret(first), 'tls.key': second.key });
  await look();
  await look();
  expect(changes).toEqual([]);
  expect(failures).toEqual([expect.stringContaining('KEY_VALUES_MISMATCH')]);
  await secret.publish(tlsSecret(second));
  await look();
  expect(changes).toEqual([second]);
  stop();
});

test('an empty Secret, as before its first replication, leaves the pair in use', async () => {
  const { changes, failures, stop, look } = watch();
  await secret.publish({ 'tls.crt': '', 'tls.key': '' });
  await look();
  await look();
  expect(changes).toEqual([]);
  expect(failures).toEqual(['tls.crt is empty']);
  stop();
});

test('once stopped, nothing is left that waits', () => {
  const { clock, stop } = watch();
  stop();
  expect(clock.pending).toBe(0);
});
