import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Address {
  /** Absent: every interface. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Rejects when the server cannot listen on the address. */
export function listen(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** The address actually listened on, such as `127.0.0.1:34567`. */
export function listenAddressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Finishes requests in flight, for at most a second, and accepts no new ones. */
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
