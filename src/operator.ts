import { type Cloud, createCloud } from './alibaba/cloud.ts';
import { OPERATOR } from './api/names.ts';
import { BACKEND_STATES } from './api/vservergroupbinding.ts';
import { systemClock } from './clock.ts';
import { roleKey } from './cloud/group-ref.ts';
import type { Config } from './config.ts';
import { readClusterUid } from './controller/cluster/cluster-id.ts';
import { listedResources, RESOURCES } from './controller/cluster/resources.ts';
import { CONTROLLER, createGroupLoop, type GroupLoop } from './controller/group-loop.ts';
import { loadKubeConfig } from './kubernetes/client/kubeconfig.ts';
import { createTransport, type KubeTransport } from './kubernetes/client/transport.ts';
import { Freshness } from './kubernetes/informer/freshness.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';
import { observeCloud, showExpiry, showRateLimiters } from './operator/cloud-observer.ts';
import { createLeadership } from './operator/leadership.ts';
import { createLoopHooks } from './operator/loop-hooks.ts';
import { persistently } from './operator/persistently.ts';
import { closeReporting, createReporting, createStatusSink, type Reporting } from './operator/reporting.ts';
import { logNamespaces, reflectorHooks, showLeavers, showQueueGauges } from './operator/runtime-metrics.ts';
import { type Readiness, serve } from './operator/serving.ts';
import { takeOver } from './operator/takeover.ts';
import { createWatching, type Watching } from './operator/watching.ts';
import { startWebhook, WEBHOOK_RESULTS } from './operator/webhook.ts';
import { version } from './version.ts';

const clock = systemClock;

/** The API calls that read and change groups. Their metric series exist from the start. */
const ACTIONS = [
  'DescribeVServerGroupAttribute',
  'AddVServerGroupBackendServers',
  'RemoveVServerGroupBackendServers',
  'SetVServerGroupAttribute',
  'DescribeNetworkInterfaces',
  'DescribeHealthStatus',
  'DescribeVServerGroups',
] as const;

/** How long writing the last statuses and events may take at shutdown. */
const FLUSH_MS = 2_000;

/**
 * Runs the operator until `signal` is aborted. Starts HTTP, then the caches, then the loop once the caches are complete; stops in reverse
 * order. Rejects if the operator cannot start.
 */
export async function runOperator(config: Config, logger: Logger, signal: AbortSignal): Promise<void> {
  const stack = new AsyncDisposableStack();
  try {
    await startAndWait(config, logger, signal, stack);
  } finally {
    await stack.disposeAsync();
  }
}

