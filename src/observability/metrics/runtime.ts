import { type Define, QUEUE_BUCKETS, RECONCILE_BUCKETS } from './define.ts';

export type ReconcileResult = 'success' | 'error' | 'requeue' | 'requeue_after';

/** Names, labels and buckets of controller-runtime and client-go: existing dashboards and alerts work. */
export function runtimeMetrics({ counter, gauge, histogram }: Define, controllers: readonly string[]) {
  const metrics = {
    reconciles: counter(
      'controller_runtime_reconcile_total',
      'Reconciles by controller and result.',
      'controller',
      'result',
    ),
    reconcileErrors: counter(
      'controller_runtime_reconcile_errors_total',
      'Reconciles that ended with an error.',
      'controller',
    ),
    reconcilePanics: counter(
      'controller_runtime_reconcile_panics_total',
      'Reconciles that threw what they should not.',
      'controller',
    ),
    reconcileSeconds: histogram(
      'controller_runtime_reconcile_time_seconds',
      'Time that a reconcile took.',
      RECONCILE_BUCKETS,
      'controller',
    ),
    maxConcurrent: gauge(
      'controller_runtime_max_concurrent_reconciles',
      'Reconciles that can run at once.',
      'controller',
    ),
    activeWorkers: gauge('controller_runtime_active_workers', 'Reconciles that run now.', 'controller'),
    depth: gauge('workqueue_depth', 'Keys that wait in the queue.', 'name'),
    adds: counter('workqueue_adds_total', 'Keys added to the queue.', 'name'),
    queueSeconds: histogram(
      'workqueue_queue_duration_seconds',
      'Time that a key waited in the queue.',
      QUEUE_BUCKETS,
      'name',
    ),
    workSeconds: histogram(
      'workqueue_work_duration_seconds',
      'Time that the work for a key took.',
      QUEUE_BUCKETS,
      'name',
    ),
    unfinishedSeconds: gauge(
      'workqueue_unfinished_work_seconds',
      'Time that all work in progress has taken so far; grows when something hangs.',
      'name',
    ),
    longestRunningSeconds: gauge(
      'workqueue_longest_running_processor_seconds',
      'Time that the longest work in progress has taken so far.',
      'name',
    ),
    retries: counter('workqueue_retries_total', 'Keys added again after a failure.', 'name'),
    leader: gauge('leader_election_master_status', '1 while this replica holds the Lease, else 0.', 'name'),
    restRequests: counter(
      'rest_client_requests_total',
      'Requests to the Kubernetes API by status code and method.',
      'code',
      'method',
    ),
  };
  for (const controller of controllers) {
    for (const result of ['success', 'error', 'requeue', 'requeue_after'] satisfies ReconcileResult[])
      metrics.reconciles.inc({ controller, result }, 0);
    metrics.reconcileErrors.inc({ controller }, 0);
    metrics.reconcilePanics.inc({ controller }, 0);
    metrics.reconcileSeconds.zero({ controller });
    metrics.maxConcurrent.set({ controller }, 0);
    metrics.activeWorkers.set({ controller }, 0);
    const name = controller;
    for (const zero of [metrics.depth, metrics.unfinishedSeconds, metrics.longestRunningSeconds])
      zero.set({ name }, 0);
    metrics.adds.inc({ name }, 0);
    metrics.retries.inc({ name }, 0);
    metrics.queueSeconds.zero({ name });
    metrics.workSeconds.zero({ name });
  }
  return metrics;
}
