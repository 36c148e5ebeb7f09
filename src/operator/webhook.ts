import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { ClusterCaches } from '../controller/cluster/cluster-caches.ts';
import { knowsPreStopSleep } from '../kubernetes/client/cluster-version.ts';
import type { KubeTransport } from '../kubernetes/client/transport-types.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { KeyPair } from '../observability/tls-files.ts';
import type { PodReview } from '../webhook/admission-review.ts';
import { ADMISSIONS, type Admission, admitPod } from '../webhook/admit-pod.ts';
import { CertificateKeeper } from '../webhook/certificate/certificate-keeper.ts';
import { expiryOf } from '../webhook/certificate/kept-certificate.ts';
import { startWebhookServer, type WebhookServer } from '../webhook/webhook-server.ts';
import { boundServices } from './bound-services.ts';
import { mountedKeyPair } from './mounted-key-pair.ts';
import { persistently } from './persistently.ts';

export const WEBHOOK_RESULTS = [...ADMISSIONS, 'refused'] as const;

export interface WebhookParts {
  readonly transport: Pick<KubeTransport, 'request'>;
  /** The namespace that the operator runs in. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'webhook'>;
  readonly logger: Logger;
  readonly caches: Pick<ClusterCaches, 'bindings' | 'services' | 'closedNamespaces'>;
  readonly cachesComplete: () => boolean;
  readonly signal: AbortSignal;
}

export interface Webhook {
  /** The webhook has a certificate. */
  readonly isServing: boolean;
  close(): Promise<void>;
}

/**
 * Serves the webhook, on the leader and on standbys; undefined when it is off. Rejects when it cannot listen on the address, or
 * with a ConfigError when the mounted certificate cannot be used.
 */
export async function startWebhook(config: Config, parts: WebhookParts): Promise<Webhook | undefined> {
  const { clock, metrics, logger, signal, transport } = parts;
  if (config.webhookAddress === undefined) return undefined;
  const holds = await persistently('The version of the cluster could not be read', parts, () =>
    knowsPreStopSleep(transport, signal),
  );
  if (!holds)
    logger.warn('This cluster is older than Kubernetes 1.30: the webhook gives pods no termination hold');
  const server = await startWebhookServer({
    address: config.webhookAddress,
    clock,
    admit: (review) => admit(review, config, parts, holds),
    onAdmission: (result, { namespace }, error) => {
      metrics.webhook.requests.inc({ result });
      if (result === 'error')
        logger.error('A pod was admitted unchanged because the webhook failed; please report it', {
          namespace,
          error,
        });
    },
    onRefused: (status) => {
      metrics.webhook.requests.inc({ result: 'refused' });
      logger.debug('The webhook got a request that is not about a pod', { status });
    },
  });
  logger.info('The webhook listens', { webhookAddress: server.address });
  let isServing = false;
  const use = (pair: KeyPair) => {
    const expiresAt = expiryOf(pair.cert);
    server.useKeyPair(pair);
    isServing = true;
    metrics.webhook.certificateExpiry.set(expiresAt / 1000);
  };
  try {
    const stop = await startCertificate(config, parts, use);
    return {
      get isServing() {
        return isServing;
      },
      close: () => closeWith(server, stop),
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

function closeWith(server: WebhookServer, stop: () => void): Promise<void> {
  stop();
  return server.close();
}

/** Returns a function that stops keeping the certificate current. */
async function startCertificate(
  { webhookName: name, webhookTlsDir: dir }: Config,
  { transport, namespace, clock, metrics, logger }: WebhookParts,
  use: (pair: KeyPair) => void,
): Promise<() => void> {
  if (dir !== undefined) {
    const mounted = await mountedKeyPair({ dir, flag: '--webhook-tls-dir', what: 'webhook', clock, logger });
    use(mounted.first);
    return mounted.follow(use);
  }
  const object = `${namespace}/${name}`;
  const keeper = new CertificateKeeper({
    transport,
    clock,
    namespace,
    name,
    onKeyPair: (pair) => {
      use(pair);
      logger.info('The webhook has a certificate', { expires: new Date(expiryOf(pair.cert)).toISOString() });
    },
    onRenewed: (expiresAt) =>
      logger.info('A certificate was made for the webhook', {
        object,
        expires: new Date(expiresAt).toISOString(),
      }),
    onFailure: (error, isNews) => {
      metrics.webhook.certificateFailures.inc();
      logger[isNews ? 'warn' : 'debug'](
        "The webhook's certificate, or the API server's trust in it, could not be read or written; retrying",
        { object, error },
      );
    },
  });
  keeper.start();
  return () => keeper.stop();
}

const NOT_READY: Admission = { result: 'not-ready', changes: [], warnings: [] };

function admit(
  { namespace, pod }: PodReview,
  config: Config,
  parts: WebhookParts,
  holds: boolean,
): Admission {
  if (!parts.cachesComplete() || parts.caches.closedNamespaces.has(namespace)) return NOT_READY;
  const bound = config.dryRun ? [] : boundServices(namespace, parts.caches, config.defaultDrainSeconds);
  return admitPod(pod, bound, { gates: config.readinessGates, holds });
}
