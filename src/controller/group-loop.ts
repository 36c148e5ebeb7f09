import { type Clock, WallTimes } from '../clock.ts';
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
import { type FinalizerHooks, Finalizers } from './binding/finalizers.ts';
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

/** A big group's lookups are answered a hundred at a time. With a plan after each answer, 10,000 members took 11 s of the loop. */
const ENI_ANSWERS_SHARE_MS = 10;

export interface GroupLoopOptions
  extends Omit<GroupControllerOptions, 'rowsPerCall' | 'longestDescription' | 'opensGates'> {
  /** Maximum rows per call; lower where the kind of group accepts fewer. */
  readonly maxRowsPerCall: number;
  /** The region of bindings that name none. */
  readonly region: string;
  /** Opens the readiness gates of pods once the pods are in their groups; in a dry run at once. */
  readonly readinessGates: boolean;
  /** This process sees all bindings of the cluster. */
  readonly seesAll: boolean;
}

/** Everything outside the loop that it uses. */
export interface GroupLoopPorts {
  readonly caches: ClusterCaches & { readonly pods: WatchedPods };
  /** With --readiness-gates: the pods that have one of our gates, until the gates are settled. */
  readonly unsettledPods?: Store<GatedPodObject>;
  readonly groups: ServerGroups;
  readonly resolver: EniResolver;
  /** Calls the listener whenever credentials have changed: those of the role's sessions, or (undefined) the operator's own. */
  readonly onCredentialsChanged: (listener: (role: AssumedRole | undefined) => void) => void;
  /** Calls the listener whenever a closed namespace is open again. */
  readonly onNamespaceOpened: (listener: (namespace: string) => void) => void;
  /** For finalizers and readiness gates. */
  readonly transport: Pick<KubeTransport, 'request'>;
  readonly status: StatusSink;
  readonly events: EventSink;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Called before each write: false as soon as another replica may lead. */
  readonly mayWrite: () => boolean;
  readonly freshness: CacheFreshness;
  readonly hooks: GroupLoopHooks;
  readonly metrics?: { readonly queue: WorkQueueMetrics; readonly loop: ReconcileMetrics };
}

/** Observers of the loop's work; they change nothing. */
export interface GroupLoopHooks extends WriteHooks, ReadinessGatesHooks {
  /** A bug: the group is retried. */
  onReconcileFailed(failure: ReconcileFailure<GroupKey>): void;
  /** The binding's group was found by its name; the binding is on that group from now on. */
  onGroupFound(binding: BindingObject, group: GroupRef): void;
  /** The operator retries automatically. */
  onFinalizerFailed: FinalizerHooks['onFailed'];
}

export interface GroupLoop {
  readonly queue: WorkQueue<GroupKey>;
  /** See GroupController. */
  longestLeaving: GroupController['longestLeaving'];
  /** Starts reconciling: every group once, then every group with a change. */
  start(): void;
  /** Waits up to `deadlineMs` for calls in flight. Returns the groups that are not done by then. */
  stop(deadlineMs: number): Promise<readonly GroupKey[]>;
}

/** Connects the events of the caches to the groups that they concern, and the groups to the loop that reconciles them. */
export function createGroupLoop(options: GroupLoopOptions, ports: GroupLoopPorts): GroupLoop {
  const { caches, clock, hooks, metrics } = ports;
  const queue = new WorkQueue<GroupKey>({
    name: CONTROLLER,
    clock,
    ...(metrics && { metrics: metrics.queue }),
  });
  const parts = createParts(options, ports, queue);
  const { controller, gates, names, finalizers, lookAfterGroupless } = parts;
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
        if (group === undefined) continue;
        controller.grantsChanged(group);
        queue.add(group);
      }
    },
    stop(deadlineMs) {
      gates?.stop();
      names.stop();
      finalizers.stop();
      return loop.stop(deadlineMs);
    },
  };
}

interface Parts {
  readonly controller: GroupController;
  readonly gates: ReadinessGates | undefined;
  readonly drains: DrainIndex;
  readonly names: GroupNames;
  readonly finalizers: Finalizers;
  /** Everything that remembers something about a binding. */
  readonly remembering: readonly { forget(binding: BindingObject): void }[];
  /**
   * Looks after a binding that is on no group, because it can't be read or its group was not found by name yet: no reconcile
   * covers such a binding.
   */
  readonly lookAfterGroupless: (binding: BindingObject | undefined) => void;
}

