import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isConsolePath } from './console.ts';
import { type Call, preciseNow } from './gateway/call.ts';
import { answer, type GatewayParts, type Outcome } from './gateway/gateway.ts';
import type { Reply } from './gateway/replies.ts';
import { type ApiRequest, parseRequest } from './gateway/request.ts';
import type { Journal } from './journal.ts';
import { peekBackendServers } from './state/backend-servers.ts';

export interface ServerParts extends GatewayParts {
  readonly journal: Journal;
  /** How long each call takes at least, from its arrival. */
  readonly latency: () => number;
  /** The Date of replies, in ms since the epoch; undefined: replies have none. */
  readonly replyDate: () => number | undefined;
  /** Serves paths under `/_` and `/console`. */
  readonly control: (request: IncomingMessage, response: ServerResponse, body: string) => void;
}

export interface HttpServer {
  readonly port: number;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Serves both products on one port: Action and Version tell them apart. */
export async function listen(
  parts: ServerParts,
  at: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const handler = new RequestHandler(parts);
  const server = createServer((request, response) => void handler.handle(request, response));
  // Never close idle connections: a connection closed between two calls must be an injected fault, not an accident.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server, sockets),
  };
}

function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

class RequestHandler {
  readonly #parts: ServerParts;
  /** Connections that are dead but look alive to the client. */
  readonly #dead = new WeakSet<Socket>();
  #lastSeq = 0;

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrivedAt = preciseNow();
    try {
      const body = await readBody(request);
      const { url = '/' } = request;
      if (url.startsWith('/_') || isConsolePath(url)) {
        this.#parts.control(request, response, body.toString('utf8'));
        return;
      }
      await this.#serve(request, response, body, arrivedAt);
    } catch (error) {
      // The client left, or sent more than any call can contain.
      if (!request.socket.destroyed) console.error('slb-simulator: request dropped:', String(error));
      request.socket.destroy();
    }
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    arrivedAt: number,
  ): Promise<void> {
    const { method = '', url = '/', headers, socket } = request;
    const apiRequest = parseRequest({ method, url, headers, body });
    const call = this.#open(apiRequest, arrivedAt);
    if (this.#dead.has(socket)) {
      socket.resetAndDestroy();
      this.#record(call, 'stale-close', 0, false);
      return;
    }
    const wait = this.#parts.latency() - (preciseNow() - arrivedAt);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.ceil(wait)));
    const outcome = await answer(this.#parts, apiRequest, call);
    // Recorded before the reply is sent: a client that has the reply finds the call in the journal.
    const complete = outcome.delivery === 'reply' || outcome.delivery === 'stale-close';
    this.#record(call, outcome.code, complete ? outcome.reply.status : 0, outcome.applied);
    this.#date(response);
    this.#deliver(outcome, response, socket);
  }

  #open(request: ApiRequest, arrivedAt: number): Call {
    this.#lastSeq += 1;
    const { params, action, accessKeyId } = request;
    const group = params.get('VServerGroupId') ?? '';
    return {
      seq: this.#lastSeq,
      requestId: randomUUID().toUpperCase(),
      action,
      group,
      loadBalancer: params.get('LoadBalancerId') ?? this.#parts.state.findGroup(group)?.loadBalancerId ?? '',
      backends: [
        ...peekBackendServers(params.get('BackendServers')),
        ...peekBackendServers(params.get('OldBackendServers')),
        ...peekBackendServers(params.get('NewBackendServers')),
      ],
      accessKeyId,
      params,
      arrivedAt,
    };
  }

  #record(call: Call, code: string, httpStatus: number, applied: boolean): void {
    const time = preciseNow();
    this.#parts.journal.record({
      seq: call.seq,
      time,
      arrivedAt: call.arrivedAt,
      action: call.action,
      group: call.group,
      loadBalancer: call.loadBalancer,
      count: call.backends.length,
      backends: call.backends,
      code,
      httpStatus,
      durationMs: time - call.arrivedAt,
      accessKeyId: call.accessKeyId,
      requestId: call.requestId,
      applied,
    });
  }

  #date(response: ServerResponse): void {
    const date = this.#parts.replyDate();
    response.sendDate = false;
    if (date !== undefined) response.setHeader('date', new Date(date).toUTCString());
  }

  #deliver(outcome: Outcome, response: ServerResponse, socket: Socket): void {
    switch (outcome.delivery) {
      case 'hang':
        return;
      case 'reset':
        socket.resetAndDestroy();
        return;
      case 'half-body':
        sendHalf(response, outcome.reply, socket);
        return;
      case 'stale-close':
        this.#dead.add(socket);
        send(response, outcome.reply);
        return;
      case 'reply':
        send(response, outcome.reply);
    }
  }
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, { ...reply.headers, 'content-length': Buffer.byteLength(reply.body) });
  response.end(reply.body);
}

/** Announces the full length, sends half of it, and closes the connection in order. */
function sendHalf(response: ServerResponse, reply: Reply, socket: Socket): void {
  const bytes = Buffer.from(reply.body);
  response.writeHead(reply.status, { ...reply.headers, 'content-length': bytes.length });
  response.write(bytes.subarray(0, bytes.length >> 1), () => socket.destroySoon());
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`body larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
