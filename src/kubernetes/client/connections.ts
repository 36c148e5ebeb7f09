import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { Access } from './api-access.ts';

/**
 * HTTP/1.1 only. Each watch then has its own connection: its events do not wait behind a large list, and a lost packet delays
 * one watch instead of all. When the server ends a watch properly, the next one uses the same connection, so it costs one small
 * request and no TLS handshake.
 */
const COMMON = {
  allowH2: false,
  pipelining: 1,
  // transport.ts has its own timeouts, by the injected clock.
  headersTimeout: 0,
  bodyTimeout: 0,
  // API servers close idle connections after 90 s. Staying below avoids sending a request on a connection that is being closed.
  keepAliveTimeout: 60_000,
  keepAliveMaxTimeout: 60_000,
} as const;

/** Watches do not use the bounded pool: enough of them would leave no connection to renew the lease. */
export class Connections {
  readonly tlsIdentity: string;
  readonly requests: Dispatcher;
  readonly watches: Dispatcher;

  constructor(access: Access, maxConnections: number) {
    this.tlsIdentity = access.tlsIdentity;
    this.requests = dispatcher(access, maxConnections);
    this.watches = dispatcher(access, null);
  }

  /** Waits for running requests to finish. */
  async close(): Promise<void> {
    await Promise.allSettled([this.requests.close(), this.watches.close()]);
  }

  async destroy(): Promise<void> {
    await Promise.allSettled([this.requests.destroy(), this.watches.destroy()]);
  }
}

function dispatcher({ tls, proxyUrl }: Access, connections: number | null): Dispatcher {
  const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: 15_000, timeout: 10_000 };
  if (proxyUrl === undefined) return new Agent({ ...COMMON, connections, connect });
  const options = { ...COMMON, connections, requestTls: connect };
  return proxyUrl.startsWith('socks')
    ? new Socks5ProxyAgent(proxyUrl.replace(/^socks5h:/, 'socks5:'), options)
    : new ProxyAgent({ ...options, uri: proxyUrl });
}
