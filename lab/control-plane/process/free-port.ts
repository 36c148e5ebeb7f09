import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

// Below the range that systems use for outgoing connections: a restarted component must find its port free, and a client's socket
// could have taken a port from that range.
const LOWEST = 20_000;
const HIGHEST = 32_000;
/** Whoever listens on the first port of a block owns the others: a component takes seconds until it listens on its own. */
const BLOCK = 8;
const BLOCKS = (HIGHEST - LOWEST) / BLOCK;
const ATTEMPTS = 100;

/** At most 7 ports of 127.0.0.1 on which nothing is listening. No other call, in any process, gets them before this process ends. */
export async function freePorts(count: number): Promise<number[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = LOWEST + BLOCK * Math.floor(Math.random() * BLOCKS);
    const owner = await listen(first);
    if (owner === undefined) continue;
    const ports = Array.from({ length: count }, (_, index) => first + 1 + index);
    const found = await Promise.all(ports.map(isFree));
    if (found.every(Boolean)) {
      owner.unref();
      return ports;
    }
    owner.close();
  }
  throw new Error(`found no free ports between ${LOWEST} and ${HIGHEST}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  server?.close();
  return server !== undefined;
}

async function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}
