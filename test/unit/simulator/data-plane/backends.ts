import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach } from '@jest/globals';
import type { ListenerOptions } from '../../../../simulator/data-plane/listener-options.ts';
import type { Simulator, SimulatorOptions } from '../../../../simulator/simulator.ts';
import { start } from '../harness.ts';

export interface Backend {
  readonly port: number;
  /** The row as AddVServerGroupBackendServers would add it. */
  readonly row: { serverId: string; serverIp: string; port: number };
  readonly sockets: ReadonlySet<Socket>;
  readonly errors: string[];
  /** Rejects connections from now on; open ones stay open. */
  stopListening(): Promise<void>;
  /** Listens on the same port as before. */
  listenAgain(): Promise<void>;
  close(): Promise<void>;
}

/**
 * An address used by this process only, so that nothing else (a test in another process, the simulator at 127.0.0.1) can take the
 * port of a backend that has stopped listening, and answer in its place.
 */
export const HOST = `127.${1 + ((process.pid >> 16) % 254)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

const backends: Backend[] = [];
const clients: Socket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(backends.splice(0).map((backend) => backend.close()));
});

/** A backend that sends its name to each client, and then echoes whatever it receives. */
export function tcpBackend(name: string): Promise<Backend> {
  return listening(
    name,
    createServer({ allowHalfOpen: true }, (socket) => {
      socket.write(`${name}\n`);
      socket.pipe(socket);
    }),
  );
}

export function httpBackend(name: string, answer?: RequestListener): Promise<Backend> {
  return listening(name, createHttpServer(answer ?? ((_, response) => response.end(name))));
}

async function listening(name: string, server: Server): Promise<Backend> {
  const sockets = new Set<Socket>();
  const errors: string[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', (error) => errors.push(String((error as NodeJS.ErrnoException).code)));
    socket.on('close', () => sockets.delete(socket));
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, HOST);
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const listenAgain = (): Promise<void> => listen(port);
  const stopListening = async (): Promise<void> => {
    // With only the callback, this would also wait for open connections.
    server.close();
    await waitForRefusal(port);
  };
  const close = async (): Promise<void> => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const row = { serverId: `eni-${name}`, serverIp: HOST, port };
  const backend = { port, row, sockets, errors, stopListening, listenAgain, close };
  backends.push(backend);
  return backend;
}

async function waitForRefusal(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, HOST);
    const refused = await new Promise((resolve) => {
      socket.on('connect', () => resolve(false));
      socket.on('error', () => resolve(true));
    });
    socket.destroy();
    if (refused) return;
  }
}

/** A port of `HOST` on which nothing is listening. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A row behind which nothing is listening. */
export async function deadRow(name: string): Promise<Backend['row']> {
  return { serverId: `eni-${name}`, serverIp: HOST, port: await freePort() };
}

/** One machine, immediate changes, no health checks: each test sets what it is about. */
export const PLAIN = { machines: 1, propagationMs: 0, healthCheck: false } as const;

/** A simulator whose listener forwards to rsp-0 with these rows. */
export async function withListener(
  options: Partial<ListenerOptions>,
  rows: readonly (Backend['row'] & { weight?: number })[],
  more: SimulatorOptions = {},
): Promise<Simulator> {
  const listener = { protocol: 'tcp', group: 'rsp-0', ...PLAIN, ...options } as const;
  return start({ groups: [{ id: 'rsp-0', rows }], listeners: [listener], ...more });
}

/** A connection to a listener, with the data received so far. */
export class TestClient {
  readonly socket: Socket;
  received = '';
  /** 'open', 'ended' if it ended cleanly, or the error code. */
  end = 'open';

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    clients.push(this.socket);
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString();
    });
    this.socket.on('end', () => {
      this.end = 'ended';
    });
    this.socket.on('error', (error) => {
      this.end = String((error as NodeJS.ErrnoException).code);
    });
  }
}
