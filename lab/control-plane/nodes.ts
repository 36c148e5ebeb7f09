import { waitUntil } from '../time/wait-until.ts';
import type { KubeApi, KubeObject } from './api/kube-api.ts';
import { PLAYED } from './components.ts';

export interface NodeSpec {
  readonly name: string;
  readonly region?: string;
  /** ECS instance. Default: "i-" followed by the name, so node0 becomes cn-hangzhou.i-node0. */
  readonly instanceId?: string;
  readonly internalIp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly unschedulable?: boolean;
}

export interface Node extends KubeObject {
  readonly spec: { readonly providerID?: string; readonly unschedulable?: boolean };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
  };
}

const RESOURCES = { cpu: '64', memory: '256Gi', 'ephemeral-storage': '100Gi', pods: '500' };
const READY_WITHIN_MS = 60_000;

/** Creates nodes simulated by kwok: pods on them "run" without a process. Given only a name, the rest is derived from it. */
export async function createNodes(api: KubeApi, nodes: readonly (string | NodeSpec)[]): Promise<Node[]> {
  const specs = nodes.map((node) => (typeof node === 'string' ? { name: node } : node));
  return await Promise.all(
    specs.map((spec, index) => api.create<Node>('/api/v1/nodes', nodeOf(spec, index))),
  );
}

/** Returns once all the named nodes are Ready. */
export async function untilNodesReady(api: KubeApi, names: readonly string[]): Promise<void> {
  const notReady = async () => {
    const ready = new Set(
      (await api.list<Node>('/api/v1/nodes')).filter(isReady).map((n) => n.metadata.name),
    );
    return names.filter((name) => !ready.has(name));
  };
  const probe = async () => {
    const missing = await notReady();
    if (missing.length > 0) throw new Error(`not Ready: ${missing.join(', ')}`);
    return true;
  };
  await waitUntil('the nodes to be Ready', probe, { timeoutMs: READY_WITHIN_MS });
}

/** Reads the condition Ready of a node or a pod. */
export function isReady({ status }: Pick<Node, 'status'>): boolean {
  return status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function nodeOf(spec: NodeSpec, index: number): object {
  const { name, region = 'cn-hangzhou', instanceId = `i-${name}`, labels = {}, unschedulable = false } = spec;
  const internalIp = spec.internalIp ?? `10.8.${Math.floor(index / 250)}.${(index % 250) + 1}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { [PLAYED.annotation]: PLAYED.value },
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/region': region,
        ...labels,
      },
    },
    spec: { providerID: `${region}.${instanceId}`, unschedulable },
    status: {
      addresses: [
        { type: 'InternalIP', address: internalIp },
        { type: 'Hostname', address: name },
      ],
      allocatable: RESOURCES,
      capacity: RESOURCES,
    },
  };
}
