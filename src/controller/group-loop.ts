import type { Clock } from '../clock.ts';
import type { EniResolver } from '../cloud/eni-resolver.ts';
import type { AssumedRole, GroupRef } from '../cloud/group-ref.ts';
import type { ServerGroups } from '../cloud/server-groups.ts';
import type { KubeTransport } from '../kubernetes/client/transport-types.ts';
import type { Store } from '../kubernetes/informer/store.ts';
import { isOlder } from '../kubernetes/objects/metadata.ts';
import type { GatedPodObject } from '../kubernetes/objects/objects.ts';
import {
  type ReconcileFailure,
  ReconcileLoop,
  type ReconcileMetrics,
} from '../kubernetes/queue/reconcile-loop.ts';
import { WorkQueue, type WorkQueueMetrics } from '../kubernetes/queue/work-queue.ts';
import { BindingMemory } from './binding/binding-memory.ts';
import { BindingReporter, type EventSink, type StatusSink } from './binding/binding-reporter.ts';
import { Finalizers } from './binding/finalizers.ts';
import { grantedTo } from './binding/granted.ts';
import { mayGoWithoutGroup } from './binding/unreadable.ts';
import {
  type BindingObject,
  type ClusterCaches,
  type GroupKey,
  groupOf,
  metadataOf,
  rememberDeparted,
  type WatchedPods,
} from './cluster/cluster-caches.ts';
import { DrainIndex } from './cluster/drain-index.ts';
import { connectPodTriggers, connectTriggers } from './cluster/triggers.ts';
import { withinLimits } from './group/decide.ts';
import { EniDirectory } from './group/eni-directory.ts';
import {
  type CacheFreshness,
  GroupController,
  type GroupControllerOptions,
} from './group/group-controller.ts';
import { GroupWriter, type WriteHooks } from './group/group-writer.ts';
import { GroupNames } from './naming/group-names.ts';
import { ReadinessGates, type ReadinessGatesHooks } from './readiness/readiness-gates.ts';

export const CONTROLLER = 'vservergroup';

const FINALIZER_RETRY_MS = 1_000;
/** A big group's look-ups are answered a hundred at a time: planned after each answer, 10,000 members took 11 s of the loop. */
const ENI_ANSWERS_SHARE_MS = 10;
/** Longer than the cache takes to show the newer object. */
const OUTDATED_RETRY_MS = 100;

export interface GroupLoopOptions extends Omit<GroupControllerOptions, 'rowsPerCall' | 'longestDescription'> {
  /** Rows that one call carries; fewer where the kind of group takes fewer. */
  readonly maxRowsPerCall: number;
  /** Of bindings that name none. */
  readonly region: string;
  /** There are no bindings that this process does not see. */
  readonly seesAll: boolean;
}

/** All that the loop touches outside itself. */
export interface GroupLoopPorts {
  readonly caches: ClusterCaches & { readonly pods: WatchedPods };
  /** With --readiness-gates: the pods that have ours, until that is settled. */
  readonly unsettledPods?: Store<GatedPodObject>;
  readonly groups: ServerGroups;
  readonly resolver: EniResolver;
  /** Calls back whenever credentials are other ones than before: the sessions of this role, or the operator's own. */
  readonly onCredentialsChanged: (listener: (role: AssumedRole | undefined) => void) => void;
  /** For finalizers and readiness gates. */
  readonly transport: Pick<KubeTransport, 'request'>;
  readonly status: StatusSink;
  readonly events: EventSink;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Asked before each write: false as soon as another replica may lead. */
  readonly mayWrite: () => boolean;
  readonly freshness: CacheFreshness;
  readonly hooks: GroupLoopHooks;
  readonly metrics?: { readonly queue: WorkQueueMetrics; readonly loop: ReconcileMetrics };
}

