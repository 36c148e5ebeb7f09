import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../../simulator/state/random.ts';
import type { ComponentName } from '../control-plane/build/build.ts';
import { Environment, OPERATOR_NAMESPACE } from '../environment/environment.ts';
import type { OperatorProcess } from '../environment/operator-process.ts';
import type { Pod, Workloads } from '../environment/workloads.ts';
import { waitUntil } from '../time/wait-until.ts';

const NODES = ['node0', 'node1', 'node2', 'node3'];
const ELECTED = [
  ...['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE, '--resync', '10s'],
  ...['--leader-elect-lease-duration', '5s', '--leader-elect-renew-deadline', '4s'],
  ...['--leader-elect-retry-period', '500ms', '--log-level', 'info'],
];
/** How long faults and churn last in a round; after that everything runs undisturbed until every group is right. */
const ROUND_MS = 25_000;
const RIGHT_WITHIN_MS = 60_000;
const MOST_REPLICAS = 8;
const PORT = 8080;

type GroupName = 'sync' | 'hand' | 'nodes' | 'others';

type Act = readonly [name: string, run: () => Promise<void>];

/**
 * While pods come and go, two replicas of the operator, the API server and etcd are killed or frozen at random; between the rounds
 * no group may hold a wrong row. `sync` is a Deployment whose pods drain; `hand` is a Service with a hand-made slice; `nodes` is a
 * Service bound by node port; `others` holds the pods of `sync`, added by something else and removed by a RemoveOnly binding. Rows
 * of `others` whose pod came and went before the status ever named its address are counted but not judged: nobody can know whose
 * they are. The seed reproduces the sequence of actions, not how the processes react.
 */
export async function chaos(durationMs: number): Promise<number> {
  const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));
  console.log(`${durationMs / 1000} s of random kills, SEED=${seed}`);
  const env = await Environment.start({ nodes: NODES, simulator: { latencyMs: 5, seed } });
  try {
    return await new Chaos(env, await env.createNamespace('chaos'), seededRandom(seed)).run(durationMs);
  } finally {
    await env.close();
  }
}

class Chaos {
  readonly #env: Environment;
  readonly #app: Workloads;
  readonly #random: () => number;
  readonly #groups: Readonly<Record<GroupName, string>>;
  #operators: OperatorProcess[] = [];
  #down = new Set<ComponentName>();
  readonly #counts = new Map<string, number>();
  /** UIDs of the pods that have been added to `others`. Each is added only once, so that a row removed by mistake stays missing. */
  readonly #added = new Set<string>();
  /** Addresses that the status of `others` has named. */
  readonly #named = new Set<string>();
  #unseen = 0;
  #nodePort = 0;
  #hand = 0;

  constructor(env: Environment, app: Workloads, random: () => number) {
    this.#env = env;
    this.#app = app;
    this.#random = random;
    const group = () => env.createGroup();
    this.#groups = { sync: group(), hand: group(), nodes: group(), others: group() };
  }

