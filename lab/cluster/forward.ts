import { once } from 'node:events';
import {
  createConnection,
  createServer,
  type ListenOptions,
  type NetConnectOpts,
  type Server,
} from 'node:net';
import { pipeline } from 'node:stream';

/** Forwards every connection; returns once it listens. Does not keep the process alive. */
export async function forward(from: ListenOptions, to: NetConnectOpts): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (incoming) => {
    const outgoing = createConnection({ ...to, allowHalfOpen: true });
    // When one side breaks, the other sees its connection end.
    pipeline(incoming, outgoing, () => undefined);
    pipeline(outgoing, incoming, () => undefined);
  });
  server.unref().listen(from);
  await once(server, 'listening');
  return server;
}
