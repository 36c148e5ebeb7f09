import { resolve } from 'node:path';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/simulator.ts';
import { applyFolder } from '../control-plane/api/apply.ts';
import { KubeApi } from '../control-plane/api/kube-api.ts';
import {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from '../control-plane/control-plane.ts';
import { createNodes, type NodeSpec, untilNodesReady } from '../control-plane/nodes.ts';
import { waitUntil } from '../time/wait-until.ts';
import { CallRecorder } from './calls.ts';
import { type OperatorOptions, OperatorProcess } from './operator-process.ts';
import { expectStatusTrue } from './status.ts';
import { type Binding, Workloads } from './workloads.ts';

export interface EnvironmentOptions {
  readonly controlPlane?: ControlPlaneOptions;
  readonly simulator?: SimulatorOptions;
  readonly nodes?: readonly (string | NodeSpec)[];
}

const ROOT = resolve(import.meta.dirname, '../..');
export const OPERATOR_NAMESPACE = 'vservergroup-operator';
export const OPERATOR_ACCOUNT = 'vservergroup-operator';

/**
 * A real control plane with the CRD and the objects of deploy/ applied, nodes simulated by kwok, and the SLB simulator. The
 * operator runs as a process outside the cluster, with exactly the rights of its ServiceAccount.
 */
export class Environment {
  readonly controlPlane: ControlPlane;
  readonly api: KubeApi;
  readonly simulator: Simulator;
  /** Has the rights of the operator's ServiceAccount. */
  readonly operatorKubeconfig: string;
  readonly #operators = new Set<OperatorProcess>();
  #names = 0;

  private constructor(
    controlPlane: ControlPlane,
    api: KubeApi,
    simulator: Simulator,
    operatorKubeconfig: string,
  ) {
    this.controlPlane = controlPlane;
    this.api = api;
    this.simulator = simulator;
    this.operatorKubeconfig = operatorKubeconfig;
  }

  static async start(options: EnvironmentOptions = {}): Promise<Environment> {
    const controlPlane = await startControlPlane({ podAddresses: 'unique', ...options.controlPlane });
    try {
      const api = await KubeApi.fromKubeconfig(controlPlane.kubeconfig);
      await applyFolder(api, resolve(ROOT, 'deploy/base'));
      const nodes = options.nodes ?? ['node0', 'node1', 'node2', 'node3'];
      await createNodes(api, nodes);
      const names = nodes.map((node) => (typeof node === 'string' ? node : node.name));
      await untilNodesReady(api, names);
      const simulator = await startSimulator({ backendsPerLoadBalancer: 0, ...options.simulator });
      const kubeconfig = await controlPlane.kubeconfigForServiceAccount(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT);
      return new Environment(controlPlane, api, simulator, kubeconfig);
    } catch (error) {
      await controlPlane.stop();
      throw error;
    }
  }

  async startOperator(options: Partial<OperatorOptions> = {}): Promise<OperatorProcess> {
    const operator = await OperatorProcess.start({
      kubeconfig: this.operatorKubeconfig,
      apiUrl: this.simulator.url,
      ...options,
    });
    this.#operators.add(operator);
    return operator;
  }

  /** Creates a namespace for one test. */
  async createNamespace(purpose = 'test'): Promise<Workloads> {
    const name = `${purpose}-${++this.#names}`;
    await this.api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
    await waitUntil(`the ServiceAccount that pods in ${name} need`, () => this.api.find(account));
    return new Workloads(this.api, name);
  }

  /** Creates a vServer group for one test, on a load balancer of its own. */
  createGroup(): string {
    const n = ++this.#names;
    this.simulator.state.createLoadBalancer(`lb-test${n}`);
    this.simulator.state.createGroup(`rsp-test${n}`, `lb-test${n}`);
    return `rsp-test${n}`;
  }

  /** The rows of the group, as `address or instance:port*weight`, sorted. */
  rows(group: string): readonly string[] {
    return this.simulator.state
      .group(group)
      .rows()
      .map(({ serverIp, serverId, port, weight }) => `${serverIp || serverId}:${port}*${weight}`)
      .sort();
  }

  /** Waits until the group holds exactly these addresses at weight 100, apart from rows known to be foreign. */
  async untilHolds(
    group: string,
    addresses: readonly string[],
    others: readonly string[] = [],
  ): Promise<void> {
    const wanted = [...addresses.map((address) => `${address}:8080*100`), ...others].sort();
    await this.untilRows(group, wanted);
  }

  async untilRows(group: string, wanted: readonly string[]): Promise<void> {
    await waitUntil(`${group} to hold ${wanted.length} rows`, () => {
      const rows = this.rows(group);
      const extra = rows.filter((row) => !wanted.includes(row));
      const missing = wanted.filter((row) => !rows.includes(row));
      if (extra.length > 0 || missing.length > 0) {
        throw new Error(
          `it holds ${rows.length} rows; too many: ${extra.join(' ')}; missing: ${missing.join(' ')}`,
        );
      }
      return true;
    });
  }

  /** Adds rows of somebody else to the group; returns them in the format of `rows`. */
  addForeignRows(group: string): readonly string[] {
    const { state } = this.simulator;
    state.addRow(group, {
      serverId: 'eni-foreign',
      serverIp: '10.200.0.1',
      port: 8080,
      description: 'by hand',
    });
    state.addRow(group, {
      serverId: 'i-foreign',
      port: 30999,
      weight: 50,
      description: 'k8s/30999/web/other',
    });
    return ['10.200.0.1:8080*100', 'i-foreign:30999*50'];
  }

  /** Records the calls on the group from now on. */
  recordCalls(group: string): CallRecorder {
    return new CallRecorder(this.simulator.journal, group);
  }

  /** Waits until the binding's status matches the group and has these counts. */
  async untilStatusTrue(
    app: Workloads,
    name: string,
    group: string,
    counts: Partial<Record<'desired' | 'registered' | 'draining' | 'foreign', number>> = {},
  ): Promise<Binding> {
    return await waitUntil(`${app.namespace}/${name} to have a true status`, async () => {
      const binding = await app.binding(name);
      expectStatusTrue(binding, this.simulator.state.group(group).rows());
      for (const [count, wanted] of Object.entries(counts)) {
        const said = binding.status?.[count as keyof typeof counts];
        if (said !== wanted) throw new Error(`status.${count} is ${said}, not ${wanted}`);
      }
      return binding;
    });
  }

  /** The last lines that each running operator logged. */
  async operatorLogs(lines = 40): Promise<string> {
    const tails = [...this.#operators].map(async (operator) => {
      const log = await operator.log().catch(() => 'its log is gone');
      return `operator ${operator.pid}:\n${log.trimEnd().split('\n').slice(-lines).join('\n')}`;
    });
    return (await Promise.all(tails)).join('\n');
  }

  async close(): Promise<void> {
    await Promise.all([...this.#operators].map((operator) => operator.kill()));
    await this.simulator.close();
    await this.api.close();
    await this.controlPlane.stop();
  }
}
