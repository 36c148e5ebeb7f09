import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { Access } from './api-access.ts';

/**
 * HTTP/1.1 throughout. A watch then has a connection to itself: its events wait behind no large list, and one lost packet holds up
 * one watch instead of all. When the server ends a watch properly the next one goes over the same connection, so a re-watch costs
 * one small request and no TLS handshake.
 */
const COMMON = {
  allowH2: false,
  pipelining: 1,
  // Time-outs are ours (transport.ts), by the injected clock.
  headersTimeout: 0,
  bodyTimeout: 0,
  // Below the 90 s after which an API server closes idle connections: no request is sent into a connection that is being closed.
  keepAliveTimeout: 60_000,
  keepAliveMaxTimeout: 60_000,
} as const;

/** Watches are kept out of the bounded pool: enough of them would leave no connection to renew the lease with. */
export class Connections {
  readonly tlsIdentity: string;
  readonly requests: Dispatcher;
  readonly watches: Dispatcher;

  constructor(access: Access, maxConnections: number) {
    this.tlsIdentity = access.tlsIdentity;
    this.requests = dispatcher(access, maxConnections);
    this.watches = dispatcher(access, null);
  }

  /** Lets what is under way come to its end. */
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
