import { createHash } from 'node:crypto';
import { type ConnectionOptions, createSecureContext } from 'node:tls';
import { KubeConfig, type RequestContext } from '@kubernetes/client-node';
import type { Clock } from '../../clock.ts';

export type TlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'
>;

/** The API server's address and credentials: what a request needs besides its path. */
export interface Access {
  /** Without a trailing slash; may include a path, as for API servers behind a gateway. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions;
  /** Equal for equal TLS options. Connections with a different identity must no longer be used. */
  readonly tlsIdentity: string;
  readonly proxyUrl?: string;
}

/** Service account tokens live for an hour or more, and their files are updated well before expiry; client-go re-reads as often. */
const REREAD_AFTER_MS = 60_000;
/** After a failure. A file may be being replaced, and the previous credentials may be valid for a long time. */
const RETRY_AFTER_MS = 5_000;
/** Prevents running a credential plugin for each request when the server refuses every token. */
const RENEW_AT_MOST_EVERY_MS = 5_000;

/**
 * Keeps the credentials of a KubeConfig fresh: re-reads token, CA and certificate files once a minute, and immediately when
 * the API server refuses them. client-node does the actual authentication (exec plugins, OIDC, certificates, token files).
 */
export class ApiAccess {
  #config: KubeConfig;
  readonly #clock: Clock;
  #current: Access | undefined;
  #rereadAt = 0;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<Access> | undefined;

  constructor(config: KubeConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  async current(): Promise<Access> {
    const known = this.#current;
    if (known !== undefined && this.#clock.now() < this.#rereadAt) return known;
    try {
      return await this.#read();
    } catch (error) {
      if (known === undefined) throw error;
      this.#rereadAt = this.#clock.now() + RETRY_AFTER_MS;
      return known;
    }
  }

  /** Returns credentials to replace the `refused` ones, or undefined if they were renewed only a moment ago. */
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
    // The answer of an exec plugin is valid until it expires; a token file is re-read each time.
    if (tokenFileOf(this.#config)) this.#config = forgetful(this.#config);
    this.#reading ??= readAccess(this.#config).then(
      (access) => {
        this.#current = access;
        this.#rereadAt = this.#clock.now() + REREAD_AFTER_MS;
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

/** A copy without the tokens that client-node caches in a KubeConfig. */
function forgetful({ clusters, contexts, users, currentContext }: KubeConfig): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({ clusters, contexts, users, currentContext });
  return config;
}

function tokenFileOf(config: KubeConfig): unknown {
  return config.getCurrentUser()?.authProvider?.config?.tokenFile;
}

async function readAccess(config: KubeConfig): Promise<Access> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current cluster');
  const headers: Record<string, string> = {};
  let tls: TlsOptions = {};
  // client-node exposes headers and TLS options only by creating a dispatcher for each request. This object captures the
  // options and creates none.
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
  // Files may be read between the writes of a certificate and its key, or before a token is in its file.
  if (tls.cert || tls.key) createSecureContext(tls);
  if (tokenFileOf(config) && !headers['authorization']?.startsWith('Bearer '))
    throw new Error('the token file is empty');
  return {
    server: cluster.server.replace(/\/+$/, ''),
    headers,
    tls: definedOnly(tls),
    tlsIdentity: identityOf(tls),
    ...(cluster.proxyUrl ? { proxyUrl: cluster.proxyUrl } : {}),
  };
}

/** A digest, because the options include a private key. */
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

/** Errors of JSON.parse quote their input, which here is a credential plugin's output and contains a token. */
function harmless(error: unknown): string {
  if (error instanceof SyntaxError) return "the credential plugin's output is not JSON";
  const message = error instanceof Error ? error.message : String(error);
  const firstLine = message.split('\n', 1)[0] ?? '';
  return firstLine.slice(0, 300).replace(/(bearer\s+)?[\w-]{20,}(\.[\w-]+)*/gi, '…');
}
