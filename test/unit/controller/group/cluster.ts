import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import { FINALIZER } from '../../../../src/api/names.ts';
import { ownershipTag } from '../../../../src/api/ownership-tag.ts';
import {
  BindingReporter,
  type EventSink,
  type StatusSink,
} from '../../../../src/controller/binding/binding-reporter.ts';
import { Finalizers } from '../../../../src/controller/binding/finalizers.ts';
import {
  addIndexes,
  addPodIndexes,
  type BindingObject,
  type ClusterCaches,
  type GroupKey,
  groupKey,
  trimBinding,
} from '../../../../src/controller/cluster/cluster-caches.ts';
import { DrainIndex } from '../../../../src/controller/cluster/drain-index.ts';
import { connectPodTriggers, connectTriggers } from '../../../../src/controller/cluster/triggers.ts';
import { EniDirectory } from '../../../../src/controller/group/eni-directory.ts';
import { GroupController } from '../../../../src/controller/group/group-controller.ts';
import { GroupWriter } from '../../../../src/controller/group/group-writer.ts';
import { Store } from '../../../../src/kubernetes/informer/store.ts';
import type {
  EndpointsObject,
  NodeObject,
  PodObject,
  ServiceObject,
} from '../../../../src/kubernetes/objects/objects.ts';
import { ReconcileLoop } from '../../../../src/kubernetes/queue/reconcile-loop.ts';
import { WorkQueue } from '../../../../src/kubernetes/queue/work-queue.ts';
import { FakeEnis, FakeLimiter, FakeSlb } from './fake-cloud.ts';

const REGION = 'cn-hangzhou';
export const GROUP = 'rsp-1';
export const CLUSTER_ID = 'cluster-1';

type Status = Parameters<StatusSink['write']>[1];

/**
 * The controller with everything around it that is not the network: real stores, triggers, queue and loop; a clock that
 * stands still until told; the cloud in memory.
 */
export class TestCluster {
  readonly clock = new FakeClock(1_000);
  readonly slb = new FakeSlb(this.clock);
  readonly enis = new FakeEnis();
  readonly limiter = new FakeLimiter();
  readonly events: string[] = [];
  readonly statuses = new Map<string, Status>();
  /** By binding: the conditions that were written without the rest, as `type reason`. */
  readonly conditions = new Map<string, readonly string[]>();
  readonly delays: number[] = [];
  readonly patched: string[] = [];
  readonly reads: string[] = [];
  readonly corrected: string[] = [];
  /** What a dry run would have sent. */
  readonly withheld: string[] = [];
  /** Milliseconds, for each group. */
  readonly longestLeaving: () => readonly number[];
  mayWrite = true;
  readonly #pods = addPodIndexes(new Store<PodObject>());
  podsKnown = true;
  readonly caches: ClusterCaches;
  readonly #loop: ReconcileLoop<GroupKey>;
  readonly #queue: WorkQueue<GroupKey>;
  #version = 0;
  #nodeNames = new Set<string>();

