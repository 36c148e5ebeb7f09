import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ForwardingListener } from '../../../simulator/data-plane/listener.ts';
import type { FaultRule } from '../../../simulator/faults.ts';
import type { JsonObject } from '../../../src/json.ts';
import { withChanges } from '../../../src/zero-downtime/field-change.ts';
import { planTemplate } from '../../../src/zero-downtime/pod-template-plan.ts';
import type { DeleteOptions, KubeObject } from '../../control-plane/api/kube-api.ts';
import { locateKubectl } from '../../control-plane/build/build.ts';
import { isReady, type Node, untilNodesReady } from '../../control-plane/nodes.ts';
import type { Pod, Workloads } from '../../environment/workloads.ts';
import type { RealNode } from '../../nodes/real-node.ts';
import { testServerPod } from '../../nodes/test-server.ts';
import { waitUntil } from '../../time/wait-until.ts';

import { type Bed, NODES } from './bed.ts';
import type { Operators } from './operators.ts';
import type { BackendKind, Setting } from './setting.ts';

/** How long the load balancer's machines take to act on a change, in seconds; each group is behind one listener for each value. */
export const PROPAGATIONS = [0, 2, 10] as const;
export type Propagation = (typeof PROPAGATIONS)[number];

export interface Front {
  readonly backends: BackendKind;
  readonly propagation: Propagation;
  readonly listener: ForwardingListener;
}

const APP = 'web';
const PORT = 8080;
const PATIENCE = { timeoutMs: 120_000 } as const;
const ROLLED_OUT_WITHIN_MS = 240_000;

const SERVICE_OF: Readonly<Record<BackendKind, { readonly name: string; readonly spec: object }>> = {
  eni: { name: APP, spec: {} },
  'ecs-cluster': { name: 'web-cluster', spec: { type: 'NodePort' } },
  'ecs-local': { name: 'web-local', spec: { type: 'NodePort', externalTrafficPolicy: 'Local' } },
};

/** An application behind its listeners, and the actions that scenarios can take. */
export class Stage {
  readonly app: Workloads;
  readonly fronts: readonly Front[];
  readonly #bed: Bed;
  readonly #setting: Setting;
  readonly #operators: Operators;
  readonly #groups: ReadonlyMap<BackendKind, string>;
  readonly #touched = new Set<string>();
  #busiest: string | undefined;

  private constructor(
    bed: Bed,
    setting: Setting,
    operators: Operators,
    app: Workloads,
    groups: ReadonlyMap<BackendKind, string>,
    fronts: readonly Front[],
  ) {
    this.#bed = bed;
    this.#setting = setting;
    this.#operators = operators;
    this.app = app;
    this.#groups = groups;
    this.fronts = fronts;
  }

