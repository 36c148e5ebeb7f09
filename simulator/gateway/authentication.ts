import { timingSafeEqual } from 'node:crypto';
import { ApiError, missingParameter } from './errors.ts';
import { type ApiRequest, header } from './request.ts';
import { acs3Signature, acs3StringToSign, parseAcs3Authorization, sha256Hex } from './signature-acs3.ts';
import { rpcSignature, rpcStringToSign } from './signature-rpc.ts';

export interface AccessKey {
  readonly id: string;
  readonly secret: string;
  /** If set, this is an STS key, valid only together with this token. */
  readonly securityToken?: string | undefined;
  /** When the token expires, in ms since the epoch. Default: never. */
  readonly expiresAt?: number | undefined;
  readonly disabled?: boolean | undefined;
}

export interface AuthenticationOptions {
  /** How far a client's clock may be off. Documented as 15 minutes on older pages and 31 on the current one. */
  readonly clockSkewMs: number;
  readonly now: () => number;
}

/** The access keys that may call. Keys can be replaced, expired and removed while the simulator runs. */
export class AccessKeys {
  readonly #keys = new Map<string, AccessKey>();
  readonly #nonces = new Map<string, number>();
  readonly #options: AuthenticationOptions;

  constructor(keys: readonly AccessKey[], options: AuthenticationOptions) {
    for (const key of keys) this.set(key);
    this.#options = options;
  }

  set(key: AccessKey): void {
    this.#keys.set(key.id, key);
  }

  remove(id: string): void {
    this.#keys.delete(id);
  }

  /** Expires the key's token immediately. */
  expire(id: string): void {
    const key = this.#keys.get(id);
    if (key) this.#keys.set(id, { ...key, expiresAt: 0 });
  }

  /** Throws the ApiError of the first check that fails; the order is key, token, time, signature, nonce. */
  authenticate(request: ApiRequest): void {
    const signed = request.scheme === 'ACS3' ? readAcs3(request) : readRpc(request);
    const key = this.#known(request.accessKeyId);
    this.#checkToken(key, signed.securityToken);
    this.#checkTime(signed);
    if (!equal(signed.signature, signed.expected(key.secret))) throw signed.mismatch();
    this.#useNonce(`${key.id} ${signed.nonce}`);
  }

  #known(id: string): AccessKey {
    const key = this.#keys.get(id);
    if (!key) throw new ApiError('InvalidAccessKeyId.NotFound');
    if (key.disabled) throw new ApiError('InvalidAccessKeyId.Inactive');
    return key;
  }

  #checkToken(key: AccessKey, token: string): void {
    if (key.securityToken === undefined) {
      if (token !== '') throw new ApiError('InvalidSecurityToken.MismatchWithAccessKey');
      return;
    }
    if (token === '') throw new ApiError('MissingSecurityToken');
    if (token !== key.securityToken) throw new ApiError('InvalidSecurityToken.MismatchWithAccessKey');
    if (key.expiresAt !== undefined && this.#options.now() >= key.expiresAt) {
      throw new ApiError('InvalidSecurityToken.Expired');
    }
  }

  #checkTime(signed: Signed): void {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(signed.timestamp)) {
      throw new ApiError('InvalidTimeStamp.Format');
    }
    const time = Date.parse(signed.timestamp);
    if (Number.isNaN(time)) throw new ApiError('InvalidTimeStamp.Format');
    if (Math.abs(this.#options.now() - time) > this.#options.clockSkewMs) {
      throw new ApiError('InvalidTimeStamp.Expired');
    }
  }

  #useNonce(nonce: string): void {
    const now = this.#options.now();
    // Entries are ordered by time, so only expired ones at the front are visited.
    for (const [old, since] of this.#nonces) {
      if (now - since <= 2 * this.#options.clockSkewMs) break;
      this.#nonces.delete(old);
    }
    if (this.#nonces.has(nonce)) throw new ApiError('SignatureNonceUsed');
    this.#nonces.set(nonce, now);
  }
}

interface Signed {
  readonly securityToken: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: string;
  expected(secret: string): string;
  mismatch(): ApiError;
}

function readRpc(request: ApiRequest): Signed {
  const { params } = request;
  // Bearer tokens are not signed at all; no client of this API needs them.
  if (params.get('SignatureType') === 'BEARERTOKEN') {
    throw new ApiError('IncompleteSignature', { message: 'SignatureType BEARERTOKEN is not supported.' });
  }
  const need = (name: string): string => {
    const value = params.get(name);
    if (!value) throw missingParameter(name);
    return value;
  };
  need('AccessKeyId');
  const method = params.get('SignatureMethod') ?? 'HMAC-SHA1';
  const version = params.get('SignatureVersion') ?? '1.0';
  if (method !== 'HMAC-SHA1' || version !== '1.0') throw new ApiError('IncompleteSignature');
  const stringToSign = rpcStringToSign(request.method, params);
  return {
    securityToken: params.get('SecurityToken') ?? '',
    // The SLB pages spell it TimeStamp. It is signed as it was spelled in the request.
    timestamp: params.get('Timestamp') ?? need('TimeStamp'),
    nonce: need('SignatureNonce'),
    signature: need('Signature'),
    expected: (secret) => rpcSignature(stringToSign, secret),
    // The Go SDK compares the echoed text with its own to tell a wrong secret from a wrong encoding.
    mismatch: () =>
      new ApiError('SignatureDoesNotMatch', {
        message: `Specified signature is not matched with our calculation. server string to sign is:${stringToSign}`,
      }),
  };
}

function readAcs3(request: ApiRequest): Signed {
  const authorization = parseAcs3Authorization(header(request.headers, 'authorization') ?? '');
  if (authorization?.algorithm !== 'ACS3-HMAC-SHA256') {
    throw new ApiError('IncompleteSignature', {
      message: 'The Authorization header is not a complete ACS3-HMAC-SHA256 one.',
    });
  }
  const need = (name: string): string => {
    const value = header(request.headers, name);
    if (!value) throw missingParameter(name);
    return value;
  };
  const stringToSign = acs3StringToSign(request, authorization);
  const bodyAsDeclared = need('x-acs-content-sha256') === sha256Hex(request.body);
  return {
    securityToken: header(request.headers, 'x-acs-security-token') ?? '',
    timestamp: need('x-acs-date'),
    nonce: need('x-acs-signature-nonce'),
    signature: bodyAsDeclared ? authorization.signature : '',
    expected: (secret) => acs3Signature(stringToSign, secret),
    mismatch: () =>
      new ApiError('SignatureDoesNotMatch', {
        message: `Specified signature does not match our calculation. server StringToSign is [${stringToSign.replace('\n', ' ')}]`,
      }),
  };
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
