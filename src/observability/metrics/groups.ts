import { DELAY_BUCKETS, type Define } from './define.ts';

/** The calls that write, as in the log. */
export const WRITES = ['add', 'remove', 'set'] as const;

/** The groups and their bindings. */
export function groupMetrics({ counter, gauge, histogram }: Define) {
  return {
    removalDelay: histogram(
      'vsgb_removal_delay_seconds',
      'Time from the event that a backend left until the API accepted its removal, or weight 0 for a drain.',
      DELAY_BUCKETS,
    ),
    backends: gauge('vsgb_backends', 'Backends of a binding by state, as in status.backends[].state.', {
      namespace: [],
      name: [],
      state: [],
    }),
    bindings: gauge('vsgb_bindings', 'Bindings that are looked after.'),
    stalled: gauge('vsgb_binding_stalled', '1 while the binding has condition Stalled: someone has to act.', {
      namespace: [],
      name: [],
    }),
    nodesNotReady: gauge(
      'vsgb_binding_nodes_not_ready',
      '1 while backends of the binding stay although their nodes are not Ready.',
      { namespace: [], name: [] },
    ),
    podsWithoutHold: gauge(
      'vsgb_binding_pods_without_hold',
      'Pods among the desired backends of a binding that go on for less than status.holdSeconds after their deletion.',
      { namespace: [], name: [] },
    ),
    podsWithoutGate: gauge(
      'vsgb_binding_pods_without_gate',
      'With --readiness-gates: pods among the desired backends of a binding that have no readiness gate of ours.',
      { namespace: [], name: [] },
    ),
    groups: gauge('vsgb_groups', 'Groups that are looked after.'),
    oldestLeaver: gauge(
      'vsgb_oldest_leaver_seconds',
      'For how long the backend that waits longest to leave the group, or to get weight 0 for its drain, has waited; 0 if none does.',
      { group: [] },
    ),
    changes: counter('vsgb_backend_changes_total', 'Backends added, removed or weighed.', {
      change: ['add', 'remove', 'weigh'],
    }),
    withheld: counter(
      'vsgb_dry_run_batches_total',
      'With --dry-run: calls that would have been made, by action.',
      { action: WRITES },
    ),
    reads: counter('vsgb_group_reads_total', 'Times that a group was read, by reason.', {
      reason: ['first', 'resync', 'contradiction', 'unknown-outcome', 'pending'],
    }),
    drift: counter(
      'vsgb_drift_corrections_total',
      'Backends that others had removed, added or weighed, and that were put right.',
      { kind: ['missing', 'unexpected', 'weight'] },
    ),
    contradictions: counter(
      'vsgb_contradicting_replies_total',
      'Replies to a write that did not show what was written.',
    ),
  };
}
