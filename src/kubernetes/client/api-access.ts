import { createHash } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { KubeConfig, type RequestContext } from '@kubernetes/client-node';
import type { Clock } from '../../clock.ts';

export type TlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'
>;

/** Where the API server is and how to be let in: what a request needs besides its path. */
export interface Access {
  /** Without a slash at the end; may hold a path (API servers behind a gateway do). */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions;
  /** Equal for equal TLS options: connections made under another one must not be used any more. */
  readonly tlsIdentity: string;
  readonly proxyUrl?: string;
}

/** Tokens of service accounts live for an hour or more and are renewed in their file well before; client-go re-reads as often. */
const REREAD_AFTER_MS = 60_000;
/** A server that refuses every token must not make us run a credential plugin for each request. */
const RENEW_AT_MOST_EVERY_MS = 5_000;

/**
 * Credentials of a KubeConfig, always fresh: token, CA and certificate files are read again once a minute, and at once when the
 * API server refuses them. client-node does the authentication itself (exec plugins, OIDC, certificates, token files).
 */
export class ApiAccess {
  #config: KubeConfig;
  readonly #clock: Clock;
  #current: Access | undefined;
  #readAt = 0;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<Access> | undefined;

  constructor(config: KubeConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  async current(): Promise<Access> {
    const known = this.#current;
    if (known !== undefined && this.#clock.now() - this.#readAt < REREAD_AFTER_MS) return known;
    try {
      return await this.#read();
    } catch (error) {
      // A file that is being replaced is no reason to stop: what was read before may be good for long.
      if (known === undefined) throw error;
      this.#readAt = this.#clock.now();
      return known;
    }
  }

  /** After `refused` was not let in: other credentials, or undefined when there are none to be had just now. */
  async renew(refused: Access): Promise<Access | undefined> {
    if (this.#current !== refused) return this.#current ?? this.#read();
    const now = this.#clock.now();
    if (now - this.#renewedAt < RENEW_AT_MOST_EVERY_MS) return undefined;
    this.#renewedAt = now;
    this.#current = undefined;
    this.#config = forgetful(this.#config);
    return this.#read();
  }

  #read(): Promise<Access> {
    // What an exec plugin has said holds until it expires; a token file is asked each time.
    if (this.#config.getCurrentUser()?.authProvider?.config?.tokenFile)
      this.#config = forgetful(this.#config);
    this.#reading ??= readAccess(this.#config).then(
      (access) => {
        this.#current = access;
        this.#readAt = this.#clock.now();
        this.#reading = undefined;
        return access;
      },
      (error) => {
        this.#reading = undefined;
        throw new Error(`getting credentials for the API server: ${harmless(error)}`);
      },
    );
    return this.#reading;
  }
}

/** client-node keeps tokens in a KubeConfig; only a new one has forgotten them. */
function forgetful({ clusters, contexts, users, currentContext }: KubeConfig): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({ clusters, contexts, users, currentContext });
  return config;
}

async function readAccess(config: KubeConfig): Promise<Access> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current cluster');
  const headers: Record<string, string> = {};
  let tls: TlsOptions = {};
  // client-node hands out headers and TLS options only through a dispatcher of its own, one per request. This object makes it
  // return the options and create none.
  const asking: KubeConfig = Object.create(config, {
    createDispatcherOptions: {
      value: (_cluster: unknown, options: TlsOptions) => {
        tls = options;
        return { type: 'none' };
      },
    },
  });
  const context = {
    setHeaderParam: (name: string, value: string) => {
      headers[name.toLowerCase()] = value.trim();
    },
  };
  await asking.applySecurityAuthentication(context as unknown as RequestContext);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    headers,
    tls: definedOnly(tls),
    tlsIdentity: identityOf(tls),
    ...(cluster.proxyUrl ? { proxyUrl: cluster.proxyUrl } : {}),
  };
}

/** A digest, because there is a private key among them. */
function identityOf(tls: TlsOptions): string {
  const digest = createHash('sha256');
  for (const [name, value] of Object.entries(definedOnly(tls)).sort(([a], [b]) => a.localeCompare(b))) {
    digest
      .update(`${name}=`)
      .update(Buffer.isBuffer(value) ? value : String(value))
      .update('\0');
  }
  return digest.digest('hex');
}

function definedOnly(tls: TlsOptions): TlsOptions {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined && value !== null));
}

/** JSON.parse quotes what it could not parse, and that is a credential plugin's output: a token. */
function harmless(error: unknown): string {
  if (error instanceof SyntaxError) return "the credential plugin's output is not JSON";
  const message = error instanceof Error ? error.message : String(error);
  const firstLine = message.split('\n', 1)[0] ?? '';
  return firstLine.slice(0, 300).replace(/(bearer\s+)?[\w-]{20,}(\.[\w-]+)*/gi, '…');
}
