import { connect as connectSocket, type Socket } from 'node:net';
import type { Clock } from './clock.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type ConnectFailure = 'refused' | 'timeout' | 'unreachable';

/** Connections under way, so that all of them can be given up. */
export type Pending = Set<Socket>;

/** A connection, or why there is none. Half-open connections stay: what a client sends may end before what it gets. */
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
    // Stays for good: an error nobody listens for would end the process.
    socket.on('error', (error) => end(failureOf(error)));
    socket.once('connect', () => end(socket));
    // Given up by whoever holds `pending`.
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
