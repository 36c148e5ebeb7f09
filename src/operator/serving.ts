import { PLURAL } from '../api/names.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { RequestGuard } from '../kubernetes/client/request-guard.ts';
import type { KubeTransport } from '../kubernetes/client/transport-types.ts';
import type { Informers } from '../kubernetes/informer/informers.ts';
import { type HttpServers, type MetricsGuard, startHttpServers } from '../observability/http-server.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { KeyPair } from '../observability/tls-files.ts';
import { mountedKeyPair } from './mounted-key-pair.ts';
import type { Watching } from './watching.ts';
import type { Webhook } from './webhook.ts';

/** What /readyz is answered from; filled in as the operator starts. */
export interface Readiness {
  /** Every cache has been complete once, but for those of closed namespaces. */
  started: boolean;
  watching: Watching | undefined;
  /** Undefined if the webhook is off. */
  webhook: Webhook | undefined;
}

export interface ServingParts {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Starts the HTTP servers. Rejects with a ConfigError when the certificate for the metrics cannot be used. */
export async function serve(
  config: Config,
  parts: ServingParts,
  readiness: Readiness,
): Promise<Omit<HttpServers, 'replaceKeyPair'>> {
  const { clock, logger } = parts;
  const dir = config.metricsTlsDir;
  if (dir === undefined) return startServers(config, parts, readiness, undefined);
  const mounted = await mountedKeyPair({ dir, flag: '--metrics-tls-dir', what: 'metrics', clock, logger });
  const servers = await startServers(config, parts, readiness, mounted.first);
  const stop = mounted.follow((next) => servers.replaceKeyPair(next));
  const close = () => {
    stop();
    return servers.close();
  };
  return { ...servers, close };
}

function startServers(
  config: Config,
  parts: ServingParts,
  readiness: Readiness,
  metricsTls: KeyPair | undefined,
): Promise<HttpServers> {
  const { metrics } = parts;
  metrics.onScrape(() => showCaches(metrics, readiness.watching));
  return startHttpServers({
    metricsTls,
    metricsAddress: config.metricsAddress,
    healthAddress: config.healthAddress,
    ready: [
      { name: 'caches', check: () => missingCaches(readiness.watching?.informers) },
      { name: 'watches', check: () => darkWatches(readiness.watching?.informers, parts.clock.now()) },
      { name: 'started', check: () => (readiness.started ? undefined : 'not every cache was complete yet') },
      {
        name: 'webhook',
        check: () => (readiness.webhook?.isServing === false ? 'it has no certificate yet' : undefined),
      },
    ],
    metrics,
    metricsGuard: config.metricsAuth === 'kubernetes' ? metricsGuard(parts) : undefined,
  });
}

/** Longer than a restart of the API server takes, so that readiness does not flap with it. */
const DARK_AFTER_MS = 60_000;

type Checked = Pick<Informers, 'health' | 'areClosed'>;

/**
 * A message that names the caches that were never complete, or undefined. Caches and watches of a closed namespace do not count, as
 * the others are served; they do if all are closed: a new pod that may read none must not replace one that could read them.
 */
export function missingCaches(informers: Checked | undefined): string | undefined {
  if (informers === undefined) return 'not complete: all';
  const { health, areClosed } = informers;
  const missing = health.filter(({ synced, refused }) => !synced && (!refused || areClosed));
  return missing.length === 0 ? undefined : `not complete: ${missing.map(({ name }) => name).join(', ')}`;
}

/** The same for watches that have been down for too long. Until they are back, groups follow the caches. */
export function darkWatches(informers: Checked | undefined, now: number): string | undefined {
  const { health = [], areClosed = false } = informers ?? {};
  const dark = health
    .filter(({ up, refused, since }) => !up && (!refused || areClosed) && now - since > DARK_AFTER_MS)
    .map(({ name }) => name);
  if (dark.length === 0) return undefined;
  return `no changes arrive for more than ${DARK_AFTER_MS / 1000} s: ${[...new Set(dark)].join(', ')}`;
}

/** Like that of controller-runtime: whoever may `get` the path /metrics of the cluster may read ours. */
function metricsGuard({ transport, clock, logger }: ServingParts): MetricsGuard {
  const guard = new RequestGuard({ transport, clock, verb: 'get', path: '/metrics' });
  return async (authorization) => {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return 401;
    try {
      const verdict = await guard.check(token);
      if (verdict === 'allowed') return undefined;
      return verdict === 'forbidden' ? 403 : 401;
    } catch (error) {
      logger.warn('A request for metrics could not be authorized and was refused', { error });
      throw error;
    }
  };
}

export function showCaches({ cluster, groups }: Metrics, watching: Watching | undefined): void {
  if (watching === undefined) return;
  const { bindings, services, endpoints, nodes, namespaces, pods } = watching.caches;
  for (const [resource, store] of Object.entries({
    [PLURAL]: bindings,
    services,
    endpoints,
    nodes,
    namespaces,
    pods,
  })) {
    cluster.objects.set({ resource }, store.size);
  }
  // If a resource has several watches (pods, by namespace), those that are down come last, and so are the ones shown.
  const { health } = watching.informers;
  for (const { name, synced, up } of health.toReversed()) {
    cluster.synced.set({ resource: name }, Number(synced));
    cluster.watchUp.set({ resource: name }, Number(up));
  }
  // These are only watched if something needs them: a watch that does not exist is not down.
  for (const resource of ['pods', 'namespaces']) {
    if (health.some(({ name }) => name === resource)) continue;
    cluster.synced.remove({ resource });
    cluster.watchUp.remove({ resource });
  }
  groups.bindings.set(bindings.size);
}
