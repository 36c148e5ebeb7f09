import { API_VERSION, BACKEND_STATES, PLURAL } from './api/vservergroupbinding.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config.ts';
import type { StatusSink } from './controller/binding-reporter.ts';
import type { GroupKey } from './controller/cluster-caches.ts';
import { EventRecorder } from './kubernetes/event-recorder.ts';
import { loadKubeConfig } from './kubernetes/kubeconfig.ts';
import { type ObjectRef, StatusWriter } from './kubernetes/status-writer.ts';
import { createTransport, type KubeTransport } from './kubernetes/transport.ts';
import { type HttpServers, startHttpServers } from './observability/http-server.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';
import { type Cloud, createCloud } from './operator/cloud.ts';
import { readClusterId } from './operator/cluster-id.ts';
import { CONTROLLER, createGroupLoop, type GroupLoop } from './operator/group-loop.ts';
import { loopMetrics, queueMetrics, reflectorHooks, showQueueGauges } from './operator/runtime-metrics.ts';
import { createWatching, RESOURCES, type Watching } from './operator/watching.ts';
import { createWriteHooks } from './operator/write-hooks.ts';
import { version } from './version.ts';

const clock = systemClock;

/** The calls that groups are read and changed by: their series exist from the start. */
const ACTIONS = [
  'DescribeVServerGroupAttribute',
  'AddVServerGroupBackendServers',
  'RemoveVServerGroupBackendServers',
  'SetVServerGroupAttribute',
  'DescribeNetworkInterfaces',
] as const;

/** How long the last statuses and events may take at the end. */
const FLUSH_MS = 2_000;

/**
 * The operator, from its start until `signal` is aborted: HTTP, then caches, then the loop once they are complete; the
 * other way round at the end. Rejects when it cannot start.
 */
export async function runOperator(config: Config, logger: Logger, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const metrics = createMetrics({
    version,
    controllers: [CONTROLLER],
    resources: RESOURCES,
    actions: ACTIONS,
    backendStates: BACKEND_STATES,
  });
  metrics.collectProcessMetrics();
  const transport = connect(config, metrics);
  stack.defer(() => transport.close());
  const readiness = { started: false, watching: undefined as Watching | undefined };
  const http = await serve(config, metrics, readiness);
  stack.defer(() => http.close());
  logger.info('Started', { version, metricsAddress: http.metricsAddress, healthAddress: http.healthAddress });

  const cloud = createCloud(config, clock, metrics, logger);
  stack.defer(() => cloud.close());
  // A failure is told by its hook, and fetched again by the first call: nothing to do about it here.
  void cloud.credentials.get().catch(() => {});
  const clusterId = config.clusterId ?? (await clusterIdOf(transport, logger, signal));
  const watching = await createWatching(config, {
    transport,
    clock,
    reflectorHooks: reflectorHooks(metrics, logger),
    onHandlerError: (resource, error) => {
      metrics.cluster.handlerErrors.inc({ resource });
      logger.error('A change could not be taken in', { resource, error });
    },
  });
  readiness.watching = watching;
  const reporting = createReporting(transport, metrics, logger);
  const { loop, stopWriting } = createLoop({
    config,
    clusterId,
    logger,
    transport,
    watching,
    cloud,
    metrics,
    reporting,
  });
  watching.start();
  stack.defer(() => watching.informers.stop());
  await watching.informers.waitForSync(signal);
  logger.info('Caches complete', { bindings: watching.caches.bindings.size, clusterId });
  readiness.started = true;
  loop.start();
  await aborted(signal);

  logger.info('Stopping');
  stopWriting();
  const late: readonly GroupKey[] = await loop.stop(config.shutdownTimeout);
  if (late.length > 0)
    logger.warn('Calls were cut at the end; their groups are read at the next start', { groups: late });
  await Promise.all([reporting.status.flush(FLUSH_MS), reporting.events.flush(FLUSH_MS)]);
  logger.info('Stopped');
}

function connect(config: Config, metrics: Metrics): KubeTransport {
  const kubeConfig = loadKubeConfig(config.kubeconfig);
  if (config.context !== undefined) kubeConfig.setCurrentContext(config.context);
  return createTransport(kubeConfig, {
    clock,
    userAgent: `vservergroup-operator/${version}`,
    onRequest: ({ method, status }) => metrics.runtime.restRequests.inc({ method, code: String(status) }),
  });
}

