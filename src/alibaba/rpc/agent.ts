import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';

/** Passed to `http.request` with its own options, to get access to the request that pop-core does not expose. */
export interface RequestHook {
  readonly onRequest?: (request: http.ClientRequest) => void;
}

export interface AgentOptions {
  readonly connectTimeoutMs: number;
  /** Holds HTTPS_PROXY, HTTP_PROXY and NO_PROXY; undefined: always connect directly. */
  readonly proxyEnv?: NodeJS.ProcessEnv | undefined;
  readonly freeSocketTimeoutMs?: number;
}

/**
 * We close idle connections before the other side does: gateways keep them for 60 s or longer, proxies in between often
 * for less, and the outcome of a request on a connection that is being closed is unknown.
 */
const FREE_SOCKET_TIMEOUT_MS = 15_000;

/** Connections that hang until they time out must not exhaust the pool: at 50 calls a second it lasts for 5 s. */
const MAX_SOCKETS = 256;
const MAX_FREE_SOCKETS = 32;

class ConnectTimeoutError extends Error {
  readonly code = 'ConnectTimeout';
}

export function createAgent(protocol: 'http:' | 'https:', options: AgentOptions): http.Agent {
  const settings = {
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    maxFreeSockets: MAX_FREE_SOCKETS,
    scheduling: 'lifo',
    timeout: options.freeSocketTimeoutMs ?? FREE_SOCKET_TIMEOUT_MS,
    ...(options.proxyEnv === undefined ? {} : { proxyEnv: options.proxyEnv }),
  } as const;
  return protocol === 'https:'
    ? new HttpsAgent(settings, options.connectTimeoutMs)
    : new HttpAgent(settings, options.connectTimeoutMs);
}

type Callback = (error: Error | null, stream: Duplex) => void;

class HttpAgent extends http.Agent {
  readonly #connectTimeoutMs: number;

  constructor(options: http.AgentOptions, connectTimeoutMs: number) {
    super(options);
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  override createConnection(options: http.ClientRequestArgs, callback?: Callback): Duplex | null | undefined {
    return connect(
      (done) => super.createConnection(options, done),
      'connect',
      this.#connectTimeoutMs,
      callback,
    );
  }

  addRequest(request: http.ClientRequest, options: RequestHook): void {
    options.onRequest?.(request);
    addRequest.call(this, request, options);
  }
}

class HttpsAgent extends https.Agent {
  readonly #connectTimeoutMs: number;

  constructor(options: https.AgentOptions, connectTimeoutMs: number) {
    super(options);
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  override createConnection(options: https.RequestOptions, callback?: Callback): Duplex | null | undefined {
    return connect(
      (done) => super.createConnection(options, done),
      'secureConnect',
      this.#connectTimeoutMs,
      callback,
    );
  }

  addRequest(request: http.ClientRequest, options: RequestHook): void {
    options.onRequest?.(request);
    addRequest.call(this, request, options);
  }
}

/** The method that `http.request` calls on its agent; missing in the types, but every agent library relies on it. */
const { addRequest } = http.Agent.prototype as unknown as {
  addRequest: (this: http.Agent, request: http.ClientRequest, options: object) => void;
};

/** Destroys a connection with a ConnectTimeoutError if it is not ready in time, including TLS and a proxy's tunnel. */
function connect(
  create: (done: Callback) => Duplex | null | undefined,
  readyEvent: 'connect' | 'secureConnect',
  timeoutMs: number,
  callback?: Callback,
): Duplex | null | undefined {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  const socket = create((error, stream) => {
    stop();
    callback?.(error, stream);
  });
  timer = setTimeout(() => {
    socket?.destroy(new ConnectTimeoutError(`no connection within ${timeoutMs} ms`));
  }, timeoutMs);
  timer.unref();
  socket?.once(readyEvent, stop);
  socket?.once('close', stop);
  return socket;
}
