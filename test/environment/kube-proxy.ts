import { readFile, writeFile } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ControlPlane } from '../../lab/control-plane/control-plane.ts';

export interface KubeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly isWatch: boolean;
}

/**
 * - answer: the API server never sees the request
 * - silence: nor does it see this one; the connection stays open, and the answer never goes beyond its header
 * - reset-before, reset-after: the connection is reset before the API server receives the request, or after it has processed it
 * - rewrite: the API server's response is changed
 */
export type Intervention =
  | { readonly do: 'answer'; readonly status: number; readonly body: object }
  | { readonly do: 'silence' | 'reset-before' | 'reset-after' }
  | { readonly do: 'rewrite'; readonly body: (body: string) => string };

export type Hook = (request: KubeRequest) => Intervention | undefined | Promise<Intervention | undefined>;

const JSON_CONTENT = { 'content-type': 'application/json' };

/** A proxy between one operator and the API server in which a test decides what happens to each request. Loopback only. */
export class KubeProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #agent: Agent;
  readonly #sockets = new Set<Socket>();
  readonly #hooks = new Set<Hook>();
  #isCut = false;

  private constructor(server: Server, target: URL, agent: Agent) {
    this.#server = server;
    this.#target = target;
    this.#agent = agent;
    server.requestTimeout = 0;
    server.on('request', (incoming, response) => {
      this.#serve(incoming, response).catch(() => incoming.socket.destroy());
    });
    server.on('connection', (socket) => {
      if (this.#isCut) return socket.resetAndDestroy();
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
    });
  }

  static async start({ server: target, caFile }: ControlPlane): Promise<KubeProxy> {
    const agent = new Agent({ ca: await readFile(caFile), keepAlive: true });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new KubeProxy(server, new URL(target), agent);
  }

  /** Writes a copy of a kubeconfig that points here, and returns its path. */
  async kubeconfig(original: string): Promise<string> {
    const { port } = this.#server.address() as AddressInfo;
    const path = `${original}-by-proxy-${port}`;
    const content = await readFile(original, 'utf8');
    await writeFile(path, content.replace(this.#target.origin, `http://127.0.0.1:${port}`), { mode: 0o600 });
    return path;
  }

  /**
   * Called for each request, in the order in which hooks were added; the first intervention applies. Returns a function that
   * removes the hook.
   */
  hook(hook: Hook): () => void {
    this.#hooks.add(hook);
    return () => this.#hooks.delete(hook);
  }

  /** Resets open and new connections until `restore`. */
  cut(): void {
    this.#isCut = true;
    this.dropConnections();
  }

  /** Resets open connections; new ones work. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  restore(): void {
    this.#isCut = false;
    this.#hooks.clear();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(incoming);
    const intervention = await this.#intervention(incoming);
    if (intervention?.do === 'reset-before') return void incoming.socket.resetAndDestroy();
    if (intervention?.do === 'answer') return answer(response, intervention.status, intervention.body);
    if (intervention?.do === 'silence') return response.writeHead(200, JSON_CONTENT).flushHeaders();
    const upstream = await this.#forward(incoming, body, response);
    if (intervention === undefined) {
      response.writeHead(upstream.statusCode ?? 502, upstream.headers).flushHeaders();
      upstream.on('error', () => response.destroy()).pipe(response);
      return;
    }
    const reply = await text(upstream);
    if (intervention.do !== 'rewrite') return void incoming.socket.resetAndDestroy();
    const changed = intervention.body(reply);
    const headers: OutgoingHttpHeaders = { 'content-type': upstream.headers['content-type'] };
    response.writeHead(upstream.statusCode ?? 502, headers).end(changed);
  }

  async #intervention({ method = 'GET', url = '/' }: IncomingMessage): Promise<Intervention | undefined> {
    const { pathname, searchParams: query } = new URL(url, 'http://localhost');
    const asked = { method, path: pathname, query, isWatch: query.has('watch') };
    for (const hook of this.#hooks) {
      const intervention = await hook(asked);
      if (intervention !== undefined) return intervention;
    }
    return undefined;
  }

  #forward(
    { method, url, headers }: IncomingMessage,
    body: string,
    response: ServerResponse,
  ): Promise<IncomingMessage> {
    const { hostname, port } = this.#target;
    // The response must be readable here if it is to be changed.
    const { 'accept-encoding': _, ...passed } = headers;
    return new Promise((resolve, reject) => {
      const call = request({ hostname, port, method, path: url, headers: passed, agent: this.#agent });
      call.on('response', resolve).on('error', reject);
      response.on('close', () => call.destroy());
      call.end(body);
    });
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, JSON_CONTENT).end(JSON.stringify(body));
}
