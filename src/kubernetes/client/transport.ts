import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import { OPERATOR } from '../../api/names.ts';
import { type Clock, systemClock, unlessAborted } from '../../clock.ts';
import { type Access, ApiAccess } from './api-access.ts';
import { KubeApiError, KubeConnectionError, KubeParseError } from './api-error.ts';
import {
  answeredError,
  type Call,
  codeOfResult,
  connectionError,
  encoded,
  isCertificateError,
  parseAnswer,
  queryString,
} from './call.ts';
import { Connections } from './connections.ts';
import { Deadline } from './deadline.ts';
import type {
  KubeTransport,
  Method,
  RequestOptions,
  RequestRecord,
  WatchEvent,
  WatchOptions,
} from './transport-types.ts';
import { LineSplitter, parseWatchLine } from './watch-lines.ts';

export { KubeApiError, KubeConnectionError, KubeParseError } from './api-error.ts';
export type * from './transport-types.ts';

export interface KubeTransportOptions {
  readonly clock?: Clock;
  readonly userAgent?: string;
  /** Limit for calls other than watches; further calls wait for their turn. Default 32. */
  readonly maxConnections?: number;
  readonly onRequest?: (record: RequestRecord) => void;
}

export function createTransport(kubeConfig: KubeConfig, options: KubeTransportOptions = {}): KubeTransport {
  return new HttpTransport(kubeConfig, options);
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** The API server answers a watch before its first event; under load it may queue the request for a while. */
const WATCH_ANSWER_MS = 15_000;

class HttpTransport implements KubeTransport {
  readonly #access: ApiAccess;
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #maxConnections: number;
  readonly #onRequest: (record: RequestRecord) => void;
  #connections: Connections | undefined;
  readonly #retiring = new Set<Connections>();
  #closed = false;

  constructor(kubeConfig: KubeConfig, options: KubeTransportOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#access = new ApiAccess(kubeConfig, this.#clock);
    this.#userAgent = options.userAgent ?? OPERATOR;
    this.#maxConnections = options.maxConnections ?? 32;
    this.#onRequest = options.onRequest ?? (() => {});
  }

  async request<T = unknown>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    const call: Call = { method, path, query: options.query, ...encoded(options), pool: 'requests' };
    const finish = this.#begin(method);
    const deadline = new Deadline(this.#clock, options.timeoutMs ?? DEFAULT_TIMEOUT_MS, options.signal);
    try {
      const { statusCode, headers, body } = await this.#send(call, deadline.signal);
      const answer = await body.text();
      if (statusCode >= 400) throw answeredError(call, statusCode, answer, headers['retry-after']);
      finish(statusCode, headers['date']);
      return parseAnswer(call, answer) as T;
    } catch (error) {
      if (options.signal?.aborted) {
        finish('ABORTED');
        throw options.signal.reason;
      }
      throw finish(this.#failure(call, error, deadline, 'TIMEOUT'));
    } finally {
      deadline.end();
    }
  }

  async *watch(path: string, options: WatchOptions): AsyncGenerator<WatchEvent, void, undefined> {
    const call: Call = {
      method: 'GET',
      path,
      query: { ...options.query, watch: true },
      ...encoded(options),
      pool: 'watches',
    };
    const finish = this.#begin('WATCH');
    const deadline = new Deadline(
      this.#clock,
      Math.min(WATCH_ANSWER_MS, options.inactivityMs),
      options.signal,
    );
    try {
      const { statusCode, headers, body } = await this.#send(call, deadline.signal);
      if (statusCode >= 400) throw answeredError(call, statusCode, await body.text(), headers['retry-after']);
      deadline.restart(options.inactivityMs);
      options.onOpen?.();
      yield* this.#events(call, body, deadline);
      finish(statusCode);
      // undici frees the connection one turn after the end of the body; before that, the next watch would open another one.
      await nextTurn();
    } catch (error) {
      if (!options.signal.aborted) throw finish(this.#failure(call, error, deadline, 'SILENT'));
    } finally {
      deadline.end();
      finish('ABORTED');
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#retiring, ...(this.#connections === undefined ? [] : [this.#connections])];
    this.#connections = undefined;
    await Promise.all(all.map((connections) => connections.destroy()));
  }

  async *#events(call: Call, body: AsyncIterable<Buffer>, deadline: Deadline): AsyncGenerator<WatchEvent> {
    const lines = new LineSplitter();
    for await (const chunk of body) {
      deadline.heard();
      for (const line of lines.push(chunk)) if (line.length > 0) yield parseWatchLine(line);
    }
    if (lines.pendingBytes > 0)
      throw new KubeConnectionError(call, 'CUT', 'the watch ended in the middle of a line');
  }

  /** Returns the API server's response, whatever its status. If our credentials are refused, tries once more with fresh ones. */
  async #send(call: Call, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const access = await unlessAborted(this.#access.current(), signal);
    try {
      const response = await this.#sendAs(access, call, signal);
      if (response.statusCode !== 401) return response;
      const renewed = await unlessAborted(this.#access.renew(access), signal);
      if (renewed === undefined) return response;
      await response.body.dump();
      return await this.#sendAs(renewed, call, signal);
    } catch (error) {
      if (!isCertificateError(error)) throw error;
      const renewed = await unlessAborted(this.#access.renew(access), signal);
      // Nothing was sent before the handshake failed, so even a POST can be repeated.
      if (renewed === undefined || renewed.tlsIdentity === access.tlsIdentity) throw error;
      return await this.#sendAs(renewed, call, signal);
    }
  }

  async #sendAs(access: Access, call: Call, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { origin, pathname } = new URL(access.server);
    return this.#connectionsFor(access)[call.pool].request({
      origin,
      path: (pathname === '/' ? '' : pathname) + call.path + queryString(call.query),
      method: call.method,
      headers: { ...call.headers, ...access.headers, 'user-agent': this.#userAgent },
      body: call.body ?? null,
      signal,
    });
  }

  #connectionsFor(access: Access): Connections {
    if (this.#closed) throw new Error('the transport is closed');
    if (this.#connections?.tlsIdentity !== access.tlsIdentity) this.#retireConnections();
    this.#connections ??= new Connections(access, this.#maxConnections);
    return this.#connections;
  }

  #retireConnections(): void {
    const old = this.#connections;
    if (old === undefined) return;
    this.#connections = undefined;
    this.#retiring.add(old);
    void old.close().finally(() => this.#retiring.delete(old));
  }

  #failure(call: Call, error: unknown, deadline: Deadline, code: string): unknown {
    if (error instanceof KubeApiError || error instanceof KubeParseError) return error;
    if (deadline.passed) {
      // The other existing connections may be just as dead as this one.
      this.#retireConnections();
      return new KubeConnectionError(call, code, 'the API server was not heard of in time');
    }
    return error instanceof KubeConnectionError ? error : connectionError(call, error);
  }

  /** Returns a function that reports the end of the call, when first called, and returns its argument. */
  #begin(method: RequestRecord['method']): <R>(result: R, date?: unknown) => R {
    let open = true;
    return (result, date) => {
      const status = codeOfResult(result);
      if (open) this.#onRequest({ method, status, ...(typeof date === 'string' && { date }) });
      open = false;
      return result;
    };
  }
}
