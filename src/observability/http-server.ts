import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { type Address, closeServer, listen, listenAddressOf } from './listening.ts';
import type { KeyPair } from './tls-files.ts';

export interface HealthCheck {
  readonly name: string;
  /** Undefined if all is well, otherwise the problem. */
  check(): string | undefined;
}

export interface HttpServerOptions {
  readonly metricsAddress: Address | undefined;
  readonly healthAddress: Address | undefined;
  /** Whether the operator does its work or, as a standby, could do it at once. */
  readonly ready: readonly HealthCheck[];
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  /** Called before /metrics is answered. Default: everybody may read it. */
  readonly metricsGuard?: MetricsGuard | undefined;
  /** With it, the metrics address serves HTTPS. The health address never does: the kubelet needs no secret. */
  readonly metricsTls?: KeyPair | undefined;
}

/**
 * Checks the Authorization header of a request: undefined if it is allowed, otherwise the HTTP status that refuses it. Rejects
 * when it cannot be checked.
 */
export type MetricsGuard = (authorization: string | undefined) => Promise<401 | 403 | undefined>;

export interface HttpServers {
  /** The address actually listened on, such as `127.0.0.1:34567`; undefined when off. */
  readonly metricsAddress: string | undefined;
  readonly healthAddress: string | undefined;
  /** Applies to new connections; open ones stay. */
  replaceKeyPair(pair: KeyPair): void;
  /** Finishes requests in flight, for at most a second, and accepts no new ones. */
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

type Route = (query: URLSearchParams, headers: IncomingHttpHeaders) => Reply | Promise<Reply>;
type Routes = Readonly<Record<string, Route>>;

/** Serves /healthz and /readyz on both addresses, and /metrics on that for metrics. Rejects when it cannot listen on an address. */
export async function startHttpServers(options: HttpServerOptions): Promise<HttpServers> {
  const { metrics, ready } = options;
  const health: Routes = {
    '/healthz': (query) => report('healthz', [], query),
    '/readyz': (query) => report('readyz', ready, query),
  };
  const withMetrics: Routes = {
    ...health,
    '/metrics': async (_, { authorization }) => {
      const refused = await refusal(options.metricsGuard, authorization);
      if (refused !== undefined) return refused;
      return { status: 200, body: await metrics.render(), contentType: metrics.contentType };
    },
  };
  const servers: Server[] = [];
  const close = async () => {
    await Promise.all(servers.map(closeServer));
  };
  let tlsServer: TlsServer | undefined;
  const open = async (address: Address | undefined, routes: Routes, pair?: KeyPair) => {
    if (address === undefined) return undefined;
    const listener = (request: IncomingMessage, response: ServerResponse) =>
      void answer(routes, request, response);
    const server = pair === undefined ? createServer(listener) : createTlsServer(tlsOptions(pair), listener);
    if (server instanceof TlsServer) tlsServer = server;
    server.requestTimeout = 10_000;
    server.headersTimeout = 5_000;
    await listen(server, address);
    servers.push(server);
    return listenAddressOf(server);
  };
  try {
    const metricsAddress = await open(options.metricsAddress, withMetrics, options.metricsTls);
    const healthAddress = await open(options.healthAddress, health);
    const replaceKeyPair = (pair: KeyPair) => tlsServer?.setSecureContext(pair);
    return { metricsAddress, healthAddress, replaceKeyPair, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Clients that connect but send nothing are disconnected. */
const tlsOptions = (pair: KeyPair) => ({ ...pair, handshakeTimeout: 5_000 });

async function refusal(
  guard: MetricsGuard | undefined,
  authorization: string | undefined,
): Promise<Reply | undefined> {
  try {
    const status = await guard?.(authorization);
    return status && { status, body: status === 401 ? 'unauthorized\n' : 'forbidden\n' };
  } catch {
    // The reason is only logged, because the client may be anybody.
    return { status: 503, body: 'the right to read this could not be checked\n' };
  }
}

/** Like kube-apiserver: `ok`, or the checks one by one if `verbose` is given or one of them fails. */
function report(name: string, checks: readonly HealthCheck[], query: URLSearchParams): Reply {
  const results = checks.map((check) => ({ name: check.name, problem: run(check) }));
  const failed = results.some(({ problem }) => problem !== undefined);
  if (!failed && !query.has('verbose')) return { status: 200, body: 'ok' };
  const lines = results.map(({ name: check, problem }) =>
    problem === undefined ? `[+]${check} ok` : `[-]${check} failed: ${problem}`,
  );
  return {
    status: failed ? 503 : 200,
    body: `${[...lines, `${name} check ${failed ? 'failed' : 'passed'}`].join('\n')}\n`,
  };
}

function run(check: HealthCheck): string | undefined {
  try {
    return check.check();
  } catch (error) {
    return String(error);
  }
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, body, contentType } = await reply(routes, request);
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    'content-type': contentType ?? 'text/plain; charset=utf-8',
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 && { allow: 'GET, HEAD' }),
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

async function reply(routes: Routes, request: IncomingMessage): Promise<Reply> {
  const url = URL.parse(request.url ?? '/', 'http://localhost');
  const route = url !== null && Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
  if (url === null || route === undefined) return { status: 404, body: 'not found\n' };
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, body: 'method not allowed\n' };
  try {
    return await route(url.searchParams, request.headers);
  } catch (error) {
    return { status: 500, body: `${error}\n` };
  }
}
