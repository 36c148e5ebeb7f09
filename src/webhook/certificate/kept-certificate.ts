import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { asObject, asString, type JsonObject } from '../../json.ts';
import type { KeyPair } from '../../observability/tls-files.ts';

/** What the Secret holds. Its keys: `tls.crt`, `tls.key`, `previous.crt`. */
export interface KeptCertificate {
  /** Undefined: there is none that a server could use for this host. */
  readonly current: KeyPair | undefined;
  /** That before the current one, as PEM: another replica may serve with it still. */
  readonly previous: string | undefined;
}

export function readKept(secret: JsonObject, host: string): KeptCertificate {
  const data = asObject(secret['data']);
  const pem = (key: string) => Buffer.from(asString(data[key]), 'base64').toString('utf8');
  const pair = { cert: pem('tls.crt'), key: pem('tls.key') };
  const previous = pem('previous.crt');
  return {
    current: isUsable(pair, host) ? pair : undefined,
    previous: parsed(previous) === undefined ? undefined : previous,
  };
}

/** The Secret with this in it; all else of it stays. */
export function withKept(secret: JsonObject, { current, previous }: KeptCertificate): JsonObject {
  const base64 = (pem = '') => Buffer.from(pem).toString('base64');
  const data = {
    ...asObject(secret['data']),
    'tls.crt': base64(current?.cert),
    'tls.key': base64(current?.key),
    'previous.crt': base64(previous),
  };
  return { ...secret, data };
}

/** Milliseconds since the Unix epoch; of the first certificate of a chain. */
export function expiryOf(cert: string): number {
  return new X509Certificate(cert).validToDate.getTime();
}

/** What the API server has to trust, newest first, as PEM. */
export function trusted({ current, previous }: KeptCertificate, now: number): string {
  const certificates = [current?.cert, previous].filter((cert) => cert !== undefined);
  return certificates
    .filter((cert, i) => i === 0 || expiryOf(cert) > now)
    .map((cert) => `${cert.trimEnd()}\n`)
    .join('');
}

function isUsable(pair: KeyPair, host: string): boolean {
  try {
    createSecureContext({ ...pair });
    return new X509Certificate(pair.cert).checkHost(host) !== undefined;
  } catch {
    return false;
  }
}

function parsed(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
