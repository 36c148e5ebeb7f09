import { type Scenario, WELL_BEHAVED } from './scenario.ts';

const EVERY_KIND = ['eni', 'ecs-cluster', 'ecs-local'] as const;

export const nodes: readonly Scenario[] = [
  {
    name: 'drain',
    what: 'kubectl drain of a node, with a PodDisruptionBudget of one pod at a time',
    app: WELL_BEHAVED,
    backends: EVERY_KIND,
    act: async (stage) => {
      await stage.limitDisruption(1);
      await stage.drainNode(stage.busiestNode());
    },
    restore: (stage) => stage.repairNodes(),
  },
  {
    name: 'autoscaler',
    what: 'an autoscaler takes a node: taint, eviction of its pods, deletion, power off',
    app: WELL_BEHAVED,
    backends: EVERY_KIND,
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
  {
    name: 'kubelet-killed',
    what: 'the kubelet of a node is killed; its containers go on',
    app: WELL_BEHAVED,
    backends: EVERY_KIND,
    act: async (stage) => {
      const node = stage.busiestNode();
      await stage.node(node).killKubelet();
      await stage.untilNotReady(node);
    },
    restore: (stage) => stage.repairNodes(),
  },
  {
    name: 'network-cut',
    what: 'the network of a node is cut',
    app: WELL_BEHAVED,
    backends: EVERY_KIND,
    act: async (stage) => {
      const node = stage.busiestNode();
      await stage.node(node).cutNetwork();
      await stage.untilNotReady(node);
    },
    restore: (stage) => stage.repairNodes(),
  },
];