async function startAndWait(
  config: Config,
  logger: Logger,
  signal: AbortSignal,
  stack: AsyncDisposableStack,
): Promise<void> {
  const metrics = createMetrics({
    version,
    controllers: [CONTROLLER],
    resources: RESOURCES,
    actions: ACTIONS,
    backendStates: BACKEND_STATES,
    webhookResults: WEBHOOK_RESULTS,
  });
  metrics.collectProcessMetrics();
  const { transport, namespace: ofContext } = connect(config, metrics);
  const namespace = config.leaderElectNamespace ?? ofContext;
  stack.defer(() => transport.close());
  const readiness: Readiness = { started: false, watching: undefined, webhook: undefined };
  const http = await serve(config, { transport, clock, metrics, logger }, readiness);
  stack.defer(() => http.close());
  logger.info('Started', { version, metricsAddress: http.metricsAddress, healthAddress: http.healthAddress });

  const cloud = createCloud(config, clock, observeCloud(metrics, logger));
  showRateLimiters(metrics, cloud);
  showExpiry(metrics, cloud);
  stack.defer(() => cloud.close());
  // Nothing to do on failure: the hook reports it, and the first call fetches the credentials again.
  void cloud.credentials.get().catch(() => {});
  const starting = { clock, signal, logger };
  const clusterId =
    config.clusterId ??
    (await persistently('The cluster could not be identified', starting, () =>
      readClusterUid(transport, signal),
    ));
  const resources = await persistently('What the cluster serves could not be read', starting, () =>
    listedResources(config, transport, signal),
  );
  const watching = createWatching(config, resources, {
    transport,
    clock,
    reflectorHooks: reflectorHooks(metrics, logger),
    onHandlerError: (resource, error) => {
      metrics.cluster.handlerErrors.inc({ resource });
      logger.error('A change could not be handled', { resource, error });
    },
  });
  logNamespaces(watching.informers, logger);
  readiness.watching = watching;
  const { bindings } = watching.caches;
  cloud.renewSessionsIf((role) => bindings.byIndex('role', roleKey(role)).length > 0);
  readiness.webhook = await startWebhook(config, {
    ...{ transport, namespace, clock, metrics, logger, signal },
    caches: watching.caches,
    cachesComplete: () => readiness.started,
  });
  stack.defer(async () => readiness.webhook?.close());
  const leadership = createLeadership({
    config,
    namespace,
    transport,
    clock,
    metrics,
    logger,
  });
  stack.defer(() => leadership.stop());
  let inCharge = false;
  const mayWrite = () => inCharge && leadership.isLeader();
  const reporting = createReporting(transport, clock, metrics, logger, () => leadership.isLeader());
  stack.defer(() => closeReporting(reporting));
  const freshness = new Freshness({
    clock,
    refresh: () => watching.informers.refresh(),
    onStall: (ms) => {
      metrics.runtime.stalls.inc();
      logger.warn('This process stalled: the cluster is listed again before anything is written', {
        ms: Math.round(ms),
      });
    },
    onRefreshed: () => logger.info('The cluster was listed again'),
  });
  freshness.start();
  stack.defer(() => freshness.stop());
  const parts = {
    ...{ config, clusterId, logger, transport, watching, cloud, metrics, reporting },
    ...{ mayWrite, freshness },
  };
  const loop = createLoop(parts);
  stack.defer(async () => void (await loop.stop(0)));
  watching.start();
  stack.defer(() => watching.informers.stop());
  await watching.informers.waitForSync(signal);
  logger.info('Caches complete', { bindings: watching.caches.bindings.size, clusterId });
  readiness.started = true;
  await takeOver({ leadership, freshness, clock, logger }, signal);
  inCharge = true;
  loop.start();
  await Promise.race([aborted(signal), leadership.lost]);

  logger.info('Stopping');
  inCharge = false;
  const late = await loop.stop(config.shutdownTimeout);
  if (late.length > 0)
    logger.warn('Calls were aborted at the end; their groups are read at the next start', { groups: late });
  await Promise.all([reporting.status.flush(FLUSH_MS), reporting.events.flush(FLUSH_MS)]);
  logger.info('Stopped');
}

interface Connection {
  readonly transport: KubeTransport;
  /** The pod's namespace, or that of the kubeconfig's context. */
  readonly namespace: string;
}

function connect(config: Config, metrics: Metrics): Connection {
  const kubeConfig = loadKubeConfig(config.kubeconfig, { context: config.context });
  const transport = createTransport(kubeConfig, {
    clock,
    userAgent: `${OPERATOR}/${version}`,
    onRequest: ({ method, status }) => metrics.runtime.restRequests.inc({ method, code: String(status) }),
  });
  const context = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
  return { transport, namespace: context?.namespace ?? 'default' };
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
  readonly mayWrite: () => boolean;
  readonly freshness: Freshness;
}

function createLoop({ config, clusterId, cloud, metrics, reporting, ...parts }: LoopParts): GroupLoop {
  const options = {
    clusterId,
    region: config.region,
    seesAll: config.bindingSelector === undefined,
    defaultDrainSeconds: config.defaultDrainSeconds,
    excludeCordonedNodes: config.excludeCordonedNodes,
    localWeights: config.localWeights,
    unreadyShare: config.maxUnreadyShare,
    unreadyToleranceMs: config.notReadyTolerance,
    writeSpacingMs: config.writeSpacing,
    addWindowMs: config.addWindow,
    maxRowsPerCall: config.maxBackendsPerCall,
    resyncMs: config.resync,
    readinessGates: config.readinessGates,
    requireGrants: config.requireGrants,
    assumableRoles: config.assumableRole,
    dryRun: config.dryRun,
  };
  const loop = createGroupLoop(options, {
    caches: parts.watching.caches,
    unsettledPods: parts.watching.unsettledPods,
    groups: cloud.groups,
    resolver: cloud.resolver,
    onCredentialsChanged: cloud.onCredentialsChanged,
    onNamespaceOpened: (listener) =>
      parts.watching.informers.onTurn((namespace, isClosed) => {
        if (!isClosed) listener(namespace);
      }),
    transport: parts.transport,
    status: createStatusSink(reporting.status, metrics),
    events: reporting.events,
    clock,
    random: Math.random,
    mayWrite: parts.mayWrite,
    freshness: parts.freshness,
    hooks: createLoopHooks(metrics, parts.logger),
    metrics: metrics.runtime,
  });
  showQueueGauges(metrics, loop.queue);
  showLeavers(metrics, loop);
  return loop;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