/** Observers of the loop's work; they change nothing. */
export interface GroupLoopHooks extends WriteHooks, ReadinessGatesHooks {
  /** A fault of the program: the group is retried. */
  onReconcileFailed(failure: ReconcileFailure<GroupKey>): void;
  /** By its name; the binding is on it from now on. */
  onGroupFound(binding: BindingObject, group: GroupRef): void;
  /** It is retried. */
  onFinalizerFailed(binding: BindingObject, error: unknown): void;
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
export function createGroupLoop(options: GroupLoopOptions, ports: GroupLoopPorts): GroupLoop {
  const { caches, clock, hooks, metrics } = ports;
  const queue = new WorkQueue<GroupKey>({
    name: CONTROLLER,
    clock,
    ...(metrics && { metrics: metrics.queue }),
  });
  const parts = createParts(options, ports, queue);
  const { controller, gates, names, lookAfterGroupless } = parts;
  connectEvents(options, ports, queue, parts);
  const loop = new ReconcileLoop<GroupKey>({
    name: CONTROLLER,
    queue,
    clock,
    ...(metrics && { metrics: metrics.loop }),
    reconcile: (group, signal) => controller.reconcile(group, signal),
    onFailure: (failure) => hooks.onReconcileFailed(failure),
  });
  return {
    queue,
    longestLeaving: () => controller.longestLeaving(),
    start() {
      loop.start();
      gates?.start();
      for (const binding of caches.bindings.list()) {
        rememberDeparted(binding, caches);
        lookAfterGroupless(binding);
        const group = groupOf(binding, options.region);
        if (group !== undefined) queue.add(group);
      }
    },
    stop(deadlineMs) {
      gates?.stop();
      names.stop();
      return loop.stop(deadlineMs);
    },
  };
}

interface Parts {
  readonly controller: GroupController;
  readonly gates: ReadinessGates | undefined;
  readonly drains: DrainIndex;
  readonly names: GroupNames;
  /** All who remember something of a binding. */
  readonly remembering: readonly { forget(binding: BindingObject): void }[];
  /** A binding on no group, since that can't be read or was not found by its name yet, is in no reconcile. */
  readonly lookAfterGroupless: (binding: BindingObject | undefined) => void;
}

function createParts(options: GroupLoopOptions, ports: GroupLoopPorts, queue: WorkQueue<GroupKey>): Parts {
  const { region, dryRun } = options;
  const { caches, groups, clock, random, mayWrite, freshness, status, hooks } = ports;
  const reporter = new BindingReporter(status, ports.events, clock);
  const memory = new BindingMemory();
  const drains = new DrainIndex();
  const enis = new EniDirectory(ports.resolver, (group) => queue.addAfter(group, ENI_ANSWERS_SHARE_MS));
  const lookAfterGroupless: Parts['lookAfterGroupless'] = (binding) => {
    if (binding === undefined || groupOf(binding, region) !== undefined) return;
    if (binding.parsed.ok) return names.lookAfter(binding);
    if (!mayWrite()) return;
    if (!dryRun && mayGoWithoutGroup(binding.parsed)) finalizers.release(binding);
    else reporter.reportGroupless(binding, binding.parsed);
  };
  const finalizers = new Finalizers(ports.transport, {
    mayWrite,
    onError: (binding, error, outdated) => {
      if (!outdated) hooks.onFinalizerFailed(binding, error);
      const ms = outdated ? OUTDATED_RETRY_MS : FINALIZER_RETRY_MS;
      const group = groupOf(binding, region);
      if (group !== undefined) queue.addAfter(group, ms);
      else clock.setTimeout(() => lookAfterGroupless(caches.bindings.get(binding.key)), ms);
    },
  });
  const names = new GroupNames(
    { region, dryRun },
    {
      ...{ bindings: caches.bindings, memory, finalizers, reporter, mayWrite, clock, random },
      list: (loadBalancer, call) => groups.list(loadBalancer, call),
      granted: (binding, loadBalancerId) =>
        grantedTo(binding, { vServerGroupId: undefined, loadBalancerId }, caches, options),
      onFound: (binding, group) => hooks.onGroupFound(binding, group),
    },
  );
  const writer = new GroupWriter({
    groups,
    enis,
    clock,
    mayWrite,
    isFresh: () => freshness.isFresh(),
    hooks,
  });
  const gates = createGates(options, ports);
  const controller = new GroupController(
    { ...options, ...withinLimits(groups.limits, options.maxRowsPerCall) },
    {
      ...{ caches, memory, groups, enis, drains, finalizers, writer, reporter, gates, names },
      ...{ freshness, clock, random },
    },
  );
  return {
    controller,
    gates,
    names,
    drains,
    remembering: [status, reporter, finalizers, memory, names],
    lookAfterGroupless,
  };
}

function createGates(
  { dryRun, readinessGates, seesAll }: GroupLoopOptions,
  { unsettledPods: pods, freshness, ...ports }: GroupLoopPorts,
): ReadinessGates | undefined {
  if (pods === undefined || !readinessGates) return undefined;
  return new ReadinessGates({ dryRun, seesAll }, { ...ports, pods, isFresh: () => freshness.isFresh() });
}

function connectEvents(
  { region }: GroupLoopOptions,
  { caches, status, onCredentialsChanged }: GroupLoopPorts,
  queue: WorkQueue<GroupKey>,
  { controller, names, drains, remembering, lookAfterGroupless }: Parts,
): void {
  // First of all who hear of a binding: what is written next is compared with what is there now.
  caches.bindings.onChange(({ old, new: now }) => {
    // The store of the API server has gone back: what was written since is not there any more.
    if (old !== undefined && now !== undefined && isOlder(now.resourceVersion, old.resourceVersion))
      status.forget(old);
    if (now !== undefined) {
      status.observed(now);
      names.observed(old, now);
    } else if (old !== undefined) for (const one of remembering) one.forget(old);
  });
  onCredentialsChanged((role) => {
    for (const group of controller.credentialsChanged(role)) queue.add(group);
  });
  const enqueue = (group: GroupKey) => {
    controller.noteChange(group);
    queue.add(group, 'high');
  };
  connectTriggers(caches, region, enqueue);
  caches.pods.onChange(connectPodTriggers(caches, region, enqueue, (uid) => drains.groupsOf(uid)));
  caches.pods.onSynced((namespace) => {
    for (const binding of caches.bindings.byIndex('namespace', namespace)) {
      rememberDeparted(binding, caches);
      const group = groupOf(binding, region);
      if (group !== undefined) queue.add(group);
    }
  });
  // Of bindings that are on a group connectTriggers knows.
  caches.namespaces.onChange(({ old, new: now }) => {
    for (const binding of caches.bindings.byIndex('namespace', (now ?? old)?.key ?? ''))
      lookAfterGroupless(binding);
  });
  caches.bindings.onChange(({ old, new: now }) => {
    if (now === undefined) return;
    lookAfterGroupless(now);
    const group = groupOf(now, region);
    if (group !== undefined && controller.awaitsStatus(group)) queue.add(group, 'high');
    if (group !== undefined && generationOf(old) !== generationOf(now)) controller.forgetFailures(group);
  });
}

function generationOf(object: BindingObject | undefined): number | undefined {
  return object && metadataOf(object).generation;
}
