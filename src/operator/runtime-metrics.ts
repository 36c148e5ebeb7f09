import type { GroupLoop } from '../controller/group-loop.ts';
import type { Informers } from '../kubernetes/informer/informers.ts';
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

export function logNamespaces(informers: Pick<Informers, 'onTurn'>, logger: Logger): void {
  informers.onTurn((namespace, isClosed) => {
    if (isClosed)
      logger.warn(
        'A namespace may not be read (403): its groups stay as they are, and other namespaces are served. Restore its RoleBinding, or take it out of --namespace',
        { namespace },
      );
    else logger.info('The namespace is served again', { namespace });
  });
}

/** A failing watch (of several namespaces, in each) is logged once, and again when it recovers; attempts in between at debug level. */
export function reflectorHooks({ cluster }: Metrics, logger: Logger): ReflectorHooks {
  const failing = new Set<string>();
  const nameOf = (resource: string, namespace = '') => `${namespace}/${resource}`;
  return {
    listed(resource, { items, durationMs, resourceVersion }) {
      cluster.lists.inc({ resource });
      logger.debug('Listed', { resource, items, durationMs: Math.round(durationMs), resourceVersion });
    },
    watching(resource, namespace) {
      if (failing.delete(nameOf(resource, namespace))) logger.info('Watching again', { resource, namespace });
    },
    event(resource, type) {
      if (type !== 'BOOKMARK') cluster.watchEvents.inc({ resource });
    },
    failed(resource, { error, during, retryInMs }, namespace) {
      cluster.watchErrors.inc({ resource });
      const name = nameOf(resource, namespace);
      const level = failing.has(name) ? 'debug' : 'warn';
      failing.add(name);
      logger[level](`The ${during} failed; retrying`, {
        resource,
        namespace,
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
