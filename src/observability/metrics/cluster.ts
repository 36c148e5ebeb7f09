import type { Define } from './define.ts';

/** What is read from and written to the cluster. */
export function clusterMetrics({ counter, gauge }: Define, resources: readonly string[]) {
  const metrics = {
    synced: gauge('vsgb_cache_synced', '1 once the cache of the resource is complete, else 0.', 'resource'),
    objects: gauge('vsgb_cache_objects', 'Objects in the cache of the resource.', 'resource'),
    lists: counter('vsgb_cache_lists_total', 'Times that the resource was listed.', 'resource'),
    doubted: counter(
      'vsgb_cache_doubted_lists_total',
      'Lists in which so much was missing that they were read again before they were believed.',
      'resource',
    ),
    refused: counter('vsgb_cache_refused_objects_total', 'Objects that could not be read.', 'resource'),
    watchUp: gauge('vsgb_watch_up', '1 while changes of the resource arrive, else 0.', 'resource'),
    watchErrors: counter('vsgb_watch_errors_total', 'Lists and watches that failed.', 'resource'),
    watchEvents: counter('vsgb_watch_events_total', 'Changes of the resource that arrived.', 'resource'),
    handlerErrors: counter(
      'vsgb_handler_errors_total',
      'Errors while a change of the resource was taken in.',
      'resource',
    ),
    statusWrites: counter(
      'vsgb_status_writes_total',
      'Writes of a status by result: written, unchanged (none needed), conflict or error.',
      'result',
    ),
    events: counter(
      'vsgb_events_total',
      'Events by what became of them: sent, merged into an earlier one, dropped for their rate, or failed.',
      'result',
    ),
  };
  for (const resource of resources) {
    for (const zero of [metrics.synced, metrics.objects, metrics.watchUp]) zero.set({ resource }, 0);
    metrics.lists.inc({ resource }, 0);
    metrics.doubted.inc({ resource }, 0);
    metrics.refused.inc({ resource }, 0);
    metrics.watchErrors.inc({ resource }, 0);
    metrics.watchEvents.inc({ resource }, 0);
    metrics.handlerErrors.inc({ resource }, 0);
  }
  for (const result of ['written', 'unchanged', 'conflict', 'error']) metrics.statusWrites.inc({ result }, 0);
  for (const result of ['sent', 'merged', 'dropped', 'failed']) metrics.events.inc({ result }, 0);
  return metrics;
}
