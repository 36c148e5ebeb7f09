import type { GroupLoop } from '../controller/group-loop.ts';
import type { ReflectorHooks } from '../kubernetes/informer/reflector.ts';
import type { WorkQueue } from '../kubernetes/queue/work-queue.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

export function showQueueGauges(metrics: Metrics, queue: Pick<WorkQueue<string>, 'name' | 'gauges'>): void {
  const labels = { name: queue.name };
  metrics.onScrape(() => {
    const gauges = queue.gauges();
    for (const name of ['depth', 'unfinishedWorkSeconds', 'longestRunningProcessorSeconds'] as const)
      metrics.runtime.queue[name].set(labels, gauges[name]);
  });
}

export function showLeavers(metrics: Metrics, { longestLeaving }: Pick<GroupLoop, 'longestLeaving'>): void {
  metrics.onScrape(() => {
    const leavers = [...longestLeaving()].map(({ group: { id, account }, ms }) => ({
      group: account === undefined ? id : `${account}/${id}`,
      ms,
    }));
    metrics.setOldestLeavers(leavers);
  });
}

/** A failing watch is logged once, and again when it recovers; attempts in between are logged at debug level. */
export function reflectorHooks({ cluster }: Metrics, logger: Logger): ReflectorHooks {
  const failing = new Set<string>();
  return {
    listed(resource, { items, durationMs, resourceVersion }) {
      cluster.lists.inc({ resource });
      logger.debug('Listed', { resource, items, durationMs: Math.round(durationMs), resourceVersion });
    },
    watching(resource) {
      if (failing.delete(resource)) logger.info('Watching again', { resource });
    },
    event(resource, type) {
      if (type !== 'BOOKMARK') cluster.watchEvents.inc({ resource });
    },
    failed(resource, { error, during, retryInMs }) {
      cluster.watchErrors.inc({ resource });
      const level = failing.has(resource) ? 'debug' : 'warn';
      failing.add(resource);
      logger[level](`The ${during} failed; retrying`, {
        resource,
        error,
        retryInMs: Math.round(retryInMs),
      });
    },
    refused(resource, { key, error }) {
      cluster.refused.inc({ resource });
      logger.warn('An object could not be read and is ignored', { resource, object: key, error });
    },
    doubted(resource, { stored, removals }) {
      cluster.doubted.inc({ resource });
      logger.warn('A list lacks so many objects that it is read again', {
        resource,
        stored,
        removals,
      });
    },
  };
}
