import type { RealNode } from '../../nodes/real-node.ts';
import { BY_EACH_KIND, type Scenario, WELL_BEHAVED } from './scenario.ts';

export const nodes: readonly Scenario[] = [
  {
    name: 'drain',
    what: 'kubectl drain of a node, with a PodDisruptionBudget of one pod at a time',
    ...BY_EACH_KIND,
    act: async (stage) => {
      await stage.limitDisruption(1);
      await stage.drainNode(stage.busiestNode());
    },
    restore: (stage) => stage.repairNodes(),
  },
  {
    name: 'drain-1',
    what: 'kubectl drain of the node with the only replica',
    app: { ...WELL_BEHAVED, replicas: 1 },
    backends: ['eni'],
    act: (stage) => stage.drainNode(stage.busiestNode()),
    restore: (stage) => stage.repairNodes(),
  },
  {
    name: 'autoscaler',
    what: 'an autoscaler takes a node: taint, eviction of its pods, deletion, power off',
    ...BY_EACH_KIND,
    act: async (stage) => {
      const node = stage.busiestNode();
      await stage.taintNode(node, { key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' });
      await stage.drainNode(node);
      await stage.deleteNode(node);
      await stage.node(node).powerOff();
    },
    restore: (stage) => stage.repairNodes(),
  },
  {
    name: 'node-shutdown',
    what: 'graceful shutdown of a node: its kubelet ends the pods with no deletion in the API',
    app: WELL_BEHAVED,
    backends: ['eni', 'ecs-local'],
    act: (stage) => stage.node(stage.busiestNode()).shutDown(),
    restore: (stage) => stage.repairNodes(),
  },
  lost('kubelet-killed', 'the kubelet of a node is killed; its containers go on', (node) =>
    node.killKubelet(),
  ),
  lost('network-cut', 'the network of a node is cut', (node) => node.cutNetwork()),
];

/** A node stops reporting. */
function lost(name: string, what: string, lose: (node: RealNode) => Promise<void>): Scenario {
  return {
    name,
    what,
    ...BY_EACH_KIND,
    act: async (stage) => {
      const node = stage.busiestNode();
      await lose(stage.node(node));
      await stage.untilNotReady(node);
    },
    restore: (stage) => stage.repairNodes(),
  };
}
