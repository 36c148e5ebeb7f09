import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AccessKeys } from '../../../simulator/gateway/authentication.ts';

export const METADATA_HOST = '100.100.100.200';
const ROLES = '/latest/meta-data/ram/security-credentials/';
const TOKEN = 'token-of-the-metadata-service';

/** Returned instead of the right answer; if the body is undefined, the request is never answered. */
export interface MetadataFault {
  readonly status: number;
  readonly body: string | undefined;
}

/** The RAM role part of the metadata service of an ECS instance; closed by `await using`. */
export class MetadataService implements AsyncDisposable {
  readonly role = 'role-of-the-instance';
  /** The requests, in order: `token`, `roles`, `session NAME`, followed by ` without token` if they had none. */
  readonly asked: string[] = [];
  /** By kind of request: `token`, `roles`, `session`. */
  readonly faults = new Map<string, MetadataFault>();
  /** Rejects every token presented; requests without a token succeed. */
  refusesTokens = false;
  sessions = 0;
  /** The `Expiration` of session number n, and other fields that differ. */
  session: (n: number) => Readonly<Record<string, unknown>>;
  readonly #server: http.Server;

  private constructor(session: (n: number) => Readonly<Record<string, unknown>>) {
    this.session = session;
    this.#server = http.createServer((request, response) => this.#answer(request, response));
  }

  /** `session` defines each session by its number. */
  static async start(session: MetadataService['session']): Promise<MetadataService> {
    const service = new MetadataService(session);
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve));
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ method, url = '', headers }: http.IncomingMessage, response: http.ServerResponse): void {
    const token = headers['x-aliyun-ecs-metadata-token'];
    const what = thing(method, url);
    const name = what === 'session' ? ` ${url.slice(ROLES.length)}` : '';
    this.asked.push(`${what}${name}${what === 'token' || token !== undefined ? '' : ' without token'}`);
    const { status, body } = this.faults.get(what) ?? this.#right(what, url, headers);
    if (body === undefined) return;
    response.writeHead(status).end(body);
  }

  #right(what: string, url: string, headers: http.IncomingHttpHeaders): MetadataFault {
    if (what === 'token') {
      const seconds = Number(headers['x-aliyun-ecs-metadata-token-ttl-seconds']);
      return seconds > 0 ? { status: 200, body: TOKEN } : { status: 400, body: 'no ttl' };
    }
    const token = headers['x-aliyun-ecs-metadata-token'];
    if (token !== undefined && (token !== TOKEN || this.refusesTokens)) return { status: 401, body: 'token' };
    if (what === 'roles') return { status: 200, body: `${this.role}\n` };
    if (url !== `${ROLES}${this.role}`) return { status: 404, body: 'not found' };
    return { status: 200, body: JSON.stringify({ Code: 'Success', ...this.session(++this.sessions) }) };
  }
}

function thing(method: string | undefined, url: string): string {
  if (method === 'PUT' && url === '/latest/api/token') return 'token';
  if (method !== 'GET' || !url.startsWith(ROLES)) return `${method} ${url}`;
  return url === ROLES ? 'roles' : 'session';
}

/** Sessions of the instance's role that the simulator accepts for this long. */
export function sessionsFor(accessKeys: AccessKeys, lifetimeMs: number): MetadataService['session'] {
  return (n) => {
    const [id, secret, securityToken] = [`STS.instance${n}`, `secret of ${n}`, `token of ${n}`];
    const expiresAt = Date.now() + lifetimeMs;
    accessKeys.set({ id, secret, securityToken, expiresAt });
    const Expiration = `${new Date(expiresAt).toISOString().slice(0, 19)}Z`;
    return { AccessKeyId: id, AccessKeySecret: secret, SecurityToken: securityToken, Expiration };
  };
}

type Connect = (options: http.ClientRequestArgs, callback?: (...args: never) => void) => unknown;

/**
 * Redirects this process's connections to the metadata service to a port of this machine; requests are unchanged. Returns a
 * function that undoes this.
 */
export function redirectMetadata(port: () => number): () => void {
  const agent = http.Agent.prototype as unknown as { createConnection: Connect };
  const { createConnection } = agent;
  agent.createConnection = function (this: unknown, options, callback) {
    const elsewhere =
      options.host === METADATA_HOST ? { ...options, host: '127.0.0.1', port: port() } : options;
    return createConnection.call(this, elsewhere, callback);
  };
  return () => {
    agent.createConnection = createConnection;
  };
}
