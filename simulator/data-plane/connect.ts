import { connect as connectSocket, type Socket } from 'node:net';
import type { Clock } from './clock.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type ConnectFailure = 'refused' | 'timeout' | 'unreachable';

/** Connections being established, so that all of them can be aborted. */
export type Pending = Set<Socket>;

/**
 * Opens a connection, or returns why it failed. Half-open connections are allowed: a client may finish sending before it has received
 * everything.
 */
export function connect(
  address: Address | undefined,
  options: { readonly timeoutMs: number; readonly clock: Clock; readonly pending: Pending },
): Promise<Socket | ConnectFailure> {
  const { timeoutMs, clock, pending } = options;
  if (!address) return Promise.resolve('unreachable');
  return new Promise((resolve) => {
    const socket = connectSocket({ ...address, allowHalfOpen: true, noDelay: true });
    pending.add(socket);
    const end = (outcome: Socket | ConnectFailure): void => {
      timer.cancel();
      pending.delete(socket);
      if (outcome !== socket) socket.destroy();
      resolve(outcome);
    };
    const timer = clock.setTimeout(() => end('timeout'), timeoutMs);
    // Never removed: an unhandled error would end the process.
    socket.on('error', (error) => end(failureOf(error)));
    socket.once('connect', () => end(socket));
    // Aborted by the owner of `pending`.
    socket.once('close', () => end('unreachable'));
  });
}

function failureOf(error: Error): ConnectFailure {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return 'refused';
    case 'ETIMEDOUT':
      return 'timeout';
    default:
      return 'unreachable';
  }
}