function createParts(options: GroupLoopOptions, ports: GroupLoopPorts, queue: WorkQueue<GroupKey>): Parts {
  const { region, dryRun } = options;
  const { caches, groups, clock, random, mayWrite, freshness, status, hooks } = ports;
  const times = new WallTimes(clock);
  const reporter = new BindingReporter(status, ports.events, times);
  const memory = new BindingMemory(times);
  const drains = new DrainIndex();
  const enis = new EniDirectory(ports.resolver, (group) => queue.addAfter(group, ENI_ANSWERS_SHARE_MS));
  const lookAfterGroupless: Parts['lookAfterGroupless'] = (binding) => {
    if (binding === undefined || groupOf(binding, region) !== undefined) return;
    if (caches.closedNamespaces.has(binding.namespace)) return;
    const failure = finalizers.failureOf(binding);
    if (failure?.write === 'remove' && mayWrite()) reporter.reportUnreleased(binding, failure);
    if (binding.parsed.ok) return names.lookAfter(binding);
    if (!mayWrite()) return;
    if (!dryRun && mayGoWithoutGroup(binding.parsed)) finalizers.release(binding);
    else reporter.reportGroupless(binding, binding.parsed);
  };
  const finalizers = new Finalizers(ports.transport, clock, {
    mayWrite,
    onFailed: hooks.onFinalizerFailed,
    lookAgain: (binding) => {
      const group = groupOf(binding, region);
      if (group !== undefined) queue.add(group);
      else lookAfterGroupless(caches.bindings.get(binding.key));
    },
  });
  const gates = createGates(options, ports);
  const names = new GroupNames(
    { region, dryRun },
    {
      ...{
        bindings: caches.bindings,
        closedNamespaces: caches.closedNamespaces,
        memory,
        finalizers,
        reporter,
        gates,
        mayWrite,
        clock,
        random,
      },
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
  const controller = new GroupController(
    {
      ...options,
      opensGates: options.readinessGates && !dryRun,
      ...withinLimits(groups.limits, options.maxRowsPerCall),
    },
    {
      ...{ caches, memory, groups, enis, drains, finalizers, writer, reporter, gates, names },
      ...{ freshness, clock, random },
    },
  );
  return {
    controller,
    gates,
    names,
    finalizers,
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
  { caches, status, mayWrite, onCredentialsChanged, onNamespaceOpened }: GroupLoopPorts,
  queue: WorkQueue<GroupKey>,
  { controller, gates, names, drains, remembering, lookAfterGroupless }: Parts,
): void {
  const add = (binding: BindingObject) => {
    const group = groupOf(binding, region);
    if (group !== undefined) queue.add(group);
  };
  // This listener comes first: what the others write next is compared with the binding as it is now.
  caches.bindings.onChange(({ old, new: now }) => {
    // The API server's store was set back: what was written since is lost.
    if (old !== undefined && now !== undefined && isOlder(now.resourceVersion, old.resourceVersion)) {
      status.lost(old);
      add(now);
    }
    if (now !== undefined) {
      status.observed(now);
      names.observed(old, now);
    } else if (old !== undefined) for (const one of remembering) one.forget(old);
  });
  onCredentialsChanged((role) => {
    for (const group of controller.credentialsChanged(role)) queue.add(group);
    names.credentialsChanged(role);
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
      add(binding);
    }
  });
  onNamespaceOpened((namespace) => {
    for (const binding of caches.bindings.byIndex('namespace', namespace)) {
      rememberDeparted(binding, caches);
      lookAfterGroupless(binding);
    }
    // Of all namespaces: until now `Exclusive` had no effect.
    caches.bindings.list().forEach(add);
    gates?.judgeAll(namespace);
  });
  // connectTriggers enqueues the groups.
  caches.namespaces.onChange(({ old, new: now }) => {
    for (const binding of caches.bindings.byIndex('namespace', (now ?? old)?.key ?? '')) {
      lookAfterGroupless(binding);
      const group = groupOf(binding, region);
      if (group !== undefined && old?.annotation !== now?.annotation && mayWrite())
        controller.grantsChanged(group);
    }
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
