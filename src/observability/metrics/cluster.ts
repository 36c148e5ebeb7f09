import type { Define } from './define.ts';

/** What is read from and written to the cluster. */
export function clusterMetrics({ counter, gauge }: Define, resources: readonly string[]) {
  const byResource = { resource: resources };
  return {
    synced: gauge('vsgb_cache_synced', '1 once the cache of the resource is complete, else 0.', byResource),
    objects: gauge('vsgb_cache_objects', 'Objects in the cache of the resource.', byResource),
    lists: counter('vsgb_cache_lists_total', 'Times that the resource was listed.', byResource),
    doubted: counter(
      'vsgb_cache_doubted_lists_total',
      'Lists in which so much was missing that they were read again before they were believed.',
      byResource,
    ),
    refused: counter('vsgb_cache_refused_objects_total', 'Objects that could not be read.', byResource),
    watchUp: gauge('vsgb_watch_up', '1 while changes of the resource arrive, else 0.', byResource),
    watchErrors: counter('vsgb_watch_errors_total', 'Lists and watches that failed.', byResource),
    watchEvents: counter('vsgb_watch_events_total', 'Changes of the resource that arrived.', byResource),
    handlerErrors: counter(
      'vsgb_handler_errors_total',
      'Errors while a change of the resource was taken in.',
      byResource,
    ),
    statusWrites: counter(
      'vsgb_status_writes_total',
      'Writes of a status by result: written, unchanged (none needed), conflict or error.',
      { result: ['written', 'unchanged', 'conflict', 'error'] },
    ),
    gateWrites: counter(
      'vsgb_readiness_gate_writes_total',
      'Writes of a readiness gate by result: opened, timed-out (opened although the pod is not in its groups), closed (or told what is waited for), or error.',
      { result: ['opened', 'timed-out', 'closed', 'error'] },
    ),
    events: counter(
      'vsgb_events_total',
      'Events by what became of them: sent, merged into an earlier one, dropped for their rate, or failed.',
      { result: ['sent', 'merged', 'dropped', 'failed'] },
    ),
  };
}
