import type { Simulator, SimulatorOptions } from '../../../simulator/simulator.ts';
import type { Row } from '../../../simulator/state/backend-servers.ts';
import type { KubeApi } from '../../control-plane/api/kube-api.ts';
import type { OperatorProcess } from '../../environment/operator-process.ts';

export const GROUP = 'rsp-demo';
export const LOAD_BALANCER = 'lb-demo';
export const NODES = ['node-1', 'node-2', 'node-3', 'node-4'];
/** How long a call of the cloud API takes in the demo. */
export const LATENCY_MS = 20;

/** Backends already in the group, from people who do not know of the cluster. */
export const FOREIGN: readonly Row[] = [
  { serverId: 'i-legacy-vm', serverIp: '', port: 80, weight: 50, type: 'ecs', description: '' },
  {
    serverId: 'eni-other-team',
    serverIp: '10.200.0.7',
    port: 8080,
    weight: 30,
    type: 'eni',
    description: 'other-team/checkout',
  },
];

export const SIMULATOR_OPTIONS: SimulatorOptions = {
  latencyMs: LATENCY_MS,
  loadBalancers: [LOAD_BALANCER],
  groups: [{ id: GROUP, rows: FOREIGN }],
};

/** Where the story takes place. */
export interface Stage {
  readonly api: KubeApi;
  readonly kubeconfig: string;
  /** The context of the kubeconfig, if it is not the current one. */
  readonly context?: string;
  readonly namespace: string;
  readonly simulator: Simulator;
  readonly operator: OperatorProcess;
  /** Nodes may be cordoned, drained and deleted; their pods are only simulated. */
  readonly ownNodes: boolean;
  /** How long the cluster may take for one step. */
  readonly patienceMs: number;
}

export type Tell = (line: string) => void;
