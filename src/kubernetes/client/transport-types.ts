export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  /** Sent as JSON; a string is sent unchanged. */
  readonly body?: unknown;
  /** Default `application/json`; a PATCH has to say which kind it is. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** For the whole call, connecting and reading the body included. Default 30 s. */
  readonly timeoutMs?: number;
}

/** One line of a watch as the API server sent it. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

export interface WatchOptions {
  readonly query: Query;
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** The watch fails with code `SILENT` when not one byte came for this long. */
  readonly inactivityMs: number;
  /** The API server has answered 200: from here on, nothing after the asked-for version is missed. */
  readonly onOpen?: () => void;
}

/** One finished call, for metrics. */
export interface RequestRecord {
  readonly method: Method | 'WATCH';
  /** HTTP status, or the code of what cut the call short. */
  readonly status: number | string;
  /** The header `Date` of a successful answer. */
  readonly date?: string;
}

/**
 * The only way to the API server.
 *
 * Fails with KubeApiError (an answer ≥ 400), KubeConnectionError (no answer) or KubeParseError; with the signal's reason when
 * aborted. Nothing is retried in here but a call refused with 401, once, with a fresh token: retries belong to who knows the call.
 */
export interface KubeTransport {
  request<T = unknown>(method: Method, path: string, options?: RequestOptions): Promise<T>;
  /** Ends when the server closes the watch properly or the signal aborts; every other end is an error. */
  watch(path: string, options: WatchOptions): AsyncIterable<WatchEvent>;
  /** Cuts everything that is under way. */
  close(): Promise<void>;
}
