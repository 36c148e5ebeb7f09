import { createHash, createHmac } from 'node:crypto';
import { type ApiRequest, header } from './request.ts';
import { byName, percentEncode } from './signature-rpc.ts';

/** The parts of `Authorization: ACS3-HMAC-SHA256 Credential=…,SignedHeaders=a;b,Signature=…`. */
export interface Acs3Authorization {
  readonly algorithm: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

export function parseAcs3Authorization(value: string): Acs3Authorization | undefined {
  const match = /^(ACS3-\S+)\s+(.*)$/.exec(value.trim());
  if (!match) return undefined;
  const fields = new Map(
    match[2]!.split(',').map((part): [string, string] => {
      const cut = part.indexOf('=');
      return [part.slice(0, cut).trim(), part.slice(cut + 1).trim()];
    }),
  );
  const signature = fields.get('Signature');
  if (!fields.get('Credential') || !signature) return undefined;
  return {
    algorithm: match[1]!,
    signedHeaders: (fields.get('SignedHeaders') ?? '').split(';').filter((name) => name !== ''),
    signature,
  };
}

/**
 * ACS3-HMAC-SHA256 ("V3 request structure and signature"). The client chooses which headers it signs (the Python 2.0 SDK also signs accept
 * and user-agent), so the list and the raw values are taken from the request.
 */
export function acs3StringToSign(request: ApiRequest, authorization: Acs3Authorization): string {
  const query = [...request.query]
    .sort(byName)
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .join('&');
  const headers = authorization.signedHeaders
    .map((name) => `${name}:${(header(request.headers, name) ?? '').trim()}\n`)
    .join('');
  const canonical = [
    request.method,
    request.path || '/',
    query,
    headers,
    authorization.signedHeaders.join(';'),
    sha256Hex(request.body),
  ].join('\n');
  return `${authorization.algorithm}\n${sha256Hex(canonical)}`;
}

/** The key is the plain secret: unlike RPC, no `&` is appended. */
export function acs3Signature(stringToSign: string, secret: string): string {
  return createHmac('sha256', secret).update(stringToSign).digest('hex');
}

export function sha256Hex(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
