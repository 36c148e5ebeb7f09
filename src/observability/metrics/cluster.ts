import type { Define } from './define.ts';

/** What is read from and written to the cluster. */
export function clusterMetrics({ counter, gauge }: Define, resources: readonly string[]) {
  const byResource = { resource: resources };
  return {
    synced: gauge('vsgb_cache_synced', "1 once the resource's cache is complete, else 0.", byResource),
    objects: gauge('vsgb_cache_objects', 'Cached objects of the resource.', byResource),
    lists: counter('vsgb_cache_lists_total', 'Lists of the resource.', byResource),
    doubted: counter(
      'vsgb_cache_doubted_lists_total',
      'Lists read again because so much was missing.',
      byResource,
    ),
    refused: counter('vsgb_cache_refused_objects_total', 'Unreadable objects.', byResource),
    watchUp: gauge('vsgb_watch_up', '1 while the resource is watched, else 0.', byResource),
    watchErrors: counter('vsgb_watch_errors_total', 'Failed lists and watches.', byResource),
    watchEvents: counter('vsgb_watch_events_total', 'Changes received of the resource.', byResource),
    handlerErrors: counter(
      'vsgb_handler_errors_total',
      'Errors while handling a change of the resource.',
      byResource,
    ),
    statusWrites: counter(
      'vsgb_status_writes_total',
      'Status writes by result: written, unchanged (not needed), conflict or error.',
      { result: ['written', 'unchanged', 'conflict', 'error'] },
    ),
    gateWrites: counter(
      'vsgb_readiness_gate_writes_total',
      'Readiness gate writes by result: opened, timed-out (opened although the pod is not in its groups), closed (or with what is waited for), or error.',
      { result: ['opened', 'timed-out', 'closed', 'error'] },
    ),
    events: counter(
      'vsgb_events_total',
      'Events by result: sent, merged into an earlier one, dropped for their rate, or failed.',
      { result: ['sent', 'merged', 'dropped', 'failed'] },
    ),
  };
}