  constructor(options: { readonly dryRun?: boolean; readonly defaultDrainSeconds?: number } = {}) {
    const { clock } = this;
    this.caches = {
      bindings: new Store<BindingObject>(),
      services: new Store<ServiceObject>(),
      endpoints: new Store<EndpointsObject>(),
      nodes: new Store<NodeObject>(),
      pods: { in: () => (this.podsKnown ? this.#pods : undefined) },
    };
    addIndexes(this.caches, REGION);
    this.#queue = new WorkQueue<GroupKey>({ name: 'test', clock });
    const enqueue = (key: GroupKey) => {
      controller.noteChange(key);
      this.#queue.add(key, 'high');
    };
    const drains = new DrainIndex();
    const status: StatusSink = {
      write: ({ name }, next) => void this.statuses.set(name, next),
      writeConditions: ({ name }, { conditions }) =>
        void this.conditions.set(
          name,
          conditions.map(({ type, reason }) => `${type} ${reason}`),
        ),
    };
    const events: EventSink = { record: ({ reason, note }) => void this.events.push(`${reason}: ${note}`) };
    const enis = new EniDirectory(this.enis, (key) => this.#queue.add(key));
    const transport = {
      request: async (_: string, path: string, { body }: { body?: unknown } = {}) => {
        this.patched.push(
          `${path.split('/').at(-1)} ${JSON.stringify((body as { metadata: { finalizers: string[] } }).metadata.finalizers)}`,
        );
        return {};
      },
    };
    const random = () => 0.5;
    const controller = new GroupController(
      {
        clusterId: CLUSTER_ID,
        defaultDrainSeconds: options.defaultDrainSeconds ?? 0,
        excludeCordonedNodes: false,
        localWeights: false,
        writeSpacingMs: 100,
        addWindowMs: 250,
        batchSize: 20,
        resyncMs: 300_000,
        dryRun: options.dryRun ?? false,
      },
      {
        caches: this.caches,
        limiter: this.limiter,
        enis,
        drains,
        clock,
        random,
        finalizers: new Finalizers(transport as never, { mayWrite: () => true, onError: () => {} }),
        reporter: new BindingReporter(status, events, clock),
        writer: new GroupWriter({
          slb: this.slb,
          enis,
          clock,
          random,
          mayWrite: () => this.mayWrite,
          hooks: {
            onWritten: (_group, _batch, _request, delays) => void this.delays.push(...delays),
            onFailed: () => {},
            onRead: (_group, reason) => void this.reads.push(reason),
            onDriftCorrected: (drift) => void this.corrected.push(drift),
            onWithheld: (_group, { action, changes }) =>
              void this.withheld.push(
                [action, ...changes.map(({ row }) => `${row.serverIp ?? row.serverId}`)].join(' '),
              ),
          },
        }),
      },
    );
    this.longestLeaving = () => [...controller.longestLeaving()].map(({ ms }) => ms);
    connectTriggers(this.caches, REGION, enqueue);
    this.#pods.onChange(connectPodTriggers(this.caches, REGION, enqueue, (uid) => drains.groupsOf(uid)));
    this.caches.bindings.onChange(({ new: now }) => {
      if (now !== undefined) controller.forgetFailures(groupKey(REGION, GROUP));
    });
    this.#loop = new ReconcileLoop<GroupKey>({
      name: 'test',
      queue: this.#queue,
      clock,
      reconcile: async (key, signal) => {
        const ms = await controller.reconcile(key, signal);
        return ms === undefined ? 'done' : { requeueAfterMs: ms };
      },
      onFailure: ({ error }) => {
        throw error;
      },
    });
    for (const name of ['node-0', 'node-1']) this.node(name);
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    const stopped = this.#loop.stop(60_000);
    await this.clock.advance(60_000);
    await stopped;
  }

  /** Lets everything happen that needs no time, or so much. */
  async after(ms = 0): Promise<void> {
    await this.clock.advance(ms);
    await settle();
  }

  bind(
    name = 'web',
    spec: Record<string, unknown> = {},
    metadata: Record<string, unknown> = {},
    status?: object,
  ): void {
    this.caches.bindings.set(
      trimBinding({
        metadata: {
          namespace: 'shop',
          name,
          uid: `uid-${name}`,
          resourceVersion: this.#next(),
          generation: this.#version,
          finalizers: [FINALIZER],
          ...metadata,
        },
        spec: { vServerGroupId: GROUP, serviceRef: { name: 'web', port: 80 }, ...spec },
        ...(status && { status }),
      }),
    );
    if (this.caches.services.get('shop/web') === undefined) this.service();
  }

  service(fields: Partial<ServiceObject> = {}): void {
    this.caches.services.set({
      key: 'shop/web',
      namespace: 'shop',
      name: 'web',
      uid: 'uid-service',
      resourceVersion: this.#next(),
      type: 'ClusterIP',
      publishNotReadyAddresses: false,
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
      ...fields,
    });
  }

  /** The Service's ready pods, by address; each is a pod of its own (`pods` names another one for an address). */
  endpoints(ips: readonly string[], pods: Readonly<Record<string, string>> = {}): void {
    const uidOf = (ip: string) => pods[ip] ?? `pod-${ip}`;
    for (const ip of ips) this.pod(uidOf(ip));
    this.caches.endpoints.set({
      key: 'shop/web-1',
      namespace: 'shop',
      name: 'web-1',
      resourceVersion: this.#next(),
      serviceName: 'web',
      overCapacity: false,
      source: 'EndpointSlice',
      subsets: [
        {
          ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
          addresses: ips.map((ip) => ({
            ip,
            ready: true,
            serving: true,
            terminating: false,
            nodeName: 'node-0',
            pod: { namespace: 'shop', name: uidOf(ip), uid: uidOf(ip) },
          })),
        },
      ],
    });
  }

  pod(uid: string, annotations: Record<string, string> = {}): void {
    const [namespace, name, resourceVersion] = ['shop', uid, this.#next()];
    this.#pods.set({
      key: `${namespace}/${name}`,
      namespace,
      name,
      uid,
      resourceVersion,
      deleting: false,
      annotations,
    });
  }

  podIsGone(uid: string): void {
    this.#pods.remove(`shop/${uid}`);
  }

  node(name: string, fields: Partial<NodeObject> = {}): void {
    this.#nodeNames.add(name);
    this.caches.nodes.set({
      key: name,
      name,
      uid: `uid-${name}`,
      resourceVersion: this.#next(),
      labels: {},
      providerID: `cn-hangzhou.i-${name}`,
      unschedulable: false,
      ready: true,
      internalIPs: [],
      taintKeys: [],
      deleting: false,
      ...fields,
    });
  }

  #next(): string {
    return String(++this.#version);
  }
}

/** A row that the binding `shop/<name>` added. */
export function ownRow(ip: string, weight = 100, name = 'web') {
  const description = ownershipTag(CLUSTER_ID, 'shop', name);
  return { serverId: `eni-${ip}`, serverIp: ip, port: 8080, type: 'eni' as const, weight, description };
}

export function addresses(count: number, first = 1): string[] {
  return Array.from(
    { length: count },
    (_, i) => `10.0.${Math.floor((first + i) / 200)}.${(first + i) % 200}`,
  );
}
