import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Address {
  /** Absent: every interface. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Rejects when the address cannot be had. */
export function listen(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Where it really listens, `127.0.0.1:34567`. */
export function listenAddressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Answers what has begun, for at most a second, and takes nothing new. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), 1000);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
