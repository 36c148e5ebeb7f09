import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** The part of https://github.com/opencontainers/distribution-spec that a push needs, on loopback and in memory. */
export interface OciRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Digests of pushed artifacts, by `NAME:TAG`. */
  readonly tags: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

export async function startOciRegistry(): Promise<OciRegistry> {
  const stored = new Map<string, { readonly type: string; readonly content: Buffer }>();
  const tags = new Map<string, string>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const content = await buffer(request);
    const { method = '', url = '/', headers } = request;
    const { pathname } = new URL(url, 'http://registry');
    const [, name = '', kind = '', reference = ''] =
      /^\/v2\/(.+)\/(blobs|manifests)\/(.+)$/.exec(pathname) ?? [];
    if (pathname === '/v2/') response.end();
    else if (method === 'POST') response.writeHead(202, { location: `/v2/${name}/blobs/uploads/1` }).end();
    else if (method === 'PUT') {
      const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
      stored.set(digest, { type: headers['content-type'] ?? '', content });
      if (kind === 'manifests') tags.set(`${name}:${reference}`, digest);
      response.writeHead(201, { location: pathname, 'docker-content-digest': digest }).end();
    } else send(response, tags.get(`${name}:${reference}`) ?? reference);
  }

  function send(response: ServerResponse, digest: string): void {
    const found = stored.get(digest);
    if (found === undefined) response.writeHead(404).end();
    else {
      const { type, content } = found;
      response.setHeader('docker-content-digest', digest);
      response.writeHead(200, { 'content-type': type, 'content-length': content.length }).end(content);
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    tags,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
