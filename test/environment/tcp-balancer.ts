import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands in for a Service: connections go to its endpoints in turn. Without endpoints, no connection is answered. */
export class TcpBalancer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #next = 0;
  /** Ports on 127.0.0.1. */
  endpoints: readonly number[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (client) => this.#join(client));
  }

  /** Listens on this host address. */
  static async start(host = '127.0.0.1'): Promise<TcpBalancer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return new TcpBalancer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Closes all connections, as when the previous endpoints are gone. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    this.#keep(client);
    const port = this.endpoints[this.#next++ % this.endpoints.length];
    if (port === undefined) return;
    const server = connect(port, '127.0.0.1');
    this.#keep(server);
    client.on('close', () => server.destroy()).pipe(server);
    server.on('close', () => client.destroy()).pipe(client);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
  }
}
