import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { HealthCheckConfiguration } from '../state/listeners.ts';
import type { Clock } from './clock.ts';
import { type Address, connect, type Pending } from './connect.ts';

/** A single health check of one row: a handshake, or a request whose status must be one of the healthy ones. */
export async function probe(
  address: Address | undefined,
  configuration: HealthCheckConfiguration,
  { clock, pending }: { readonly clock: Clock; readonly pending: Pending },
): Promise<boolean> {
  const { type, port, timeoutMs } = configuration;
  const target = address && port !== undefined ? { ...address, port } : address;
  const startedAt = clock.now();
  const socket = await connect(target, { timeoutMs, clock, pending });
  if (typeof socket === 'string') return false;
  if (type === 'tcp') {
    // As documented on the page "Health check overview", and as seen in the logs of backends.
    socket.resetAndDestroy();
    return true;
  }
  pending.add(socket);
  const timer = clock.setTimeout(() => socket.destroy(), timeoutMs - (clock.now() - startedAt));
  try {
    const status = await statusOf(socket, configuration);
    return configuration.codes.includes(
      `http_${Math.floor(status / 100)}xx` as HealthCheckConfiguration['codes'][0],
    );
  } finally {
    timer.cancel();
    pending.delete(socket);
    socket.destroy();
  }
}

/** Resolves to 0 if there is no answer. */
function statusOf(socket: Socket, { method, path, domain }: HealthCheckConfiguration): Promise<number> {
  return new Promise((resolve) => {
    const host = domain === '' ? (socket.remoteAddress ?? '') : domain;
    request({ createConnection: () => socket, method, path, headers: { host } })
      .on('response', (response) => resolve(response.statusCode ?? 0))
      .on('error', () => resolve(0))
      .end();
  });
}
