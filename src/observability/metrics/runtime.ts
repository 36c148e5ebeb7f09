import { type Define, QUEUE_BUCKETS, RECONCILE_BUCKETS } from './define.ts';

/** Names, labels and buckets are those of controller-runtime and client-go, so that existing dashboards and alerts work. */
export function runtimeMetrics({ counter, gauge, histogram }: Define, controllers: readonly string[]) {
  const byController = { controller: controllers };
  const byName = { name: controllers };
  return {
    loop: {
      total: counter('controller_runtime_reconcile_total', 'Reconciles by controller and result.', {
        ...byController,
        result: ['success', 'error', 'requeue', 'requeue_after'],
      }),
      errors: counter(
        'controller_runtime_reconcile_errors_total',
        'Reconciles that ended with an error.',
        byController,
      ),
      panics: counter('controller_runtime_reconcile_panics_total', 'Reconciles that panicked.', byController),
      time: histogram(
        'controller_runtime_reconcile_time_seconds',
        'Duration of a reconcile.',
        RECONCILE_BUCKETS,
        byController,
      ),
      maxConcurrent: gauge(
        'controller_runtime_max_concurrent_reconciles',
        'Reconciles that can run at once.',
        byController,
      ),
      activeWorkers: gauge('controller_runtime_active_workers', 'Reconciles running now.', byController),
    },
    queue: {
      depth: gauge('workqueue_depth', 'Keys waiting in the queue.', byName),
      adds: counter('workqueue_adds_total', 'Keys added to the queue.', byName),
      queueDuration: histogram(
        'workqueue_queue_duration_seconds',
        'Wait of a key in the queue.',
        QUEUE_BUCKETS,
        byName,
      ),
      workDuration: histogram(
        'workqueue_work_duration_seconds',
        'Duration of the work for a key.',
        QUEUE_BUCKETS,
        byName,
      ),
      unfinishedWorkSeconds: gauge(
        'workqueue_unfinished_work_seconds',
        'Duration so far of all work in progress; grows when something hangs.',
        byName,
      ),
      longestRunningProcessorSeconds: gauge(
        'workqueue_longest_running_processor_seconds',
        'Duration so far of the longest work in progress.',
        byName,
      ),
      retries: counter('workqueue_retries_total', 'Keys added again after a failure.', byName),
    },
    leader: gauge('leader_election_master_status', '1 while this replica holds the Lease, else 0.', {
      name: [],
    }),
    stalls: counter(
      'vsgb_stalls_total',
      'Times the process stalled for over a second; the cluster was listed again before any decision or write.',
    ),
    restRequests: counter(
      'rest_client_requests_total',
      'Requests to the Kubernetes API by status code and method.',
      { code: [], method: [] },
    ),
  };
}
