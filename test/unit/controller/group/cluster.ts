import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import { FINALIZER, GRANTS_ANNOTATION } from '../../../../src/api/names.ts';
import { ownershipTag } from '../../../../src/api/ownership-tag.ts';
import type { AssumedRole } from '../../../../src/cloud/group-ref.ts';
import type { ServerGroups } from '../../../../src/cloud/server-groups.ts';
import type { StatusSink } from '../../../../src/controller/binding/binding-reporter.ts';
import {
  addIndexes,
  type BindingObject,
  transformBinding,
  type WatchedPods,
} from '../../../../src/controller/cluster/cluster-caches.ts';
import { KnownNodes } from '../../../../src/controller/cluster/known-nodes.ts';
import { NamespacePods } from '../../../../src/controller/cluster/namespace-pods.ts';
import { type NamespaceObject, transformNamespace } from '../../../../src/controller/cluster/namespaces.ts';
import {
  createGroupLoop,
  type GroupLoop,
  type GroupLoopHooks,
} from '../../../../src/controller/group-loop.ts';
import { Store } from '../../../../src/kubernetes/informer/store.ts';
import {
  type EndpointsObject,
  type GatedPodObject,
  isSettled,
  type NodeObject,
  type PodObject,
  type ServiceObject,
} from '../../../../src/kubernetes/objects/objects.ts';
import { FakeEnis, FakeVServerGroups } from './fake-cloud.ts';

const REGION = 'cn-hangzhou';
export const GROUP = 'rsp-1';
export const CLUSTER_ID = 'cluster-1';

type Status = Parameters<StatusSink['write']>[1];

export interface TestClusterOptions<Groups> {
  readonly dryRun?: boolean;
  readonly readinessGates?: boolean;
  readonly requireGrants?: boolean;
  readonly assumableRoles?: readonly string[];
  /** Whether the operator sees all bindings. Default: true. */
  readonly seesAll?: boolean;
  /** Whether its groups report the health of their backends. Default: true. */
  readonly tellsHealth?: boolean;
  /** The clock of another replica that manages the same groups. */
  readonly clock?: FakeClock;
  /** Default: one vServer group. */
  readonly groups?: Groups;
  readonly defaultDrainSeconds?: number;
}

/**
 * The group loop as shipped, with everything around it except the network: real stores, a clock that stands still until advanced,
 * and the cloud and the API server in memory.
 */