  async run(durationMs: number): Promise<number> {
    await this.#setUp();
    const end = performance.now() + durationMs;
    let rounds = 0;
    const problems: string[] = [];
    while (performance.now() < end && problems.length === 0) {
      const until = Math.min(end, performance.now() + ROUND_MS);
      await Promise.all([
        this.#go(this.#faults(), until, 2_500),
        this.#go(this.#churn(), until, 300),
        this.#go([['add to the others', () => this.#addOthers()]], until, 200),
        this.#watchNames(until),
      ]);
      await this.#heal();
      rounds++;
      const wrong = await this.#untilRight();
      if (wrong !== undefined) problems.push(wrong);
    }
    const done = [...this.#counts].map(([name, count]) => `${count} × ${name}`).join(', ');
    console.log(`${rounds} rounds: ${done}`);
    console.log(`${this.#unseen} rows of pods that no status ever named were left to whoever added them`);
    for (const problem of problems) console.log(`FAILED: ${problem}\n${await this.#evidence()}`);
    if (problems.length === 0) console.log('No wrong row at rest.');
    return problems.length === 0 ? 0 : 1;
  }

  async #setUp(): Promise<void> {
    const app = this.#app;
    await app.createApp('sync', { replicas: 4 });
    await app.createApp('nodes', { replicas: 2, service: { type: 'NodePort' } });
    await app.createService('hand', { selector: undefined });
    const path = `${app.path('api/v1', 'services')}/nodes`;
    const { spec } = await app.api.get<{ spec: { ports: readonly { nodePort: number }[] } }>(path);
    this.#nodePort = spec.ports[0]?.nodePort ?? 0;
    for (let i = 0; i < 3; i++) await this.#addByHand();
    await app.bind('sync', this.#groups.sync, { drain: { seconds: 2 } });
    await app.bind('hand', this.#groups.hand);
    await app.bind('nodes', this.#groups.nodes, { backendType: 'ecs' });
    await app.bind('others', this.#groups.others, {
      serviceRef: { name: 'sync', port: 80 },
      mode: 'RemoveOnly',
      drain: { seconds: 2 },
    });
    this.#operators = [await this.#start(), await this.#start()];
  }

  #start(): Promise<OperatorProcess> {
    return this.#env.startOperator({ flags: ELECTED, untilReady: false });
  }

  /** Performs one act after another, with random pauses. An act that fails because a server is down is skipped. */
  async #go(acts: readonly Act[], until: number, pauseMs: number): Promise<void> {
    while (performance.now() < until) {
      await delay(this.#random() * 2 * pauseMs);
      const [name, run] = acts[Math.floor(this.#random() * acts.length)] as Act;
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
      await run().catch(() => {});
    }
  }

  #faults(): readonly Act[] {
    return [
      ['kill a replica', () => this.#replace(this.#random() < 0.5 ? 0 : 1)],
      ['kill both replicas', async () => void (await Promise.all([this.#replace(0), this.#replace(1)]))],
      ['freeze a replica', () => this.#freezeReplica()],
      ['kill the API server', () => this.#restart('kube-apiserver')],
      ['kill etcd', () => this.#restart('etcd')],
      ['freeze the controllers', () => this.#freeze('kube-controller-manager')],
    ];
  }

  #churn(): readonly Act[] {
    const app = this.#app;
    return [
      ['scale', () => app.scale('sync', Math.floor(this.#random() * MOST_REPLICAS))],
      ['roll out', () => app.restart('sync')],
      ['delete a pod', () => this.#deletePod('sync')],
      ['delete a pod of the slice by hand', () => this.#deletePod('hand')],
      ['add a pod to the slice by hand', () => this.#addByHand()],
      ['drain a node', () => this.#drainNode()],
    ];
  }

  async #replace(i: number): Promise<void> {
    await this.#operators[i]?.kill();
    this.#operators[i] = await this.#start();
  }

  async #freezeReplica(): Promise<void> {
    const operator = this.#operators[this.#random() < 0.5 ? 0 : 1];
    await operator?.pause();
    await delay(500 + this.#random() * 3_500);
    operator?.signal('SIGCONT');
  }

  async #restart(component: ComponentName): Promise<void> {
    this.#down.add(component);
    await this.#env.controlPlane.stopComponent(component, 'SIGKILL');
    await delay(this.#random() * 1_500);
    await this.#env.controlPlane.startComponent(component);
    this.#down.delete(component);
  }

  async #freeze(component: ComponentName): Promise<void> {
    await this.#env.controlPlane.pause(component);
    await delay(1_000 + this.#random() * 4_000);
    this.#env.controlPlane.resume(component);
  }

  async #deletePod(app: string): Promise<void> {
    const pods = await this.#app.pods(app);
    const pod = pods[Math.floor(this.#random() * pods.length)];
    if (pod !== undefined) await this.#app.deletePod(pod.metadata.name);
  }

  /** Creates a bare pod, which the slice names from now on, whether or not the pod exists. */
  async #addByHand(): Promise<void> {
    const name = `hand-${++this.#hand}`;
    const node = NODES[this.#hand % NODES.length] ?? '';
    await this.#app.api.create(this.#app.path('api/v1', 'pods'), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'hand' } },
      spec: { nodeName: node, containers: [{ name: 'app', image: 'app' }] },
    });
    const ready = await waitUntil('an address', async () =>
      (await this.#app.pods('hand')).find(({ metadata, status }) => metadata.name === name && status.podIP),
    );
    const { endpoints = [] } =
      (await this.#app.api.find<{ endpoints?: readonly object[] }>(this.#slice())) ?? {};
    await this.#app.applySlice('hand', [
      ...(endpoints as Parameters<Workloads['applySlice']>[1]),
      {
        addresses: [ready.status.podIP ?? ''],
        conditions: { ready: true },
        nodeName: node,
        targetRef: { kind: 'Pod', name, namespace: this.#app.namespace, uid: ready.metadata.uid ?? '' },
      },
    ]);
  }

  /** Plays the part of the other tool that adds backends next to a RemoveOnly binding. */
  async #addOthers(): Promise<void> {
    for (const { metadata, status } of await this.#app.pods('sync')) {
      const { uid = '', deletionTimestamp } = metadata;
      if (status.podIP === undefined || deletionTimestamp !== undefined || this.#added.has(uid)) continue;
      this.#added.add(uid);
      const { state } = this.#env.simulator;
      const serverId = state.inventory.eniOfIp(status.podIP)?.id ?? '';
      const row = { serverId, serverIp: status.podIP, port: PORT, description: 'by others' };
      state.addRow(this.#groups.others, row);
    }
  }

  async #watchNames(until: number): Promise<void> {
    while (performance.now() < until) {
      await this.#readNames().catch(() => {});
      await delay(50);
    }
  }

  async #readNames(): Promise<void> {
    const { status } = await this.#app.binding('others');
    for (const { serverIp } of status?.backends ?? []) if (serverIp !== undefined) this.#named.add(serverIp);
  }

  #slice(): string {
    return `${this.#app.path('apis/discovery.k8s.io/v1', 'endpointslices')}/hand`;
  }

  async #drainNode(): Promise<void> {
    const node = NODES[Math.floor(this.#random() * NODES.length)] ?? '';
    const path = `/api/v1/nodes/${node}`;
    await this.#app.api.patch(path, { spec: { unschedulable: true } });
    const pods = await this.#app.api.list<Pod>(this.#app.path('api/v1', 'pods'));
    for (const { metadata, spec } of pods)
      if (spec.nodeName === node) await this.#app.deletePod(metadata.name).catch(() => {});
    await this.#app.api.patch(path, { spec: { unschedulable: false } });
  }

  /** Brings every component back up. */
  async #heal(): Promise<void> {
    for (const component of this.#down)
      await this.#env.controlPlane.startComponent(component).catch(() => {});
    this.#down.clear();
    for (const [i, operator] of this.#operators.entries()) {
      operator.signal('SIGCONT');
      const ended = await Promise.race([operator.exited.then(() => true), delay(50, false)]);
      if (ended) this.#operators[i] = await this.#start();
    }
    for (const node of NODES)
      await waitUntil('the API server', () =>
        this.#app.api.patch(`/api/v1/nodes/${node}`, { spec: { unschedulable: false } }),
      );
  }

  /** The final state, for whoever has to find the cause. */
  async #evidence(): Promise<string> {
    const pods = await this.#app.api.list<Pod>(this.#app.path('api/v1', 'pods'));
    const told = pods.map(({ metadata, spec, status }) => {
      const conditions = status.conditions?.map(({ type, status: is }) => `${type}=${is}`).join(' ');
      return `${metadata.name} ${metadata.deletionTimestamp ?? ''} ${spec.nodeName} ${status.podIP} ${conditions}`;
    });
    const rows = Object.entries(this.#groups).map(
      ([name, group]) => `${name}: ${this.#env.rows(group).join(' ')}`,
    );
    return [...told, ...rows, await this.#env.operatorLogs(60)].join('\n');
  }

  /** Returns what is still wrong when the time to recover is over. */
  async #untilRight(): Promise<string | undefined> {
    try {
      await waitUntil('every group to be right', () => this.#expectRight(), {
        timeoutMs: RIGHT_WITHIN_MS,
        intervalMs: 250,
      });
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  /**
   * Does what a kubelet does when its node comes back, and kwok does not: the node controller has set Ready to False on its pods,
   * although their containers are ready.
   */
  async #restoreReadiness(): Promise<void> {
    const pods = await this.#app.api.list<Pod>(this.#app.path('api/v1', 'pods'));
    for (const { metadata, status } of pods) {
      const is = (type: string) =>
        status.conditions?.some((one) => one.type === type && one.status === 'True');
      if (is('Ready') || !is('ContainersReady')) continue;
      const path = `${this.#app.path('api/v1', 'pods')}/${metadata.name}/status`;
      const conditions = [{ type: 'Ready', status: 'True' }];
      await this.#app.api.patch(path, { status: { conditions } }, 'strategic').catch(() => {});
    }
  }

  async #expectRight(): Promise<true> {
    await this.#restoreReadiness();
    const byPod = (addresses: readonly string[]) =>
      addresses.map((address) => `${address}:${PORT}*100`).sort();
    const alive = async (name: string) =>
      (await this.#app.pods(name)).flatMap(({ metadata, status }) =>
        metadata.deletionTimestamp === undefined && status.podIP !== undefined ? [status.podIP] : [],
      );
    this.#expectRows('sync', byPod(await alive('sync')));
    this.#expectRows('hand', byPod(await alive('hand')));
    await this.#addOthers();
    await this.#readNames();
    this.#takeOutUnseen(await alive('sync'));
    this.#expectRows('others', byPod(await alive('sync')));
    this.#expectRows(
      'nodes',
      NODES.map((node) => `i-${node}:${this.#nodePort}*100`),
    );
    return true;
  }

  #takeOutUnseen(alive: readonly string[]): void {
    const { state } = this.#env.simulator;
    for (const row of state.group(this.#groups.others).rows()) {
      if (alive.includes(row.serverIp) || this.#named.has(row.serverIp)) continue;
      state.removeRow(this.#groups.others, row);
      this.#unseen++;
    }
  }

  #expectRows(name: GroupName, wanted: readonly string[]): void {
    const rows = this.#env.rows(this.#groups[name]);
    const [extra, missing] = [
      rows.filter((row) => !wanted.includes(row)),
      wanted.filter((row) => !rows.includes(row)),
    ];
    if (extra.length + missing.length > 0)
      throw new Error(`${name}: too many: ${extra.join(' ')}; missing: ${missing.join(' ')}`);
  }
}
