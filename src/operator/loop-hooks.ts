import type { GroupRef } from '../cloud/group-ref.ts';
import { backendName, listed } from '../controller/binding/messages.ts';
import { outcomeOf } from '../controller/group/outcome.ts';
import type { GroupState } from '../controller/group/state/group-state.ts';
import type { GroupLoopHooks } from '../controller/group-loop.ts';
import type { Change } from '../membership/plan/batches.ts';
import { TIMED_OUT } from '../membership/readiness/gate.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

const DONE = {
  remove: 'Removed from the group',
  add: 'Added to the group',
  set: 'Weights set in the group',
} as const;
const WOULD_BE_DONE = {
  remove: 'Dry run: would remove from the group',
  add: 'Dry run: would add to the group',
  set: 'Dry run: would set weights in the group',
} as const;
const CHANGE = { remove: 'remove', add: 'add', set: 'weigh' } as const;

/** Logs a line for everything that happens to a user's group, and counts it in metrics. */
export function createLoopHooks(metrics: Metrics, logger: Logger): GroupLoopHooks {
  return {
    onWritten(group, { action, changes }, requestId, delaysMs, durationMs) {
      metrics.groups.changes.inc({ change: CHANGE[action] }, changes.length);
      for (const delay of delaysMs) metrics.groups.removalDelay.observe(delay / 1000);
      logger.info(DONE[action], {
        ...described(group, changes),
        requestId,
        durationMs: Math.round(durationMs),
        ...(delaysMs.length > 0 && { delayMs: Math.round(Math.max(...delaysMs)) }),
      });
    },
    onFailed(group, action, error, attempts, retryInMs) {
      const level = attempts >= outcomeOf(error).tellAfter ? 'warn' : 'debug';
      if (error.code === 'ContradictoryReply') metrics.groups.contradictions.inc();
      logger[level](error.message, {
        ...named(group.ref),
        action,
        code: error.code,
        kind: error.kind,
        attempts,
        retryInMs: Math.round(retryInMs),
        requestId: error.requestId,
      });
    },
    onRead(group, reason) {
      metrics.groups.reads.inc({ reason });
      logger.debug('Reading the group', { ...named(group.ref), reason });
    },
    onDriftCorrected(kind) {
      metrics.groups.drift.inc({ kind });
    },
    onWithheld(group, { action, changes }) {
      metrics.groups.withheld.inc({ action });
      logger.info(WOULD_BE_DONE[action], described(group, changes));
    },
    onGateWritten({ namespace, name }, { open, reason, message }) {
      const timedOut = reason === TIMED_OUT;
      metrics.cluster.gateWrites.inc({ result: timedOut ? 'timed-out' : open ? 'opened' : 'closed' });
      logger[timedOut ? 'warn' : 'debug'](open ? 'Readiness gate opened' : 'Readiness gate closed', {
        ...{ pod: `${namespace}/${name}`, reason, waitedFor: message },
      });
    },
    onGateFailed({ namespace, name }, error, attempts, retryInMs) {
      metrics.cluster.gateWrites.inc({ result: 'error' });
      logger.warn('A readiness gate could not be written; retrying', {
        pod: `${namespace}/${name}`,
        error,
        attempts,
        retryInMs: Math.round(retryInMs),
      });
    },
    onGroupFound: ({ key }, group) =>
      logger.info('Found the group by its name', { binding: key, ...named(group) }),
    onReconcileFailed: ({ key, error, attempts }) =>
      logger.error('Reconcile failed; retrying', { group: key, attempts, error }),
    onFinalizerFailed: ({ key }, error, attempts, retryInMs) =>
      logger.warn('The finalizer could not be written; retrying', {
        binding: key,
        error,
        attempts,
        retryInMs: Math.round(retryInMs),
      }),
  };
}

/** `account` is left out for the account of the operator's own credentials. */
function named({ id, account }: GroupRef) {
  return { group: id, ...(account !== undefined && { account }) };
}

function described(group: GroupState, changes: readonly Change[]) {
  return {
    ...named(group.ref),
    bindings: [...new Set(changes.map(({ claim }) => claim))],
    count: changes.length,
    backends: listed(changes.map(({ row }) => `${backendName(row)}*${row.weight}`)),
  };
}