export class TestCluster<Groups extends ServerGroups = FakeVServerGroups> {
  readonly clock: FakeClock;
  readonly groups: Groups;
  readonly enis = new FakeEnis();
  readonly events: string[] = [];
  readonly statuses = new Map<string, Status>();
  /** How many statuses differed from the one before. */
  statusChanges = 0;
  /** Conditions written without the rest of the status, as `type reason`, by binding. */
  readonly conditions = new Map<string, readonly string[]>();
  /** Bindings that were reported to the status sink as gone. */
  readonly forgotten: string[] = [];
  readonly failures: {
    readonly action: string;
    readonly kind: string;
    readonly attempts: number;
    readonly retryInMs: number;
  }[] = [];
  readonly delays: number[] = [];
  readonly patched: string[] = [];
  /** How the API server responds to a patch of finalizers or a gate; throws to reject it. */
  answerPatch: (path: string) => void = () => {};
  /** Bindings whose finalizer was reported to the loop as unwritable. */
  readonly unpatched: string[] = [];
  readonly reads: string[] = [];
  readonly corrected: string[] = [];
  /** Bindings whose written statuses are to be forgotten. */
  readonly lost: string[] = [];
  /** What a dry run would have sent. */
  readonly withheld: string[] = [];
  /** Groups that were found by name, as `binding group`. */
  readonly found: string[] = [];
  readonly bugs: unknown[] = [];
  credentialsChanged: (role?: AssumedRole) => void = () => {};
  mayWrite = true;
  /** The process stalled until now; the caches may be stale until `catchesUp`. */
  stall(): void {
    this.#stalled = Promise.withResolvers();
  }
  catchesUp(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }
  #stalled: PromiseWithResolvers<void> | undefined;
  /** Whether the API server accepts statuses; if so, its watch shows them at once. */
  showsStatus = false;
  /** The pods of the API server; the operator's cache of them is `#unsettledPods`. */
  readonly gatedPods = new Store<GatedPodObject>();
  readonly #unsettledPods = new Store<GatedPodObject>();
  /** Whether the watch shows gate writes at once. */
  showsGates = true;
  /** Whether something in the API server drops gate writes. */
  dropsGates = false;
  /** Gate writes, as `name status reason` with the pod's name. */
  readonly gates: string[] = [];
  readonly #pods = new Store<PodObject>();
  readonly #namespacePods = new NamespacePods(this.#pods, () => String(this.#version));
  podsKnown = true;
  readonly #nodes = new Store<NodeObject>();
  readonly caches = {
    bindings: new Store<BindingObject>(),
    services: new Store<ServiceObject>(),
    endpoints: new Store<EndpointsObject>(),
    nodes: this.#nodes,
    knownNodes: new KnownNodes(this.#nodes, {
      now: () => this.clock.now(),
      wall: () => this.clock.wall(),
    }),
    namespaces: new Store<NamespaceObject>(),
    pods: this.#watchedPods(),
    closedNamespaces: new Set<string>(),
  };
  #namespaceOpened: (namespace: string) => void = () => {};
  readonly #loop: GroupLoop;
  #podsSynced: (namespace: string) => void = () => {};
  #version = 0;

  constructor(options: TestClusterOptions<Groups> = {}) {
    this.clock = options.clock ?? new FakeClock(1_000);
    this.groups = options.groups ?? (new FakeVServerGroups(this.clock) as ServerGroups as Groups);
    if (options.tellsHealth === false) Object.assign(this.groups, { describeHealth: undefined });
    addIndexes(this.caches, REGION);
    this.gatedPods.onChange(({ old, new: now }) => {
      if (now !== undefined && !isSettled(now)) this.#unsettledPods.set(now);
      else this.#unsettledPods.remove((now ?? old)?.key ?? '');
    });
    this.#loop = createGroupLoop(
      {
        clusterId: CLUSTER_ID,
        region: REGION,
        seesAll: options.seesAll ?? true,
        defaultDrainSeconds: options.defaultDrainSeconds ?? 0,
        excludeCordonedNodes: false,
        localWeights: false,
        unreadyShare: 0.55,
        unreadyToleranceMs: 5_000,
        writeSpacingMs: 100,
        addWindowMs: 250,
        maxRowsPerCall: 20,
        resyncMs: 300_000,
        readinessGates: options.readinessGates ?? false,
        requireGrants: options.requireGrants ?? false,
        assumableRoles: options.assumableRoles ?? [],
        dryRun: options.dryRun ?? false,
      },
      {
        caches: this.caches,
        unsettledPods: this.#unsettledPods,
        groups: this.groups,
        resolver: this.enis,
        onCredentialsChanged: (listener) => {
          this.credentialsChanged = listener;
        },
        onNamespaceOpened: (listener) => {
          this.#namespaceOpened = listener;
        },
        transport: { request: async (_, path, request) => this.#patch(path, request?.body) as never },
        status: this.#statusSink(),
        events: { record: ({ reason, note }) => void this.events.push(`${reason}: ${note}`) },
        clock: this.clock,
        random: () => 0.5,
        mayWrite: () => this.mayWrite,
        freshness: {
          isFresh: () => this.#stalled === undefined,
          untilFresh: async () => await this.#stalled?.promise,
        },
        hooks: this.#hooks(),
      },
    );
    for (const name of ['node-0', 'node-1']) this.node(name);
  }

  /** In milliseconds, for each group. */
  longestLeaving(): readonly number[] {
    return [...this.#loop.longestLeaving()].map(({ ms }) => ms);
  }

  get queue(): GroupLoop['queue'] {
    return this.#loop.queue;
  }

  start(): void {
    this.#loop.start();
  }

  /** The namespace may be read again. */
  open(namespace: string): void {
    this.caches.closedNamespaces.delete(namespace);
    this.#namespaceOpened(namespace);
  }

  /** Throws any error of a reconcile so far: a reconcile throws only on a bug. */
  async stop(): Promise<void> {
    const stopped = this.#loop.stop(60_000);
    await this.clock.advance(60_000);
    await stopped;
    for (const bug of this.bugs) throw bug;
  }

  /** Advances the clock by `ms` and lets everything due happen. */
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
      transformBinding({
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

  /** The watch shows the latest written status. */
  showStatus(name = 'web'): void {
    const object = this.caches.bindings.get(`shop/${name}`);
    const status = this.statuses.get(name);
    if (!object?.parsed.ok || status === undefined) return;
    const binding = { ...object.parsed.binding, status };
    this.caches.bindings.set({
      ...object,
      resourceVersion: this.#next(),
      parsed: { ...object.parsed, binding },
    });
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
      selects: true,
      selector: { app: 'web' },
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      ...fields,
    });
  }

  /** Sets the Service's ready pods, by address; each address has its own pod unless `pods` names another one for it. */
  endpoints(
    ips: readonly string[],
    pods: Readonly<Record<string, string>> = {},
    nodes: Readonly<Record<string, string>> = {},
    portName = 'http',
  ): void {
    const uidOf = (ip: string) => pods[ip] ?? `pod-${ip}`;
    for (const ip of ips) if (this.gatedPods.get(`shop/${uidOf(ip)}`) === undefined) this.pod(uidOf(ip));
    this.caches.endpoints.set({
      key: 'shop/web-1',
      namespace: 'shop',
      name: 'web-1',
      resourceVersion: this.#next(),
      serviceName: 'web',
      overCapacity: false,
      source: 'EndpointSlice',
      byKubernetes: true,
      subsets: [
        {
          ports: [{ name: portName, port: 8080 }],
          addresses: ips.map((ip) => ({
            ip,
            ready: true,
            serving: true,
            terminating: false,
            nodeName: nodes[ip] ?? 'node-0',
            pod: { namespace: 'shop', name: uidOf(ip), uid: uidOf(ip) },
          })),
        },
      ],
    });
  }

  /** Rewrites what `endpoints` has set. */
  relist(change: (list: EndpointsObject) => Partial<EndpointsObject>): void {
    const list = this.caches.endpoints.get('shop/web-1');
    if (list === undefined) throw new Error('nothing is listed');
    this.caches.endpoints.set({ ...list, resourceVersion: this.#next(), ...change(list) });
  }

  /** Hands what `endpoints` has set over to another Service, with a binding; both have this name. */
  handOver(name: string): void {
    this.relist(() => ({ key: `shop/${name}-1`, name: `${name}-1`, serviceName: name }));
    this.caches.endpoints.remove('shop/web-1');
    this.service({ key: `shop/${name}`, name });
    this.bind(name, { serviceRef: { name, port: 80 } });
  }

  /** Moves the Service's endpoints to another port. */
  moveTo(port: number): void {
    this.relist(({ subsets }) => ({
      subsets: subsets.map((subset) => ({ ...subset, ports: [{ name: 'http', port }] })),
    }));
  }

  pod(uid: string, annotations: Record<string, string> = {}, fields: Partial<PodObject> = {}): void {
    const [namespace, name, resourceVersion] = ['shop', uid, this.#next()];
    this.setPod({
      key: `${namespace}/${name}`,
      namespace,
      name,
      uid,
      resourceVersion,
      terminating: false,
      ended: false,
      ready: true,
      able: true,
      holdSeconds: 0,
      ips: [],
      annotations,
      ...fields,
    });
  }

  setPod(pod: PodObject): void {
    this.#pods.set(pod);
  }

  podIsGone(uid: string): void {
    this.#pods.remove(`shop/${uid}`);
  }

  /** Sets the grants annotation of a namespace; undefined removes it. */
  grant(annotation: string | undefined, name = 'shop'): void {
    const annotations = annotation === undefined ? {} : { [GRANTS_ANNOTATION]: annotation };
    const metadata = { name, resourceVersion: this.#next(), annotations };
    this.caches.namespaces.set(transformNamespace({ metadata }));
  }

  node(name: string, fields: Partial<NodeObject> = {}): void {
    this.caches.nodes.set({
      key: name,
      name,
      uid: `uid-${name}`,
      resourceVersion: this.#next(),
      labels: {},
      providerID: `cn-hangzhou.i-${name}`,
      unschedulable: false,
      ready: true,
      readyTransitionTime: 0,
      shuttingDown: false,
      expiring: false,
      internalIPs: [],
      taintKeys: [],
      ...fields,
    });
  }

  unbind(name = 'web'): void {
    this.caches.bindings.remove(`shop/${name}`);
  }

  /** From now on the pods are known, as after their first list. */
  podsAreListed(): void {
    this.podsKnown = true;
    this.#podsSynced('shop');
  }

  #watchedPods(): WatchedPods {
    return {
      in: () => (this.podsKnown ? this.#namespacePods : undefined),
      onChange: (handler) => void this.#pods.onChange(handler),
      onSynced: (listener) => {
        this.#podsSynced = listener;
      },
    };
  }

  #statusSink(): StatusSink {
    return {
      write: ({ name }, next) => {
        const isNew = JSON.stringify(this.statuses.get(name)) !== JSON.stringify(next);
        this.statuses.set(name, next);
        if (isNew) this.statusChanges++;
        if (isNew && this.showsStatus) this.showStatus(name);
      },
      writeConditions: ({ name }, { conditions }) =>
        void this.conditions.set(
          name,
          conditions.map(({ type, reason }) => `${type} ${reason}`),
        ),
      observed: () => {},
      lost: ({ name }) => void this.lost.push(name),
      forget: ({ name }) => void this.forgotten.push(name),
    };
  }

  #hooks(): GroupLoopHooks {
    return {
      onWritten: (_group, _batch, _request, delays) => void this.delays.push(...delays),
      onFailed: (_group, action, { kind }, attempts, retryInMs) =>
        void this.failures.push({ action, kind, attempts, retryInMs }),
      onRead: (_group, reason) => void this.reads.push(reason),
      onDriftCorrected: (drift) => void this.corrected.push(drift),
      onWithheld: (_group, { action, changes }) =>
        void this.withheld.push(
          [action, ...changes.map(({ row }) => `${row.serverIp ?? row.serverId}`)].join(' '),
        ),
      onGateWritten: () => {},
      onGateFailed: ({ name }) => void this.unpatched.push(name),
      onGroupFound: ({ name }, { id }) => void this.found.push(`${name} ${id}`),
      onReconcileFailed: ({ error }) => {
        this.bugs.push(error);
      },
      onFinalizerFailed: ({ name }) => void this.unpatched.push(name),
    };
  }

  #patch(path: string, body: unknown): object {
    this.answerPatch(path);
    if (path.endsWith('/status')) return this.#patchGate(path, body);
    const { finalizers } = (body as { metadata: { finalizers: readonly string[] } }).metadata;
    this.patched.push(`${path.split('/').at(-1)} ${JSON.stringify(finalizers)}`);
    return {};
  }

  /** Behaves as the API server and the kubelet do: a pod that waited for its gate only becomes Ready. */
  #patchGate(path: string, body: unknown): object {
    const key = path.replace(/^.*namespaces\/([^/]+)\/pods\/([^/]+)\/status$/, '$1/$2');
    const { conditions } = (body as { status: { conditions: readonly [{ status: string; reason: string }] } })
      .status;
    const [{ status, reason }] = conditions;
    this.gates.push(`${key.split('/')[1]} ${status} ${reason}`);
    const pod = this.gatedPods.get(key);
    if (this.dropsGates) return { metadata: { resourceVersion: pod?.resourceVersion } };
    const resourceVersion = this.#next();
    const gate = { open: status === 'True', reason };
    if (pod !== undefined && this.showsGates) this.gatedPods.set({ ...pod, resourceVersion, gate });
    const known = this.#pods.get(key);
    if (known !== undefined && pod !== undefined)
      this.#pods.set({
        ...known,
        resourceVersion,
        ready: pod.registrable && gate.open,
        able: pod.registrable && gate.open,
      });
    return { metadata: { resourceVersion } };
  }

  /** A pod with our gate, shown by both caches. By default its containers have just become ready. */
  gatedPod(name: string, change: Partial<GatedPodObject> = {}): void {
    const key = `shop/${name}`;
    const before = this.gatedPods.get(key);
    const resourceVersion = this.#next();
    const pod: GatedPodObject = {
      ...{ key, namespace: 'shop', name, uid: name, labels: { app: 'web' } },
      ...{ leaving: false, registrable: true, gate: undefined },
      ...before,
      ...change,
      resourceVersion,
    };
    const able = pod.registrable && (pod.gate?.open ?? false);
    this.pod(name, {}, { ready: able, able, registrable: pod.registrable, terminating: pod.leaving });
    this.gatedPods.set(pod);
  }

  #next(): string {
    return String(++this.#version);
  }
}

/** A row that the binding `shop/<name>` added. */
export function ownRow(ip: string, weight = 100, name = 'web') {
  const description = ownershipTag(CLUSTER_ID, 'shop', name, 80);
  return { serverId: `eni-${ip}`, serverIp: ip, port: 8080, type: 'eni' as const, weight, description };
}

export function addresses(count: number, first = 1): string[] {
  return Array.from(
    { length: count },
    (_, i) => `10.0.${Math.floor((first + i) / 200)}.${(first + i) % 200}`,
  );
}
