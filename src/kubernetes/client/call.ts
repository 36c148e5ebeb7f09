import { KubeApiError, KubeConnectionError, KubeParseError, parseErrorAnswer } from './api-error.ts';
import type { Method, Query, RequestOptions } from './transport-types.ts';

/** `Accept` headers for requests that only need metadata. */
export const METADATA_OBJECT = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
export const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

export interface Call {
  readonly method: Method;
  readonly path: string;
  readonly query: Query | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly pool: 'requests' | 'watches';
}

export function encoded({ body, contentType, accept }: RequestOptions): Pick<Call, 'headers' | 'body'> {
  const headers = { accept: accept ?? 'application/json' };
  if (body === undefined) return { headers, body: undefined };
  return {
    headers: { ...headers, 'content-type': contentType ?? 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

export function queryString(query: Query = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

export function parseAnswer({ method, path }: Call, answer: string): unknown {
  if (answer === '') return undefined;
  try {
    return JSON.parse(answer);
  } catch {
    throw new KubeParseError(`${method} ${path}: the answer of ${answer.length} characters is not JSON`);
  }
}

export function answeredError(call: Call, status: number, answer: string, retryAfter: unknown): KubeApiError {
  return new KubeApiError(
    call,
    status,
    parseErrorAnswer(answer, typeof retryAfter === 'string' ? retryAfter : undefined),
  );
}

/** Does not keep the error as its cause: undici's errors hold the socket, or received bytes, which may echo our token. */
export function connectionError(call: Call, error: unknown): KubeConnectionError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return new KubeConnectionError(call, typeof code === 'string' ? code : 'ERROR', String(message || code));
}

export function isCertificateError(error: unknown): boolean {
  const code = String((error as { code?: unknown }).code);
  return /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_SSL_|^ERR_TLS_/.test(code);
}

export function codeOfResult(result: unknown): number | string {
  if (typeof result === 'number' || typeof result === 'string') return result;
  if (result instanceof KubeApiError) return result.status;
  return result instanceof KubeConnectionError ? result.code : 'PARSE';
}
