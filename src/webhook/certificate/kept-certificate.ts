import { X509Certificate } from 'node:crypto';
import { asObject, asString, type JsonObject } from '../../json.ts';
import { checkKeyPair, type KeyPair } from '../../observability/tls-files.ts';

/** The content of the Secret, from its keys `tls.crt`, `tls.key` and `previous.crt`. */
export interface KeptCertificate {
  /** Undefined if the Secret has no certificate that a server could use for this host. */
  readonly current: KeyPair | undefined;
  /** The certificate before the current one, as PEM. Another replica may still serve with it. */
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

/** The Secret with these certificates; its other content is unchanged. */
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

/** In milliseconds since the Unix epoch, for the first certificate of a chain. */
export function expiryOf(cert: string): number {
  return new X509Certificate(cert).validToDate.getTime();
}

/** The certificates that the API server must trust, newest first, as PEM. */
export function trusted({ current, previous }: KeptCertificate, now: number): string {
  const certificates = [current?.cert, previous].filter((cert) => cert !== undefined);
  return certificates
    .filter((cert, i) => i === 0 || expiryOf(cert) > now)
    .map((cert) => `${cert.trimEnd()}\n`)
    .join('');
}

function isUsable(pair: KeyPair, host: string): boolean {
  try {
    checkKeyPair(pair);
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
