import type { AddressInfo, Server, Socket } from 'node:net';
import type { Row } from '../state/backend-servers.ts';
import type { ListenerConfiguration } from '../state/listeners.ts';
import type { Behaviour } from './behaviour.ts';
import type { Address } from './connect.ts';
import type { Counts } from './counts.ts';
import { Forwarding, type ForwardingParts } from './forwarding.ts';
import type { CheckedHealth } from './health-check.ts';
import { createHttpServer } from './http-forwarding.ts';
import { createTcpServer } from './tcp-forwarding.ts';

/** A row behind a listener, with its counts. Rows that left are included. */
export interface RowTraffic {
  readonly row: Row;
  readonly health: CheckedHealth;
  readonly counts: Counts;
}

/** Length of the queue of connections to accept, long enough for a burst. */
const BACKLOG = 4096;

/** A listener with its port. */
export class ForwardingListener {
  readonly loadBalancer: string;
  readonly protocol: 'tcp' | 'http';
  readonly forwarding: Forwarding;
  #port = 0;
  #server: Server | undefined;
  #address: Address | undefined;
  readonly #clients = new Set<Socket>();

  constructor(
    loadBalancer: string,
    protocol: 'tcp' | 'http',
    group: string,
    configuration: ListenerConfiguration,
    behaviour: Behaviour,
    parts: ForwardingParts,
  ) {
    this.loadBalancer = loadBalancer;
    this.protocol = protocol;
    this.forwarding = new Forwarding(group, configuration, behaviour, parts);
  }

  /** `lb-1/tcp:80` */
  get id(): string {
    return this.forwarding.id;
  }

  get group(): string {
    return this.forwarding.group;
  }

  /** The port as the API knows it. */
  get port(): number {
    return this.#port;
  }

  /** The address where it listens, or last listened. */
  get address(): Address | undefined {
    return this.#address;
  }

  get running(): boolean {
    return this.#server !== undefined;
  }

  get counts(): Counts {
    return this.forwarding.counts;
  }

  rows(): RowTraffic[] {
    const { forwarding } = this;
    return [...forwarding.targets.values()].map(({ key, row, counts }) => ({
      row,
      health: forwarding.health(key),
      counts,
    }));
  }

  name(port: number, id: string): void {
    this.#port = port;
    this.forwarding.id = id;
  }

  /** Applies new settings. If the group changes, each machine learns of its rows with its own delay. */
  configure(group: string, configuration: ListenerConfiguration, rows: readonly Row[]): void {
    this.forwarding.configuration = configuration;
    if (group === this.group) return;
    const before = [...this.forwarding.targets.values()].map(({ row }) => row);
    this.forwarding.group = group;
    if (!this.running) return;
    for (const row of before) this.forwarding.change(row, undefined);
    for (const row of rows) this.forwarding.change(row, row.weight);
  }

  /** Resolves once the listener accepts connections. Rejects if the port is not available. */
  async start(at: Address, rows: readonly Row[]): Promise<Address> {
    const server =
      this.protocol === 'tcp' ? createTcpServer(this.forwarding) : createHttpServer(this.forwarding);
    this.#server = server;
    server.on('connection', (client: Socket) => {
      this.#clients.add(client);
      client.on('close', () => this.#clients.delete(client));
    });
    this.forwarding.begin(rows);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ ...at, backlog: BACKLOG }, resolve);
      });
    } catch (error) {
      this.#server = undefined;
      this.forwarding.end();
      throw error;
    }
    this.#address = { host: at.host, port: (server.address() as AddressInfo).port };
    return this.#address;
  }

  /** Resets all open connections. Resolves when none is left. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    this.forwarding.end();
    for (const client of this.#clients) client.resetAndDestroy();
    await closed;
  }
}
