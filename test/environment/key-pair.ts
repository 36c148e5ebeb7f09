import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { KeyPair } from '../../src/observability/tls-files.ts';

/** A self-signed certificate for these hosts, valid for two days, and its key. */
export async function makeKeyPair(...hosts: readonly string[]): Promise<KeyPair> {
  const dir = await mkdtemp(join(tmpdir(), 'key-pair-'));
  const [keyFile, certFile] = [join(dir, 'key'), join(dir, 'certificate')];
  try {
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', '/CN=test', '-addext', `subjectAltName=${hosts.map((host) => `DNS:${host}`).join(',')}`],
      ...['-keyout', keyFile, '-out', certFile],
    ]);
    return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** The data of a Secret of type kubernetes.io/tls. */
export const tlsSecret = ({ cert, key }: KeyPair) => ({ 'tls.crt': cert, 'tls.key': key });

/** GET over a new connection to the host of the certificate, trusting only this certificate. */
export function getOverTls(
  url: string,
  { cert: ca }: Pick<KeyPair, 'cert'>,
  servername: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    https
      .get(url, { ca, servername, headers, agent: false }, (response) => {
        const status = response.statusCode ?? 0;
        text(response).then((body) => resolve({ status, body }), reject);
      })
      .on('error', reject);
  });
}