interface Readiness {
  readonly started: boolean;
  readonly watching: Watching | undefined;
}

function serve(config: Config, metrics: Metrics, readiness: Readiness): Promise<HttpServers> {
  metrics.onScrape(() => showCaches(metrics, readiness.watching));
  return startHttpServers({
    metricsAddress: config.metricsAddress,
    healthAddress: config.healthAddress,
    live: [],
    ready: [
      {
        name: 'caches',
        check: () => {
          const missing = readiness.watching?.informers.notSynced ?? ['all'];
          return missing.length === 0 ? undefined : `not complete: ${missing.join(', ')}`;
        },
      },
      { name: 'started', check: () => (readiness.started ? undefined : 'not every cache was complete yet') },
    ],
    metrics,
  });
}

function showCaches({ cluster, groups }: Metrics, watching: Watching | undefined): void {
  if (watching === undefined) return;
  const { bindings, services, endpoints, nodes } = watching.caches;
  for (const [resource, store] of Object.entries({
    vservergroupbindings: bindings,
    services,
    endpoints,
    nodes,
  })) {
    cluster.objects.set({ resource }, store.size);
  }
  for (const { name, synced, up } of watching.informers.health) {
    cluster.synced.set({ resource: name }, Number(synced));
    cluster.watchUp.set({ resource: name }, Number(up));
  }
  groups.bindings.set(bindings.size);
}

function clusterIdOf(transport: KubeTransport, logger: Logger, signal: AbortSignal): Promise<string> {
  return readClusterId(transport, clock, signal, (error) =>
    logger.warn('The cluster could not be identified; it is tried again', { error }),
  );
}

interface Reporting {
  readonly status: StatusWriter;
  readonly events: EventRecorder;
}

function createReporting(transport: KubeTransport, { cluster }: Metrics, logger: Logger): Reporting {
  const pathOf = ({ namespace, name }: ObjectRef) =>
    `/apis/${API_VERSION}/namespaces/${encodeURIComponent(namespace)}/${PLURAL}/${encodeURIComponent(name)}`;
  const status = new StatusWriter({
    transport,
    pathOf,
    clock,
    writes: cluster.statusWrites,
    onFailure: ({ ref, error, attempts, retryInMs }) =>
      logger.warn('The status could not be written; it is tried again', {
        binding: `${ref.namespace}/${ref.name}`,
        error,
        attempts,
        retryInMs: Math.round(retryInMs),
      }),
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

interface LoopParts {
  readonly config: Config;
  readonly clusterId: string;
  readonly logger: Logger;
  readonly transport: KubeTransport;
  readonly watching: Watching;
  readonly cloud: Cloud;
  readonly metrics: Metrics;
  readonly reporting: Reporting;
}

function createLoop({ metrics, reporting, ...parts }: LoopParts): {
  loop: GroupLoop;
  stopWriting: () => void;
} {
  let writing = true;
  const loop = createGroupLoop({
    ...parts,
    clock,
    events: reporting.events,
    status: countingBackends(reporting.status, metrics),
    mayWrite: () => writing,
    hooks: createWriteHooks(metrics, parts.logger),
    metrics: { queue: queueMetrics(metrics), loop: loopMetrics(metrics) },
  });
  showQueueGauges(metrics, loop.queue);
  parts.watching.caches.bindings.onChange(({ old, new: now }) => {
    if (now?.parsed.ok) reporting.status.observed(now, now.parsed.binding.status);
    if (now !== undefined || old === undefined) return;
    reporting.status.forget(old);
    metrics.forgetBinding(old.namespace, old.name);
  });
  return {
    loop,
    stopWriting: () => {
      writing = false;
    },
  };
}

/** Shows the states of a binding's backends, and whether someone has to act, as its status does. */
function countingBackends(status: StatusWriter, metrics: Metrics): StatusSink {
  return {
    write(ref, next) {
      status.write(ref, next);
      const counts: Record<string, number> = {};
      for (const { state } of next.backends) counts[state] = (counts[state] ?? 0) + 1;
      metrics.setBackends(ref.namespace, ref.name, counts);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
