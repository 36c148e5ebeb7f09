import { createServer, type Server, type Socket } from 'node:net';
import type { Forwarding } from './forwarding.ts';
import type { Believed, Carried, Machine } from './machine.ts';

/**
 * Layer 4: each connection to the listener is forwarded to a row on one connection, in both directions, until one side resets or both have
 * ended.
 */
export function createTcpServer(forwarding: Forwarding): Server {
  return createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
    void forward(forwarding, client);
  });
}

async function forward(forwarding: Forwarding, client: Socket): Promise<void> {
  forwarding.accept(client);
  const machine = forwarding.nextMachine();
  const established = await forwarding.establish(machine, {
    address: client.remoteAddress ?? '',
    port: client.remotePort ?? 0,
  });
  if (typeof established === 'string') client.resetAndDestroy();
  else if (client.destroyed) established.socket.resetAndDestroy();
  else new TcpConnection(forwarding, machine, established.believed, client, established.socket);
}

class TcpConnection implements Carried {
  readonly #forwarding: Forwarding;
  readonly #machine: Machine;
  readonly #believed: Believed;
  readonly #client: Socket;
  readonly #backend: Socket;
  #ended = false;

  constructor(forwarding: Forwarding, machine: Machine, believed: Believed, client: Socket, backend: Socket) {
    this.#forwarding = forwarding;
    this.#machine = machine;
    this.#believed = believed;
    this.#client = client;
    this.#backend = backend;
    client.on('error', () => this.#end());
    // After an orderly close, the last data may still be on its way to the backend.
    client.on('close', () => client.readableEnded || this.#end());
    backend.on('error', () => this.#fail('reset'));
    backend.on('close', () => this.#backendClosed());
    client.setTimeout(forwarding.configuration.idleMs, () => this.#fail('idle'));
    client.pipe(backend);
    backend.pipe(client);
    forwarding.carry(believed, this);
  }

  /** Does nothing if the backend has already finished sending, because the client misses nothing. */
  cut(cause: 'removed' | 'drained'): void {
    if (!this.#backend.readableEnded) this.#fail(cause);
  }

  #fail(cause: 'reset' | 'removed' | 'drained' | 'idle'): void {
    if (this.#ended) return;
    this.#forwarding.fail(this.#machine, this.#believed, cause);
    this.#end();
  }

  /** After an orderly close, the last data may still be on its way to the client. */
  #backendClosed(): void {
    if (!this.#ended && !this.#backend.readableEnded) this.#fail('reset');
    else this.#forwarding.uncarry(this.#believed, this);
  }

  /** Resets the sides that are still open. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#forwarding.uncarry(this.#believed, this);
    if (!this.#client.destroyed) this.#client.resetAndDestroy();
    if (!this.#backend.destroyed) this.#backend.resetAndDestroy();
  }
}
