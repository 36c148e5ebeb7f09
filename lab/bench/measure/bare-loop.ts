import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { preciseNow } from '../../../simulator/gateway/call.ts';

/**
 * The lower limit of the delay on this machine: a bare watch-and-post loop. It posts each event at once, without planning, pacing
 * or signature, to a server that only records when the request arrived.
 */
export class BareLoop {
  readonly delays: number[] = [];
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;
  #pending = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  static async start(): Promise<BareLoop> {
    const server = createServer((incoming, response) => {
      const arrivedAt = preciseNow();
      const { at, leavers } = incoming.headers;
      for (let i = 0; i < Number(leavers); i++) loop.delays.push(arrivedAt - Number(at));
      incoming.resume();
      response.end();
    });
    server.keepAliveTimeout = 0;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const loop = new BareLoop(server);
    return loop;
  }

  /** All leavers seen in one turn of the event loop go out in one request. */
  post(at: number, leavers: number): void {
    this.#pending += leavers;
    if (this.#pending > leavers) return;
    queueMicrotask(() => {
      this.#send(at, this.#pending);
      this.#pending = 0;
    });
  }

  #send(at: number, leavers: number): void {
    request(
      { port: this.#port, host: '127.0.0.1', method: 'POST', agent: this.#agent, headers: { at, leavers } },
      (response) => response.resume(),
    )
      .on('error', () => {})
      .end();
  }

  clear(): void {
    this.delays.length = 0;
  }

  close(): void {
    this.#agent.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