  /** Returns once all pods are ready and in every group, and each machine of each listener knows of them. */
  static async set(bed: Bed, setting: Setting, operators: Operators): Promise<Stage> {
    const { env, nodes } = bed;
    const app = await env.createNamespace('traffic');
    const groups = new Map(setting.backends.map((kind) => [kind, env.createGroup()]));
    const fronts: Front[] = [];
    for (const [backends, group] of groups) {
      for (const propagation of PROPAGATIONS) {
        const propagationMs = propagation * 1000;
        const listener = await env.simulator.dataPlane.open({ protocol: 'tcp', group, propagationMs });
        fronts.push({ backends, propagation, listener });
      }
    }
    const stage = new Stage(bed, setting, operators, app, groups, fronts);
    await app.api.create(app.path('apis/apps/v1', 'deployments'), stage.#deployment());
    for (const [kind, group] of groups) await stage.#expose(kind, group);
    await stage.startOperators();
    await stage.untilAtRest();
    stage.#busiest = await stage.#nodeWithMostPods(nodes.all.map(({ name }) => name));
    await delay(Math.max(...PROPAGATIONS) * 1000);
    return stage;
  }

  get groups(): readonly string[] {
    return [...this.#groups.values()];
  }

  /** Removes everything except the groups, which nothing uses any more. */
  async strike(): Promise<void> {
    await this.#operators.stop();
    this.#bed.env.simulator.faults.clear();
    await Promise.all(this.fronts.map(({ listener }) => listener.stop()));
    for (const kind of this.#groups.keys())
      await this.app.patchBinding(SERVICE_OF[kind].name, { metadata: { finalizers: null } });
    await this.app.api.delete(`/api/v1/namespaces/${this.app.namespace}`);
    const areGone = async () => {
      const pods = await this.app.pods(APP);
      // Nobody needs them any more, so their preStop is cut short.
      for (const { metadata } of pods) await this.app.deletePod(metadata.name, { gracePeriodSeconds: 1 });
      return pods.length === 0;
    };
    await waitUntil(`the pods of ${this.app.namespace} to be gone`, areGone, PATIENCE);
  }

  /** Waits until each group holds exactly what is ready, and its binding says so. */
  async untilAtRest(): Promise<void> {
    const isRight = async () => {
      for (const [kind, group] of this.#groups) {
        await this.#expectReady(kind);
        const rows = this.#bed.env.rows(group).map((row) => row.replace(/:.*/, ''));
        const wanted = await this.#wanted(kind);
        if (wanted.length === 0 || rows.join() !== wanted.join())
          throw new Error(`the ${kind} group holds ${rows.join(' ')}, not ${wanted.join(' ')}`);
      }
      return true;
    };
    await waitUntil('the groups to be equal to the cluster', isRight, PATIENCE);
  }

  /** The calls on the groups and their current state and the application's, for whoever has to find the cause of a failure. */
  async evidence(): Promise<string> {
    const { env } = this.#bed;
    const groups = this.groups.map((group) => {
      const calls = env.simulator.journal.filter((entry) => entry.group === group);
      const lines = calls.map(({ arrivedAt, action, backends, code }) => {
        const rows = backends.map(({ serverIp, serverId, weight }) => `${serverIp || serverId}*${weight}`);
        return `${new Date(arrivedAt).toISOString()} ${action} ${rows.join(' ')} ${code}`;
      });
      return `${group}: ${env.rows(group).join(' ')}\n${lines.join('\n')}`;
    });
    const pods = (await this.app.pods(APP)).map(
      ({ metadata, spec, status }) =>
        `${metadata.name} ${spec.nodeName} ${status.podIP} ${JSON.stringify(status.conditions)}`,
    );
    return [...groups, ...pods].join('\n');
  }

  async rollOut(): Promise<void> {
    await this.app.restart(APP);
    await this.#untilRolledOut(this.#setting.app.replicas);
  }

  async scale(replicas: number): Promise<void> {
    await this.app.scale(APP, replicas);
    await this.#untilRolledOut(replicas);
  }

  /** Waits until `count` pods of the newest template are ready. */
  async untilPodsReplaced(count: number): Promise<void> {
    await waitUntil(
      `${count} new pods`,
      async () => {
        const { spec, status } = await this.#readDeployment();
        const old = (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
        return old <= spec.replicas - count;
      },
      PATIENCE,
    );
  }

  /** The node that had the most pods at the beginning. */
  busiestNode(): string {
    if (this.#busiest === undefined) throw new Error('the stage is not set yet');
    return this.#busiest;
  }

  /** The machine behind a node, for scenarios that break it; repairNodes mends it. */
  node(name: string): RealNode {
    this.#touched.add(name);
    return this.#bed.nodes.node(name);
  }

  async limitDisruption(maxUnavailable: number): Promise<void> {
    await this.app.api.create(this.app.path('apis/policy/v1', 'poddisruptionbudgets'), {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: APP },
      spec: { maxUnavailable, selector: { matchLabels: { app: APP } } },
    });
  }

  /** Runs `kubectl drain` until it ends. */
  async drainNode(name: string): Promise<void> {
    this.#touched.add(name);
    const kubectl = await locateKubectl();
    const { kubeconfig } = this.#bed.env.controlPlane;
    const args = ['drain', name, '--ignore-daemonsets', '--timeout=120s', `--kubeconfig=${kubeconfig}`];
    await promisify(execFile)(kubectl, args);
  }

  async taintNode(name: string, taint: { readonly key: string; readonly effect: string }): Promise<void> {
    this.#touched.add(name);
    await this.app.api.patch(`/api/v1/nodes/${name}`, { spec: { taints: [taint] } });
  }

  async deleteNode(name: string): Promise<void> {
    this.#touched.add(name);
    await this.app.api.delete(`/api/v1/nodes/${name}`);
  }

  /** Waits until neither the node nor a pod on it is Ready. */
  async untilNotReady(name: string): Promise<void> {
    const isDown = async () => {
      const node = await this.app.api.get<Node>(`/api/v1/nodes/${name}`);
      return !isReady(node) && (await this.#readyPods()).every(({ spec }) => spec.nodeName !== name);
    };
    await waitUntil(`${name} and its pods to be not Ready`, isDown, PATIENCE);
  }

  /** Restarts each node that was tampered with. */
  async repairNodes(): Promise<void> {
    const names = [...this.#touched];
    this.#touched.clear();
    await Promise.all(
      names.map(async (name) => {
        const node = this.#bed.nodes.node(name);
        await node.powerOff();
        const path = `/api/v1/nodes/${name}`;
        if ((await this.app.api.find(path)) !== undefined) await this.app.api.delete(path);
        await node.powerOn();
      }),
    );
    await untilNodesReady(this.app.api, names);
  }

  /** Sends one pod a request that may end it. */
  async askPod(path: string): Promise<void> {
    const { status } = await this.#anyPod();
    // The pod may end without answering.
    await fetch(`http://${status.podIP}:${PORT}${path}`, { method: 'POST' }).catch(() => {});
  }

  async deletePod(options: DeleteOptions): Promise<void> {
    const { metadata } = await this.#anyPod();
    await this.app.deletePod(metadata.name, options);
  }

  async killLeader(): Promise<void> {
    await this.#operators.killLeader();
  }

  async stopOperators(): Promise<void> {
    await this.#operators.stop();
  }

  async startOperators(): Promise<void> {
    const { operators = 1, gateAndHold } = this.#setting;
    await this.#operators.start(operators, gateAndHold !== undefined);
  }

  /** Makes the groups reject writes for this long. */
  makeBusy(ms: number): void {
    for (const group of this.groups) this.#bed.env.simulator.state.setBusy(group, ms);
  }

  /** Resolves when the fault is over. */
  async fault(rule: FaultRule, ms: number): Promise<void> {
    const { faults } = this.#bed.env.simulator;
    const id = faults.add(rule);
    await delay(ms);
    faults.remove(id);
  }

  /** From now on, an Add that would bring a group to more rows is rejected, as by a quota. */
  limitBackends(most: number): void {
    const { state, faults } = this.#bed.env.simulator;
    for (const group of this.groups) {
      faults.add({
        kind: 'error',
        code: 'InstanceBackendServerNumberOverLimit',
        action: 'AddVServerGroupBackendServers',
        group,
        when: () => state.group(group).size >= most,
      });
    }
  }

  #deployment(): object {
    const { app, gateAndHold } = this.#setting;
    const { spec, ...rest } = this.app.deployment(APP, {
      replicas: app.replicas,
      podSpec: testServerPod(app.server),
    }) as { readonly spec: { readonly template: JsonObject } };
    const { template } = spec;
    const plan = gateAndHold && planTemplate(template, { gate: true, ...gateAndHold });
    const planned = withChanges(template, plan?.changes ?? []);
    return { ...rest, spec: { ...spec, template: planned, ...app.deployment } };
  }

  async #expose(kind: BackendKind, group: string): Promise<void> {
    const { name, spec } = SERVICE_OF[kind];
    await this.app.createService(name, { selector: { app: APP }, ...spec });
    const backendType = kind === 'eni' ? 'eni' : 'ecs';
    await this.app.bind(name, group, { backendType, ...this.#setting.binding });
  }

  /** Waits until all pods are new and ready, and no others are left. */
  async #untilRolledOut(replicas: number): Promise<void> {
    await this.app.untilReady(APP, replicas, ROLLED_OUT_WITHIN_MS);
    await waitUntil(
      `${replicas} pods and no other`,
      async () => (await this.app.pods(APP)).length === replicas,
      PATIENCE,
    );
  }

  async #expectReady(kind: BackendKind): Promise<void> {
    const { status, metadata } = await this.app.binding(SERVICE_OF[kind].name);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True' || ready.observedGeneration !== metadata.generation)
      throw new Error(`the ${kind} binding is Ready=${ready?.status} ${ready?.reason}: ${ready?.message}`);
  }

  /** Addresses of pods, or instances of nodes, sorted. */
  async #wanted(kind: BackendKind): Promise<readonly string[]> {
    if (kind === 'eni') return await this.app.readyAddresses(APP);
    const nodes =
      kind === 'ecs-local'
        ? (await this.#readyPods()).flatMap(({ spec }) => spec.nodeName ?? [])
        : (await this.app.api.list<Node>('/api/v1/nodes'))
            .filter(isReady)
            .map(({ metadata }) => metadata.name);
    return [...new Set(nodes)].map((name) => `i-${name}`).sort();
  }

  async #readyPods(): Promise<readonly Pod[]> {
    const pods = await this.app.pods(APP);
    return pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod));
  }

  async #readDeployment(): Promise<Deployment> {
    return await this.app.api.get<Deployment>(`${this.app.path('apis/apps/v1', 'deployments')}/${APP}`);
  }

  async #anyPod(): Promise<Pod> {
    const [pod] = await this.app.pods(APP);
    if (pod === undefined) throw new Error(`${this.app.namespace} has no pod`);
    return pod;
  }

  async #nodeWithMostPods(names: readonly string[]): Promise<string> {
    const pods = await this.app.pods(APP);
    const count = (name: string) => pods.filter(({ spec }) => spec.nodeName === name).length;
    return names.reduce((most, name) => (count(name) > count(most) ? name : most), names[0] ?? NODES[0]);
  }
}

interface Deployment extends KubeObject {
  readonly spec: { readonly replicas: number };
  readonly status: Readonly<Partial<Record<'replicas' | 'updatedReplicas', number>>>;
}
