import type { Config } from '../config.ts';
import { type HttpServers, startHttpServers } from '../observability/http-server.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Watching } from './watching.ts';

/** What /readyz is answered from; filled in as the operator starts. */
export interface Readiness {
  /** Every cache has been complete. */
  started: boolean;
  watching: Watching | undefined;
}

export function serve(config: Config, metrics: Metrics, readiness: Readiness): Promise<HttpServers> {
  metrics.onScrape(() => showCaches(metrics, readiness.watching));
  return startHttpServers({
    metricsAddress: config.metricsAddress,
    healthAddress: config.healthAddress,
    live: [],
    ready: [
      {
        name: 'caches',
        check: () => {
          const missing = readiness.watching?.informers.notSynced ?? ['all'];
          return missing.length === 0 ? undefined : `not complete: ${missing.join(', ')}`;
        },
      },
      { name: 'started', check: () => (readiness.started ? undefined : 'not every cache was complete yet') },
    ],
    metrics,
  });
}

function showCaches({ cluster, groups }: Metrics, watching: Watching | undefined): void {
  if (watching === undefined) return;
  const { bindings, services, endpoints, nodes } = watching.caches;
  for (const [resource, store] of Object.entries({
    vservergroupbindings: bindings,
    services,
    endpoints,
    nodes,
  })) {
    cluster.objects.set({ resource }, store.size);
  }
  for (const { name, synced, up } of watching.informers.health) {
    cluster.synced.set({ resource: name }, Number(synced));
    cluster.watchUp.set({ resource: name }, Number(up));
  }
  groups.bindings.set(bindings.size);
}
