import { asArray, asObject, asString } from '../../json.ts';

/** An answer of the API server with a status of 400 or more, or an ERROR event in a watch (then with its status). */
export class KubeApiError extends Error {
  override readonly name = 'KubeApiError';
  /** HTTP status. */
  readonly status: number;
  /** The machine-readable reason (`Expired`, `Conflict`, `AlreadyExists` …); '' if there is none. */
  readonly reason: string;
  /** From Retry-After or `status.details.retryAfterSeconds`. */
  readonly retryAfterMs?: number;
  /** `status.details.causes[].reason`: distinguishes "too large resource version" from other timeouts. */
  readonly causes: readonly string[];

  constructor(request: { method: string; path: string }, status: number, answer: StatusAnswer) {
    const said = answer.message === '' ? 'no message' : answer.message;
    super(`${request.method} ${request.path}: ${status}${answer.reason && ` ${answer.reason}`}: ${said}`);
    this.status = status;
    this.reason = answer.reason;
    this.causes = answer.causes;
    if (answer.retryAfterMs !== undefined) this.retryAfterMs = answer.retryAfterMs;
  }
}

export interface StatusAnswer {
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly string[];
  readonly retryAfterMs?: number;
}

/** The request got no answer: connection refused or cut, TLS, timeout. Whether it took effect is unknown. */
export class KubeConnectionError extends Error {
  override readonly name = 'KubeConnectionError';
  /** `ECONNRESET`, `UND_ERR_SOCKET`, `TIMEOUT`, `SILENT` … */
  readonly code: string;

  constructor(request: { method: string; path: string }, code: string, message: string) {
    super(`${request.method} ${request.path}: ${message}`);
    this.code = code;
  }
}

/** The answer was not valid JSON, or not what was expected. Never quotes the text, which may contain a Secret. */
export class KubeParseError extends Error {
  override readonly name = 'KubeParseError';
}

const LONGEST_MESSAGE = 500;

/** Parses the `Status` object of an error answer. Proxies answer with plain text or HTML, which is truncated. */
export function parseErrorAnswer(text: string, retryAfter?: string): StatusAnswer {
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    return withRetryAfter({ reason: '', message: oneLine(text), causes: [] }, seconds(retryAfter));
  }
  return statusAnswer(status, seconds(retryAfter));
}

/** Like `parseErrorAnswer`, for the parsed `Status` of an ERROR event. */
export function statusAnswer(status: unknown, retryAfterMs?: number): StatusAnswer {
  const { reason, message, details } = asObject(status);
  const { causes, retryAfterSeconds } = asObject(details);
  const answer = {
    reason: asString(reason),
    message: oneLine(asString(message)),
    causes: asArray(causes).map((cause) => String(asObject(cause)['reason'] ?? '')),
  };
  return withRetryAfter(answer, retryAfterMs ?? seconds(retryAfterSeconds));
}

export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof KubeApiError && error.status === status;
}

/** The API server has no such object. A 404 without a reason is that of a gateway, or of a version that is not served. */
export function isMissing(error: unknown): boolean {
  return error instanceof KubeApiError && error.status === 404 && error.reason === 'NotFound';
}

/** Repeating the request does not help until someone changes a right, a policy or the object. */
export function isRefusal(error: unknown): boolean {
  return error instanceof KubeApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
}

/** How long the API server asks to wait; 0 if it does not say. */
export function retryAfterMsOf(error: unknown): number {
  return error instanceof KubeApiError ? (error.retryAfterMs ?? 0) : 0;
}

export function isExpired(error: unknown): boolean {
  return error instanceof KubeApiError && (error.status === 410 || error.reason === 'Expired');
}

/** The requested version is in the server's future: the API server lags behind, or etcd was restored from a backup. */
export function isTooLargeResourceVersion(error: unknown): boolean {
  if (!(error instanceof KubeApiError) || error.reason !== 'Timeout') return false;
  return (
    error.causes.includes('ResourceVersionTooLarge') || /too large resource version/i.test(error.message)
  );
}

function withRetryAfter(answer: StatusAnswer, retryAfterMs: number | undefined): StatusAnswer {
  return retryAfterMs === undefined ? answer : { ...answer, retryAfterMs };
}

function seconds(value: unknown): number | undefined {
  const parsed = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof parsed === 'number' && Number.isFinite(parsed) && parsed > 0 ? parsed * 1000 : undefined;
}

function oneLine(text: string): string {
  return text.slice(0, LONGEST_MESSAGE).replace(/\s+/g, ' ').trim();
}
