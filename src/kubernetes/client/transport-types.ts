export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  /** Sent as JSON; a string is sent unchanged. */
  readonly body?: unknown;
  /** Default `application/json`; a PATCH must specify its type. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** Limit for the whole call, including connecting and reading the body. Default 30 s. */
  readonly timeoutMs?: number;
}

/** One line of a watch, as sent by the API server. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

export interface WatchOptions {
  readonly query: Query;
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** The watch fails with code `SILENT` if not a single byte arrives for this long. */
  readonly inactivityMs: number;
  /** Called when the API server has answered 200: from then on, nothing after the requested version is missed. */
  readonly onOpen?: () => void;
}

/** One finished call, for metrics. */
export interface RequestRecord {
  readonly method: Method | 'WATCH';
  /** HTTP status, or the code of the failure that ended the call. */
  readonly status: number | string;
  /** The header `Date` of a successful answer. */
  readonly date?: string;
}

/**
 * All requests to the API server go through this transport.
 *
 * Fails with KubeApiError (an answer ≥ 400), KubeConnectionError (no answer) or KubeParseError, or with the signal's reason if
 * aborted. Retries only once, with fresh credentials, if they were refused; all other retries are up to the caller.
 */
export interface KubeTransport {
  request<T = unknown>(method: Method, path: string, options?: RequestOptions): Promise<T>;
  /** Ends when the server closes the watch properly or the signal aborts; any other end is an error. */
  watch(path: string, options: WatchOptions): AsyncIterable<WatchEvent>;
  /** Aborts all running calls. */
  close(): Promise<void>;
}
