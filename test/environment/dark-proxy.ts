import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A TCP proxy on 127.0.0.1 whose connections can go dark: nothing passes in either direction any more and nothing is closed, as
 * when a NAT entry is dropped or a cable is pulled. Later connections work, unless they are darkened too.
 */
export class DarkProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #newOnes: 'work' | 'dark' | 'cut' = 'work';
  accepted = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    server.on('connection', (client) => this.#join(client, connect(target, '127.0.0.1')));
  }

  static async start(target: number): Promise<DarkProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new DarkProxy(server, target);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Darkens the open connections; with `andNew`, also new ones until `lighten`. */
  darken({ andNew = false } = {}): void {
    this.#newOnes = andNew ? 'dark' : 'work';
    for (const pair of this.#pairs) separate(pair);
  }

  /** Resets the open connections, and new ones until `lighten`. */
  cut(): void {
    this.#newOnes = 'cut';
    for (const [client] of this.#pairs) client.resetAndDestroy();
  }

  /** New connections work again; dark connections stay dark. */
  lighten(): void {
    this.#newOnes = 'work';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [client, server] of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, server: Socket): void {
    this.accepted++;
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    client.on('error', () => {}).on('close', () => this.#end(pair));
    server.on('error', () => {}).on('close', () => client.destroy());
    if (this.#newOnes === 'dark') separate(pair);
    else if (this.#newOnes === 'cut') client.resetAndDestroy();
    else client.pipe(server).pipe(client);
  }

  #end(pair: readonly [Socket, Socket]): void {
    this.#pairs.delete(pair);
    pair[1].destroy();
  }
}

function separate([client, server]: readonly [Socket, Socket]): void {
  client.unpipe(server).pause();
  server.unpipe(client).pause();
  // What the server does at its end must not be visible at the other.
  server.removeAllListeners('close');
}
