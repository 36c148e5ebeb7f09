import type { Clock, Timer } from '../../clock.ts';
import { asArray, asObject, asString, type JsonObject } from '../../json.ts';
import { hasStatus } from '../../kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';
import type { KeyPair } from '../../observability/tls-files.ts';
import { expiryOf, type KeptCertificate, readKept, trusted, withKept } from './kept-certificate.ts';

const DAY_MS = 24 * 60 * 60_000;
const LIFETIME_MS = 90 * DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** Clocks of API servers may be behind ours. */
const BACKDATED_MS = 60 * 60_000;
const ROUND_MS = 10_000;
/** Delay after another replica wrote first. */
const AGAIN_MS = 1_000;
const REQUEST_TIMEOUT_MS = 5_000;

export interface CertificateKeeperOptions {
  readonly transport: Pick<KubeTransport, 'request'>;
  readonly clock: Clock;
  readonly namespace: string;
  /** Name of the Secret, the Service and the MutatingWebhookConfiguration. */
  readonly name: string;
  /** Called with the key pair to serve with from now on. */
  readonly onKeyPair: (pair: KeyPair) => void;
  readonly onRenewed: (expiresAt: number) => void;
  /** The key pair in use stays. `isNews`: the error differs from that of the previous round. */
  readonly onFailure: (error: unknown, isNews: boolean) => void;
}

/**
 * Keeps the webhook's certificate in a Secret, and the API server's trust in it in the MutatingWebhookConfiguration. Every replica does
 * this, leader or not, because every replica serves the webhook.
 *
 * - The first replica that finds no certificate, or one that expires within 30 days, creates it. The others take it over: the API
 *   server refuses a write to a Secret that has changed since it was read.
 * - The API server is made to trust a new certificate first; the webhook serves with it one round later. The previous certificate
 *   stays trusted, because other replicas serve with it for another round.
 * - The configuration is read before the Secret and is only written if it has not changed since: a slow replica cannot undo newer
 *   trust.
 */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions;
  readonly #host: string;
  #served: KeyPair | undefined;
  #told: string | undefined;
  #timer: Timer | undefined;
  readonly #stop = new AbortController();

  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
    this.#host = `${options.name}.${options.namespace}.svc`;
  }

  start(): void {
    void this.#keep();
  }

  stop(): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }

  async #keep(): Promise<void> {
    const { clock } = this.#options;
    let pauseMs = ROUND_MS;
    try {
      await this.#round();
      this.#told = undefined;
    } catch (error) {
      if (hasStatus(error, 409)) pauseMs = AGAIN_MS;
      else if (!this.#stop.signal.aborted) this.#tell(error);
    }
    if (!this.#stop.signal.aborted) this.#timer = clock.setTimeout(() => void this.#keep(), pauseMs);
  }

  #tell(error: unknown): void {
    const isNews = String(error) !== this.#told;
    this.#told = String(error);
    this.#options.onFailure(error, isNews);
  }

  async #round(): Promise<void> {
    const { clock } = this.#options;
    const configuration = await this.#get(this.#configurationPath);
    const kept = await this.#renewed(await this.#get(this.#secretPath));
    const certificates = trusted(kept, clock.wall());
    const isNewsToApiServer = await this.#trust(configuration, certificates);
    if (!(isNewsToApiServer && this.#isServingWithOneOf(certificates))) this.#serve(kept.current);
  }

  #isServingWithOneOf(certificates: string): boolean {
    if (this.#served === undefined) return false;
    const { cert } = this.#served;
    return certificates.includes(cert.trimEnd()) && expiryOf(cert) > this.#options.clock.wall();
  }

  async #renewed(secret: JsonObject): Promise<KeptCertificate> {
    const { clock, onRenewed } = this.#options;
    const kept = readKept(secret, this.#host);
    const now = clock.wall();
    if (kept.current !== undefined && expiryOf(kept.current.cert) - now > RENEW_BEFORE_MS) return kept;
    // Loaded on demand: most operators never need this library.
    const { issueCertificate } = await import('./issue-certificate.ts');
    const notAfter = now + LIFETIME_MS;
    const current = issueCertificate({ host: this.#host, notBefore: now - BACKDATED_MS, notAfter });
    const next = { current, previous: kept.current?.cert };
    await this.#request('PUT', this.#secretPath, { body: withKept(secret, next) });
    onRenewed(notAfter);
    return next;
  }

  /** Returns whether the trust had to be changed. */
  async #trust(configuration: JsonObject, certificates: string): Promise<boolean> {
    const caBundle = Buffer.from(certificates).toString('base64');
    const webhooks = asArray(configuration['webhooks']).map(asObject);
    const untold = webhooks.filter(({ clientConfig }) => asObject(clientConfig)['caBundle'] !== caBundle);
    if (untold.length === 0) return false;
    const resourceVersion = asString(asObject(configuration['metadata'])['resourceVersion']);
    await this.#request('PATCH', this.#configurationPath, {
      contentType: 'application/strategic-merge-patch+json',
      body: {
        metadata: { resourceVersion },
        webhooks: untold.map(({ name }) => ({ name, clientConfig: { caBundle } })),
      },
    });
    return true;
  }

  #serve(pair: KeyPair | undefined): void {
    if (pair === undefined || (pair.cert === this.#served?.cert && pair.key === this.#served.key)) return;
    this.#options.onKeyPair(pair);
    this.#served = pair;
  }

  async #get(path: string): Promise<JsonObject> {
    return asObject(await this.#request('GET', path));
  }

  #request(method: 'GET' | 'PUT' | 'PATCH', path: string, more: object = {}): Promise<unknown> {
    const signal = this.#stop.signal;
    return this.#options.transport.request(method, path, {
      ...more,
      signal,
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
  }

  get #secretPath(): string {
    const { namespace, name } = this.#options;
    return `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
  }

  get #configurationPath(): string {
    const name = encodeURIComponent(this.#options.name);
    return `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`;
  }
}
