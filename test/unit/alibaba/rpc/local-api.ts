import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Credentials, CredentialsSource } from '../../../../src/alibaba/credentials/credentials.ts';
import { createAgent } from '../../../../src/alibaba/rpc/agent.ts';
import { createCloudTime } from '../../../../src/alibaba/rpc/cloud-time.ts';
import { type CallRecord, createRpc, type Rpc, type RpcOptions } from '../../../../src/alibaba/rpc/rpc.ts';
import { type Clock, systemClock } from '../../../../src/clock.ts';
import type { ApiError } from '../../../../src/cloud/api-error.ts';
import { vServerGroup } from '../../../../src/cloud/group-ref.ts';
import type { WriteReply } from '../../../../src/cloud/server-groups.ts';
import type { Row } from '../../../../src/membership/backend.ts';

export const KEY: Credentials = {
  accessKeyId: 'LTAItestkeyid0000001',
  accessKeySecret: 'testsecret-0123456789abcdef',
  securityToken: 'CAIStesttoken/with+odd=chars==',
};

export const GROUP = vServerGroup('cn-hangzhou', 'rsp-1');

export interface Received {
  readonly url: string;
  readonly method: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string>>;
  readonly socket: Socket;
}

export type Handler = (received: Received, response: http.ServerResponse) => void;

/** A server on loopback that records what a client sends and answers as the test decides; closed by `await using`. */
export class LocalApi implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly sockets = new Set<Socket>();
  readonly #server: http.Server;

  private constructor(handler: Handler) {
    this.#server = http.createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const received = {
        url: request.url ?? '',
        method: request.method ?? '',
        headers: request.headers,
        params: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())),
        socket: request.socket,
      };
      this.received.push(received);
      handler(received, response);
    });
    this.#server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  static async start(handler: Handler): Promise<LocalApi> {
    const api = new LocalApi(handler);
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function json(response: http.ServerResponse, body: unknown, status = 200, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function fault(
  response: http.ServerResponse,
  code: string,
  message: string,
  status = 400,
  headers = {},
): void {
  json(response, { RequestId: 'REQ-1', HostId: 'slb', Code: code, Message: message }, status, headers);
}

export function fixedCredentials(credentials: Credentials = KEY): CredentialsSource {
  return {
    get: async () => credentials,
    refresh: async () => undefined,
    secrets: () => [credentials.accessKeySecret, credentials.securityToken, credentials.accessKeyId],
    expiresAt: () => credentials.expiresAt,
    close: () => undefined,
  };
}

export interface TestRpc extends Disposable {
  readonly call: Rpc;
  readonly records: CallRecord[];
}

/** An Rpc for a URL; `using` closes its connections. */
export function rpcTo(
  url: string,
  options: Partial<RpcOptions> & {
    readonly connectTimeoutMs?: number;
    readonly freeSocketTimeoutMs?: number;
  } = {},
): TestRpc {
  const records: CallRecord[] = [];
  const protocol = url.startsWith('https:') ? 'https:' : 'http:';
  const { connectTimeoutMs = 5_000, freeSocketTimeoutMs = 15_000, ...rest } = options;
  const agent = createAgent(protocol, { connectTimeoutMs, freeSocketTimeoutMs });
  const clock: Clock = systemClock;
  const call = createRpc({
    endpoint: url,
    apiVersion: '2014-05-15',
    credentials: fixedCredentials(),
    agent,
    clock,
    cloudTime: createCloudTime(clock),
    timeoutMs: 20_000,
    onCall: (record) => records.push(record),
    ...rest,
  });
  return { call, records, [Symbol.dispose]: () => agent.destroy() };
}

/** The error with which a promise rejects. */
export async function failure(promise: Promise<unknown>): Promise<ApiError> {
  return promise.then(
    () => Promise.reject(new Error('did not fail')),
    (error) => error,
  );
}

/** The rows of the group after a write that is complete with its reply. */
export async function rowsAfter(write: Promise<WriteReply>): Promise<readonly Row[]> {
  const reply = await write;
  if (reply.is !== 'done') throw new Error(`the write is ${reply.is}`);
  return reply.rows;
}
