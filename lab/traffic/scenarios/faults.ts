import { setTimeout as delay } from 'node:timers/promises';
import { BY_ADDRESS, type Scenario } from './scenario.ts';

export const faults: readonly Scenario[] = [
  {
    name: 'leader-killed',
    what: 'rolling update of 4 replicas; the leader of two operators is killed in the middle',
    ...BY_ADDRESS,
    operators: 2,
    act: async (stage) => {
      const rollout = stage.rollOut();
      await stage.untilPodsReplaced(2);
      await stage.killLeader();
      await rollout;
    },
  },
  {
    name: 'operator-down',
    what: 'all replicas of the operator are down for 60 s; rolling update of 4 replicas meanwhile',
    ...BY_ADDRESS,
    act: async (stage) => {
      await stage.stopOperators();
      const rollout = stage.rollOut();
      await delay(60_000);
      await stage.startOperators();
      await rollout;
    },
  },
  {
    name: 'busy',
    what: 'rolling update of 4 replicas; the load balancer is busy for the first 20 s',
    ...BY_ADDRESS,
    act: async (stage) => {
      stage.makeBusy(20_000);
      await stage.rollOut();
    },
  },
  {
    name: 'throttled',
    what: 'rolling update of 4 replicas; half of all API calls are throttled for 20 s',
    ...BY_ADDRESS,
    act: async (stage) => {
      const end = stage.fault({ kind: 'error', code: 'Throttling.User', probability: 0.5 }, 20_000);
      await stage.rollOut();
      await end;
    },
  },
  {
    name: 'hung',
    what: 'rolling update of 4 replicas; no API call is answered for 20 s',
    ...BY_ADDRESS,
    act: async (stage) => {
      const end = stage.fault({ kind: 'hang', probability: 1 }, 20_000);
      await stage.rollOut();
      await end;
    },
  },
  {
    name: 'quota',
    what: 'rolling update of 4 replicas on a load balancer that takes no more than 4 backends',
    ...BY_ADDRESS,
    // A pod has to make room for the next one.
    app: {
      ...BY_ADDRESS.app,
      deployment: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } } },
    },
    act: async (stage) => {
      stage.limitBackends(4);
      await stage.rollOut();
    },
  },
];
