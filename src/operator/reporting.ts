import { isTrue } from '../api/conditions.ts';
import { API_VERSION, PLURAL } from '../api/names.ts';
import type { Condition } from '../api/vservergroupbinding.ts';
import type { Clock } from '../clock.ts';
import type { StatusSink } from '../controller/binding/binding-reporter.ts';
import { staysWithLostNode } from '../controller/binding/records.ts';
import type { KubeTransport } from '../kubernetes/client/transport.ts';
import { EventRecorder } from '../kubernetes/write/event-recorder.ts';
import { type ObjectRef, StatusWriter } from '../kubernetes/write/status-writer.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

export interface Reporting {
  readonly status: StatusWriter;
  readonly events: EventRecorder;
}

/** Creates the writers for the status and events of bindings, with metrics and log. */
export function createReporting(
  transport: KubeTransport,
  clock: Clock,
  { cluster }: Metrics,
  logger: Logger,
  mayWrite: () => boolean,
): Reporting {
  const pathOf = ({ namespace, name }: ObjectRef) =>
    `/apis/${API_VERSION}/namespaces/${encodeURIComponent(namespace)}/${PLURAL}/${encodeURIComponent(name)}`;
  const status = new StatusWriter({
    transport,
    pathOf,
    clock,
    mayWrite,
    writes: cluster.statusWrites,
    onFailure: ({ ref, error, attempts, retryInMs }) =>
      logger.warn(
        retryInMs === undefined
          ? 'The API server takes no status for a binding whose spec cannot be read; there is an event'
          : 'The status could not be written; retrying',
        {
          binding: `${ref.namespace}/${ref.name}`,
          error,
          attempts,
          ...(retryInMs !== undefined && { retryInMs: Math.round(retryInMs) }),
        },
      ),
  });
  const events = new EventRecorder({
    transport,
    clock,
    events: cluster.events,
    onFailure: ({ event, error }) =>
      logger.warn('An event could not be sent', { reason: event.reason, error }),
  });
  return { status, events };
}

/** Drops what was not flushed. */
export function closeReporting({ status, events }: Reporting): void {
  status.close();
  events.close();
}

/** Writes statuses, and exports the states of backends and whether someone has to act as metrics. */
export function createStatusSink(status: StatusWriter, metrics: Metrics): StatusSink {
  const showStalled = ({ namespace, name }: ObjectRef, conditions: readonly Condition[]) => {
    metrics.groups.stalled.set({ namespace, name }, Number(isTrue(conditions, 'Stalled')));
  };
  return {
    write(ref, next, haste) {
      status.write(ref, next, { urgent: haste === 'urgent', patient: haste === 'patient' });
      const counts: Record<string, number> = {};
      for (const { state } of next.backends) counts[state] = (counts[state] ?? 0) + 1;
      const { namespace, name } = ref;
      metrics.setBackends(namespace, name, counts);
      const { podsWithoutHold: hold, podsWithoutGate: gate } = next;
      metrics.setUnprepared(namespace, name, { hold, gate });
      const lost =
        next.backends.some(staysWithLostNode) ||
        next.conditions.some(({ reason }) => reason === 'NodesNotReady');
      metrics.groups.nodesNotReady.set({ namespace, name }, Number(lost));
      showStalled(ref, next.conditions);
    },
    writeConditions(ref, part) {
      status.write(ref, part, { part: true });
      showStalled(ref, part.conditions);
    },
    observed: (binding) => status.observed(binding, binding.statusPrint),
    lost: (binding) => status.forget(binding),
    forget(binding) {
      status.forget(binding);
      metrics.forgetBinding(binding.namespace, binding.name);
    },
  };
}
