import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { applyObjects } from '../control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../control-plane/api/kube-api.ts';
import type { ControlPlane, ControlPlaneOptions } from '../control-plane/control-plane.ts';
import { untilNodesReady } from '../control-plane/nodes.ts';
import { ENCLOSURE_ADDRESS, enclosureCgroup } from './enclosure/enclosure.ts';
import { locateNodePrograms } from './programs/programs.ts';
import { RealNode, type RealNodeOptions } from './real-node.ts';

/**
 * Options with which a control plane can have real nodes. kwok does not run unless requested; nodes that it simulates can be in the
 * same cluster. A node that stops reporting is NotReady after 10 s instead of 50.
 */
export const FOR_REAL_NODES = {
  advertiseAddress: ENCLOSURE_ADDRESS,
  kwok: false,
  controllerManagerFlags: [
    // Added to the default controllers, so that evictions respect disruption budgets.
    '--controllers=disruption-controller',
    '--node-monitor-period=1s',
    '--node-monitor-grace-period=10s',
  ],
} as const satisfies ControlPlaneOptions;

export interface NodesOptions {
  /** Two nodes "real-1" and "real-2" by default. */
  readonly names?: readonly string[];
  readonly region?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The longest wait before a container that keeps ending is started again, such as "1s". Default: the kubelet's, 5 minutes. */
  readonly maxContainerRestartPeriod?: string;
}

const CLUSTER_RANGE = '10.30.0.0/16';
const ACCOUNT = 'real-nodes';
const ACCOUNT_NAMESPACE = 'kube-system';

/** Starts nodes for a control plane that was started with FOR_REAL_NODES; returns once all are Ready, in about 5 s. */
export async function startRealNodes(
  controlPlane: ControlPlane,
  { names = ['real-1', 'real-2'], ...options }: NodesOptions = {},
): Promise<RealNodes> {
  const nodes = new RealNodes(controlPlane, await nodeOptions(controlPlane, options));
  try {
    await nodes.add(names);
    return nodes;
  } catch (error) {
    const logs = nodes.logs();
    await nodes.stop();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${logs}`, { cause: error });
  }
}

type Shared = Pick<
  RealNodeOptions,
  'supervise' | 'programs' | 'region' | 'labels' | 'clusterRange' | 'maxContainerRestartPeriod' | 'kubeconfig'
>;

/** The real nodes of one control plane. An enclosure has room for only one such set at a time. */
export class RealNodes {
  readonly #controlPlane: ControlPlane;
  readonly #shared: Shared;
  readonly #nodes: RealNode[] = [];

  /** Use startRealNodes. */
  constructor(controlPlane: ControlPlane, shared: Shared) {
    this.#controlPlane = controlPlane;
    this.#shared = shared;
  }

  /** In the order in which they were added, including those that are switched off. */
  get all(): readonly RealNode[] {
    return this.#nodes;
  }

  node(name: string): RealNode {
    const node = this.#nodes.find((candidate) => candidate.name === name);
    if (node === undefined)
      throw new Error(`${name} is none of ${this.#nodes.map((n) => n.name).join(', ')}`);
    return node;
  }

  /** Adds nodes, as an autoscaler would; returns them once they are Ready. */
  async add(names: readonly string[]): Promise<readonly RealNode[]> {
    const added = await Promise.all(names.map((name) => this.#create(name)));
    await Promise.all(added.map((node) => node.powerOn()));
    await using api = await KubeApi.fromKubeconfig(this.#controlPlane.kubeconfig);
    await untilNodesReady(api, names);
    return added;
  }

  /** The last lines of all logs of all nodes. */
  logs(lines = 40): string {
    return this.#nodes.map((node) => node.logs(lines)).join('\n');
  }

  /** Switches all nodes off. Their Node objects stay. */
  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.powerOff()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #create(name: string): Promise<RealNode> {
    const logs = join(this.#controlPlane.dir, 'logs', name);
    // Addresses are never reused.
    const number = this.#nodes.length + 1;
    const node = new RealNode({
      ...this.#shared,
      name,
      address: `10.20.1.${number}`,
      podRange: `10.30.${number}.0/24`,
      cable: `node${number}`,
      cgroup: join(enclosureCgroup(), name),
      logs,
    });
    this.#nodes.push(node);
    await mkdir(logs, { recursive: true });
    return node;
  }
}

async function nodeOptions(
  controlPlane: ControlPlane,
  { region = 'cn-hangzhou', labels = {}, maxContainerRestartPeriod }: NodesOptions,
): Promise<Shared> {
  const programs = await locateNodePrograms();
  await using api = await KubeApi.fromKubeconfig(controlPlane.kubeconfig);
  await applyObjects(api, [account(), binding('system:node'), binding('system:node-proxier')]);
  const { advertisedServer } = controlPlane;
  const kubeconfig = await controlPlane.kubeconfigForServiceAccount(
    ACCOUNT_NAMESPACE,
    ACCOUNT,
    advertisedServer,
  );
  return {
    supervise: programs.supervise,
    programs,
    region,
    labels,
    clusterRange: CLUSTER_RANGE,
    maxContainerRestartPeriod,
    kubeconfig,
  };
}

function account(): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: ACCOUNT, namespace: ACCOUNT_NAMESPACE },
  };
}

/** Every cluster has these roles; nodes with certificates of their own would get them through their group. */
function binding(role: string): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: `${ACCOUNT}:${role}` },
    ...{ roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role } },
    ...{ subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: ACCOUNT_NAMESPACE }] },
  };
}
