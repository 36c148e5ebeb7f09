import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { makeKeyPair } from '../key-pair.ts';

/**
 * A proxy on loopback. All of its tunnels end at an HTTPS server of ours, which has a certificate for the given hosts and forwards
 * requests for each host to a simulator. An operator can thus call the cloud's own hostnames, and nothing leaves the machine.
 */
export class CloudGateway implements AsyncDisposable {
  /** `host:port` of each requested tunnel, in order. */
  readonly tunnels: string[] = [];
  /** `host RegionId` of each call, in order. */
  readonly calls: string[] = [];
  readonly #dir: string;
  readonly #proxy = http.createServer();
  readonly #tls: https.Server;
  readonly #sockets = new Set<Socket>();

  private constructor(dir: string, tls: https.Server) {
    this.#dir = dir;
    this.#tls = tls;
  }

  /** `targets`: the simulator's URL for each host. */
  static async start(targets: Readonly<Record<string, string>>): Promise<CloudGateway> {
    const dir = await mkdtemp(join(tmpdir(), 'gateway-'));
    const { key, cert } = await makeKeyPair(...Object.keys(targets));
    await writeFile(join(dir, 'certificate'), cert);
    const gateway = new CloudGateway(
      dir,
      https.createServer(
        { key, cert },
        (request, response) => void gateway.#pass(targets, request, response),
      ),
    );
    gateway.#proxy.on('connect', ({ url = '' }, client: Socket) => gateway.#tunnel(url, client));
    for (const server of [gateway.#proxy, gateway.#tls])
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return gateway;
  }

  get proxyUrl(): string {
    return `http://127.0.0.1:${(this.#proxy.address() as AddressInfo).port}`;
  }

  /** The port of the HTTPS server, for access without the proxy. */
  get directPort(): number {
    return (this.#tls.address() as AddressInfo).port;
  }

  /** For NODE_EXTRA_CA_CERTS: the self-signed certificate. */
  get caFile(): string {
    return join(this.#dir, 'certificate');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#tls.closeAllConnections();
    await Promise.all([this.#proxy, this.#tls].map((server) => new Promise((done) => server.close(done))));
    await rm(this.#dir, { recursive: true, force: true });
  }

  #tunnel(target: string, client: Socket): void {
    this.tunnels.push(target);
    const server = connect(this.directPort, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
    }
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    client.pipe(server).pipe(client);
  }

  async #pass(
    targets: Readonly<Record<string, string>>,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    const host = request.headers.host ?? '';
    const body = await buffer(request);
    this.calls.push(`${host} ${new URLSearchParams(body.toString()).get('RegionId')}`);
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    const reply = await fetch(`${targets[host]}${request.url}`, { method: 'POST', headers, body });
    response.writeHead(reply.status, { 'content-type': reply.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await reply.arrayBuffer()));
  }
}
