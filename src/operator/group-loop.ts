import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { BindingReporter, type EventSink, type StatusSink } from '../controller/binding/binding-reporter.ts';
import { Finalizers } from '../controller/binding/finalizers.ts';
import { mayGoWithoutGroup } from '../controller/binding/unreadable.ts';
import {
  type BindingObject,
  type GroupKey,
  groupOf,
  metadataOf,
} from '../controller/cluster/cluster-caches.ts';
import { DrainIndex } from '../controller/cluster/drain-index.ts';
import { connectPodTriggers, connectTriggers } from '../controller/cluster/triggers.ts';
import { EniDirectory } from '../controller/group/eni-directory.ts';
import { GroupController, type GroupControllerParts } from '../controller/group/group-controller.ts';
import { GroupWriter, type WriteHooks } from '../controller/group/group-writer.ts';
import type { KubeTransport } from '../kubernetes/client/transport-types.ts';
import { ReconcileLoop, type ReconcileMetrics } from '../kubernetes/queue/reconcile-loop.ts';
import { WorkQueue, type WorkQueueMetrics } from '../kubernetes/queue/work-queue.ts';
import type { Logger } from '../observability/logger.ts';
import type { Cloud } from './cloud.ts';
import type { Watching } from './watching.ts';

export const CONTROLLER = 'vservergroup';

const FINALIZER_RETRY_MS = 1_000;
/** A big group's look-ups are answered a hundred at a time: planned after each answer, 10,000 members took 11 s of the loop. */
const ENI_ANSWERS_SHARE_MS = 10;
/** Longer than the cache takes to show the newer object. */
const OUTDATED_RETRY_MS = 100;

export interface GroupLoopParts {
  readonly config: Config;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly transport: KubeTransport;
  readonly watching: Watching;
  readonly cloud: Cloud;
  readonly status: StatusSink;
  readonly events: EventSink;
  readonly mayWrite: () => boolean;
  readonly hooks: WriteHooks;
  readonly metrics: { readonly queue: WorkQueueMetrics; readonly loop: ReconcileMetrics };
}

export interface GroupLoop {
  readonly queue: WorkQueue<GroupKey>;
  /** See GroupController. */
  longestLeaving: GroupController['longestLeaving'];
  /** Begins to reconcile: every group once, then whatever changes. */
  start(): void;
  /** Lets calls in flight end, for at most so long. Returns the groups that did not make it. */
  stop(deadlineMs: number): Promise<readonly GroupKey[]>;
}

/** From the caches' events to the groups they concern, and the loop that reconciles them. */
export function createGroupLoop(parts: GroupLoopParts): GroupLoop {
  const { config, clock, logger, watching, cloud } = parts;
  const { caches } = watching;
  const queue = new WorkQueue<GroupKey>({ name: CONTROLLER, clock, metrics: parts.metrics.queue });
  const reporter = new BindingReporter(parts.status, parts.events, clock);
  const drains = new DrainIndex();
  const enqueue = (group: GroupKey) => {
    controller.noteChange(group);
    queue.add(group, 'high');
  };
  const enis = new EniDirectory(cloud.resolver, (group) => queue.addAfter(group, ENI_ANSWERS_SHARE_MS));
  const finalizers = new Finalizers(parts.transport, {
    mayWrite: parts.mayWrite,
    onError: (binding, error, outdated) => {
      if (!outdated)
        logger.warn('Finalizer could not be written; tried again', { binding: binding.key, error });
      const ms = outdated ? OUTDATED_RETRY_MS : FINALIZER_RETRY_MS;
      const group = groupOf(binding, config.region);
      if (group !== undefined) queue.addAfter(group, ms);
      else clock.setTimeout(() => lookAfterGroupless(caches.bindings.get(binding.key)), ms);
    },
  });
  const controller = createController(parts, { reporter, drains, enis, finalizers });
  const forget = (uid: string) => {
    finalizers.forget(uid);
    reporter.forget(uid);
  };
  /** A binding whose group can't be read is in no reconcile. */
  const lookAfterGroupless = (binding: BindingObject | undefined) => {
    if (binding === undefined || binding.parsed.ok || groupOf(binding, config.region) !== undefined) return;
    if (!parts.mayWrite()) return;
    if (!config.dryRun && mayGoWithoutGroup(binding.parsed)) finalizers.release(binding);
    else reporter.reportGroupless(binding, binding.parsed);
  };

  cloud.onCredentialsChanged(() => {
    for (const group of controller.credentialsChanged()) queue.add(group);
  });
  connectTriggers(caches, config.region, enqueue);
  caches.pods.onChange(connectPodTriggers(caches, config.region, enqueue, (uid) => drains.groupsOf(uid)));
  caches.pods.onSynced((namespace) => {
    for (const binding of caches.bindings.byIndex('namespace', namespace)) {
      const group = groupOf(binding, config.region);
      if (group !== undefined) queue.add(group);
    }
  });
  caches.bindings.onChange(({ old, new: now }) => {
    if (now === undefined) {
      if (old !== undefined) forget(old.uid);
      return;
    }
    lookAfterGroupless(now);
    const group = groupOf(now, config.region);
    if (group !== undefined && generationOf(old) !== generationOf(now)) controller.forgetFailures(group);
  });

  const loop = new ReconcileLoop<GroupKey>({
    name: CONTROLLER,
    queue,
    clock,
    metrics: parts.metrics.loop,
    reconcile: async (group, signal) => {
      const ms = await controller.reconcile(group, signal);
      return ms === undefined ? 'done' : { requeueAfterMs: ms };
    },
    onFailure: ({ key, error, attempts }) =>
      logger.error('Reconcile failed; it is tried again', { group: key, attempts, error }),
  });
  return {
    queue,
    longestLeaving: () => controller.longestLeaving(),
    start() {
      loop.start();
      for (const binding of caches.bindings.list()) {
        lookAfterGroupless(binding);
        const group = groupOf(binding, config.region);
        if (group !== undefined) queue.add(group);
      }
    },
    stop: (deadlineMs) => loop.stop(deadlineMs),
  };
}

function createController(
  { config, clusterId, clock, watching, cloud, mayWrite, hooks }: GroupLoopParts,
  own: Pick<GroupControllerParts, 'reporter' | 'drains' | 'enis' | 'finalizers'>,
): GroupController {
  const { client, limiter } = cloud;
  const random = Math.random;
  const writer = new GroupWriter({ slb: client.slb, enis: own.enis, clock, random, mayWrite, hooks });
  const options = {
    clusterId,
    defaultDrainSeconds: config.defaultDrainSeconds,
    excludeCordonedNodes: config.excludeCordonedNodes,
    localWeights: config.localWeights,
    writeSpacingMs: config.writeSpacing,
    addWindowMs: config.addWindow,
    batchSize: config.maxBackendsPerCall,
    resyncMs: config.resync,
    dryRun: config.dryRun,
  };
  const parts = { ...own, caches: watching.caches, limiter, writer, clock, random };
  return new GroupController(options, parts);
}

function generationOf(object: BindingObject | undefined): number | undefined {
  return object && metadataOf(object).generation;
}
