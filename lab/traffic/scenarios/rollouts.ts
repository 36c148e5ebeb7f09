import { BY_EACH_KIND, type Scenario, WELL_BEHAVED } from './scenario.ts';

const { backends } = BY_EACH_KIND;

const surge = (replicas: number, maxSurge: number) => ({
  ...WELL_BEHAVED,
  replicas,
  deployment: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable: 0 } } },
});

export const rollouts: readonly Scenario[] = [
  {
    name: 'rollout-1',
    what: 'rolling update of 1 replica, surge 1',
    app: surge(1, 1),
    backends,
    act: (stage) => stage.rollOut(),
  },
  {
    name: 'rollout-10',
    what: 'rolling update of 10 replicas, surge 3',
    app: surge(10, 3),
    backends,
    act: (stage) => stage.rollOut(),
  },
  {
    name: 'scale-down',
    what: 'scale-down from 20 replicas to 2',
    app: { ...WELL_BEHAVED, replicas: 20 },
    backends,
    act: (stage) => stage.scale(2),
  },
];
