import { DELAY_BUCKETS, type Define } from './define.ts';

/** The calls that write, as in the log. */
export const WRITES = ['add', 'remove', 'set'] as const;

/** The groups and their bindings. */
export function groupMetrics({ counter, gauge, histogram }: Define) {
  return {
    removalDelay: histogram(
      'vsgb_removal_delay_seconds',
      'Time from the event of a leaving backend until the API accepted its removal, or weight 0 for a drain; with the wait of the last backends for others.',
      DELAY_BUCKETS,
    ),
    backends: gauge('vsgb_backends', 'Backends of a binding by state, as in status.backends[].state.', {
      namespace: [],
      name: [],
      state: [],
    }),
    bindings: gauge('vsgb_bindings', 'Bindings handled.'),
    stalled: gauge('vsgb_binding_stalled', '1 while the binding is Stalled: someone has to act.', {
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
      "Pods among a binding's desired backends that are held for less than status.holdSeconds.",
      { namespace: [], name: [] },
    ),
    podsWithoutGate: gauge(
      'vsgb_binding_pods_without_gate',
      "With --readiness-gates: pods among a binding's desired backends without our readiness gate.",
      { namespace: [], name: [] },
    ),
    groups: gauge('vsgb_groups', 'Groups handled.'),
    oldestLeaver: gauge(
      'vsgb_oldest_leaver_seconds',
      'How long the oldest backend has waited to leave the group, or for weight 0 of its drain; 0 if none.',
      { group: [] },
    ),
    changes: counter('vsgb_backend_changes_total', 'Backends added, removed or weighed.', {
      change: ['add', 'remove', 'weigh'],
    }),
    withheld: counter('vsgb_dry_run_batches_total', 'With --dry-run: calls not made, by action.', {
      action: WRITES,
    }),
    reads: counter('vsgb_group_reads_total', 'Reads of groups by reason.', {
      reason: ['first', 'resync', 'contradiction', 'unknown-outcome', 'pending'],
    }),
    drift: counter(
      'vsgb_drift_corrections_total',
      'Changes of others (removed, added, re-weighted) that were corrected.',
      { kind: ['missing', 'unexpected', 'weight'] },
    ),
    contradictions: counter('vsgb_contradicting_replies_total', 'Replies that contradicted their write.'),
  };
}
