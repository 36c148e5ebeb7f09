import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { cookieOf, keyOfCookie } from './cookie.ts';
import type { Cause } from './counts.ts';
import type { Established, Forwarding } from './forwarding.ts';
import type { Carried, Machine } from './machine.ts';

/** "A maximum of 100 requests can be sent continuously in an HTTP persistent connection": FAQ about layer 7 listeners. */
const MAX_REQUESTS_PER_CONNECTION = 100;

/** Headers that concern a single connection; they are not forwarded. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade', 'expect']);

/** Layer 7: each request goes to a row on its own connection; client connections are kept alive. */
export function createHttpServer(forwarding: Forwarding): Server {
  const machines = new WeakMap<Socket, Machine>();
  const server = createServer(
    { keepAliveTimeout: forwarding.configuration.idleMs, requestTimeout: 0, noDelay: true },
    (incoming, response) => {
      const machine = machines.get(incoming.socket) ?? forwarding.nextMachine();
      void forward(forwarding, machine, incoming, response);
    },
  );
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.on('connection', (client: Socket) => {
    forwarding.accept(client);
    machines.set(client, forwarding.nextMachine());
  });
  return server;
}

async function forward(
  forwarding: Forwarding,
  machine: Machine,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  forwarding.counts.requests += 1;
  const { socket } = incoming;
  const client = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
  const stickTo =
    forwarding.configuration.cookieMs > 0 ? keyOfCookie(incoming.headers.cookie, machine.rows) : undefined;
  const established = await forwarding.establish(machine, client, stickTo);
  if (typeof established === 'string') answerFailure(response, established);
  else if (socket.destroyed) established.socket.destroy();
  else new ForwardedRequest(forwarding, machine, established, incoming, response);
}

/** 504 if nobody answered in time. That a missing row gives 503 and all else 502 is not documented. */
function answerFailure(response: ServerResponse, cause: Cause): void {
  const status = cause === 'timeout' ? 504 : cause === 'no-backend' ? 503 : 502;
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/plain', 'x-simulator-cause': cause });
  response.end(`${status}: ${cause}\n`);
}

class ForwardedRequest implements Carried {
  readonly #forwarding: Forwarding;
  readonly #machine: Machine;
  readonly #established: Established;
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  #answer: IncomingMessage | undefined;
  #ended = false;

  constructor(
    forwarding: Forwarding,
    machine: Machine,
    established: Established,
    incoming: IncomingMessage,
    response: ServerResponse,
  ) {
    this.#forwarding = forwarding;
    this.#machine = machine;
    this.#established = established;
    this.#incoming = incoming;
    this.#response = response;
    const { socket, believed } = established;
    believed.target.counts.requests += 1;
    const timer = forwarding.clock.setTimeout(() => {
      this.#fail('timeout');
      socket.destroy();
    }, forwarding.configuration.requestMs);
    const outgoing = this.#send();
    outgoing.on('response', (answer) => {
      timer.cancel();
      this.#pass(answer);
    });
    outgoing.on('error', () => this.#fail('reset'));
    socket.on('close', () => {
      timer.cancel();
      forwarding.uncarry(believed, this);
    });
    incoming.on('error', () => {
      // The client aborted in the middle of its request: nothing needs an answer, and nothing failed here.
      this.#ended = true;
      socket.destroy();
    });
    // "FAQ about SLB": the connection to the backend stays open if the client leaves; further data is discarded.
    response.on('close', () => {
      if (response.writableFinished) return;
      this.#ended = true;
      this.#answer?.unpipe(response).resume();
    });
    forwarding.carry(believed, this);
  }

  cut(cause: 'removed' | 'drained'): void {
    this.#fail(cause);
  }

  #fail(cause: Cause): void {
    if (this.#ended) return;
    this.#ended = true;
    const { socket, believed } = this.#established;
    this.#forwarding.uncarry(believed, this);
    this.#forwarding.fail(this.#machine, believed, cause);
    answerFailure(this.#response, cause);
    socket.destroy();
  }

  #send(): ClientRequest {
    const { method = 'GET', url = '/', rawHeaders, httpVersion, socket } = this.#incoming;
    const headers = passedOn(rawHeaders, httpVersion);
    const via = this.#incoming.headers['x-forwarded-for'];
    // Set explicitly, because Node chooses this header before it knows that the connection serves only this request.
    headers.push(
      'Connection',
      'close',
      'X-Forwarded-For',
      `${via === undefined ? '' : `${via}, `}${socket.remoteAddress ?? ''}`,
    );
    const outgoing = request({
      createConnection: () => this.#established.socket,
      method,
      path: url,
      headers,
    });
    this.#incoming.pipe(outgoing);
    return outgoing;
  }

  #pass(answer: IncomingMessage): void {
    const { statusCode = 502, statusMessage = '', rawHeaders } = answer;
    if (this.#ended) {
      answer.resume();
      return;
    }
    this.#answer = answer;
    const headers = passedOn(rawHeaders, this.#incoming.httpVersion);
    const { cookieMs } = this.#forwarding.configuration;
    if (cookieMs > 0) headers.push('Set-Cookie', cookieOf(this.#established.believed, cookieMs));
    this.#response.sendDate = false;
    this.#response.writeHead(statusCode, statusMessage, headers);
    answer.on('error', () => this.#fail('reset'));
    answer.on('end', () => {
      this.#ended = true;
    });
    answer.pipe(this.#response);
  }
}

/** The headers to forward, as alternating names and values. An HTTP/1.0 client does not know chunked encoding. */
function passedOn(rawHeaders: readonly string[], httpVersion: string): string[] {
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || lower === 'x-forwarded-for') continue;
    if (lower === 'transfer-encoding' && httpVersion === '1.0') continue;
    headers.push(name, rawHeaders[i + 1] as string);
  }
  return headers;
}
