import type { GroupLoop } from '../controller/group-loop.ts';
import type { ReflectorHooks } from '../kubernetes/informer/reflector.ts';
import type { ReconcileMetrics } from '../kubernetes/queue/reconcile-loop.ts';
import type { WorkQueue, WorkQueueMetrics } from '../kubernetes/queue/work-queue.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

/** src/kubernetes knows no metrics library: here its hooks meet prom-client's objects. */
export function queueMetrics({ runtime }: Metrics): WorkQueueMetrics {
  return {
    adds: runtime.adds,
    retries: runtime.retries,
    queueDuration: runtime.queueSeconds,
    workDuration: runtime.workSeconds,
  };
}

export function loopMetrics({ runtime }: Metrics): ReconcileMetrics {
  return {
    total: runtime.reconciles,
    errors: runtime.reconcileErrors,
    panics: runtime.reconcilePanics,
    time: runtime.reconcileSeconds,
    maxConcurrent: runtime.maxConcurrent,
    activeWorkers: runtime.activeWorkers,
  };
}

export function showQueueGauges(metrics: Metrics, queue: Pick<WorkQueue<string>, 'name' | 'gauges'>): void {
  const { runtime } = metrics;
  const labels = { name: queue.name };
  metrics.onScrape(() => {
    const { depth, unfinishedWorkSeconds, longestRunningProcessorSeconds } = queue.gauges();
    runtime.depth.set(labels, depth);
    runtime.unfinishedSeconds.set(labels, unfinishedWorkSeconds);
    runtime.longestRunningSeconds.set(labels, longestRunningProcessorSeconds);
  });
}

export function showLeavers(metrics: Metrics, { longestLeaving }: Pick<GroupLoop, 'longestLeaving'>): void {
  metrics.onScrape(() => {
    const leavers = [...longestLeaving()].map(({ group, ms }) => ({ group: group.id, ms }));
    metrics.setOldestLeavers(leavers);
  });
}

/** Watches that fail are told once they fail and again once they are back; what happens in between is debug. */
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
      logger[level](`The ${during} failed; it is tried again`, {
        resource,
        error,
        retryInMs: Math.round(retryInMs),
      });
    },
    refused(resource, { key, error }) {
      cluster.refused.inc({ resource });
      logger.warn('An object could not be read and is left out', { resource, object: key, error });
    },
    doubted(resource, { stored, removals }) {
      cluster.doubted.inc({ resource });
      logger.warn('A list lacks so much that it is read again before it is believed', {
        resource,
        stored,
        removals,
      });
    },
  };
}
