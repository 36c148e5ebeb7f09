import { createHmac } from 'node:crypto';

/**
 * RPC signature: HMAC-SHA1, SignatureVersion 1.0 ("Request syntax and signature method V2 for RPC APIs"). It covers the method as sent, the
 * path as `/` and every parameter except Signature, but neither host nor headers.
 */
export function rpcStringToSign(method: string, params: ReadonlyMap<string, string>): string {
  const canonical = [...params]
    .filter(([name]) => name !== 'Signature')
    .sort(byName)
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .join('&');
  return `${method}&${percentEncode('/')}&${percentEncode(canonical)}`;
}

export function rpcSignature(stringToSign: string, secret: string): string {
  return createHmac('sha1', `${secret}&`).update(stringToSign).digest('base64');
}

/** RFC 3986: unlike the signature, encodeURIComponent leaves ! ' ( ) * unencoded. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function byName(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
