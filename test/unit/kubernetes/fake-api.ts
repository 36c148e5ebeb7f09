import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { waitUntil } from '../../../lab/time/wait-until.ts';

/** A watch as the server sees it. */
export class ServedWatch {
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly socket: IncomingMessage['socket'];
  readonly #response: ServerResponse;
  closed = false;

  constructor(url: URL, request: IncomingMessage, response: ServerResponse) {
    this.query = url.searchParams;
    this.accept = request.headers.accept ?? '';
    this.socket = request.socket;
    this.#response = response;
    response.on('close', () => {
      this.closed = true;
    });
  }

  open(): this {
    if (!this.#response.headersSent)
      this.#response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    return this;
  }

  write(bytes: string | Uint8Array): this {
    this.open().#response.write(bytes);
    return this;
  }

  send(type: string, object: unknown): this {
    return this.write(`${JSON.stringify({ type, object })}\n`);
  }

  end(): void {
    this.open().#response.end();
  }

  refuse(status: number, body: unknown = {}, headers: Record<string, string> = {}): void {
    this.#response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  reset(): void {
    this.#response.socket?.resetAndDestroy();
  }
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A local server for lists and watches: the test plays the watches, and `answer` handles all other requests. */
export class FakeApi implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly watches: ServedWatch[] = [];
  /** Called with each watch as it arrives, before the test gets it. */
  onWatch: (watch: ServedWatch) => void = (watch) => watch.open();
  answer: (request: Seen) => Answer | undefined = () => ({ status: 404 });
  readonly #server: Server;
  connections = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', () => this.connections++);
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<FakeApi> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FakeApi(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  kubeConfig(user: object = { token: 'token-of-the-test' }, port = this.port): KubeConfig {
    return kubeConfigOf({ server: `http://127.0.0.1:${port}` }, user);
  }

  get lists(): Seen[] {
    return this.seen.filter(({ query }) => !query.has('watch'));
  }

  /** The n-th watch (from 0), as soon as it exists. */
  async watch(index: number): Promise<ServedWatch> {
    return await until(`watch ${index}`, () => this.watches[index]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { method = '', headers } = request;
    const seen = { method, path: url.pathname, query: url.searchParams, headers, body };
    this.seen.push(seen);
    if (url.searchParams.has('watch')) {
      const watch = new ServedWatch(url, request, response);
      this.watches.push(watch);
      this.onWatch(watch);
      return;
    }
    const answer = this.answer(seen);
    if (answer === undefined) return;
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}));
  }
}

export function kubeConfigOf(cluster: object, user: object): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', skipTLSVerify: false, ...cluster }],
    users: [{ name: 'u', ...user }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  return config;
}

export function status(code: number, reason: string, message = 'because', details: object = {}) {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details };
}

export function pod(name: string, resourceVersion: string, extra: object = {}) {
  return { metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion, ...extra } };
}

export function podList(items: readonly unknown[], resourceVersion: string, next?: string) {
  return { kind: 'PodList', metadata: { resourceVersion, ...(next ? { continue: next } : {}) }, items };
}

/** For conditions that come true within milliseconds. */
export function until<T>(description: string, probe: () => T | Promise<T>) {
  return waitUntil(description, probe, { timeoutMs: 8_000, intervalMs: 2 });
}
