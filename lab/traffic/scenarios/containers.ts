import type { TestServerOptions } from '../../nodes/test-server.ts';
import { BY_ADDRESS, type Scenario, WELL_BEHAVED } from './scenario.ts';

const sigterm = (atSigterm: NonNullable<TestServerOptions['atSigterm']>, what: string): Scenario => ({
  name: `sigterm-${atSigterm}`,
  what: `rolling update of 4 replicas whose application ${what}`,
  app: { ...WELL_BEHAVED, server: { atSigterm } },
  backends: ['eni'],
  act: (stage) => stage.rollOut(),
});

export const containers: readonly Scenario[] = [
  sigterm('stop', 'stops at SIGTERM at once'),
  sigterm('drain', 'stops listening at SIGTERM and ends what it has begun'),
  sigterm('ignore', 'ignores SIGTERM'),
  {
    name: 'crash',
    what: 'the container of one pod crashes and is started again',
    ...BY_ADDRESS,
    act: (stage) => stage.askPod('/crash'),
  },
  {
    name: 'oom',
    what: 'the container of one pod takes more memory than its limit and is killed',
    app: { ...WELL_BEHAVED, server: { ...WELL_BEHAVED.server, memoryLimit: '64Mi' } },
    backends: ['eni'],
    act: (stage) => stage.askPod('/oom'),
  },
  {
    name: 'liveness',
    what: 'the liveness probe of one pod fails; its kubelet starts the container again',
    ...BY_ADDRESS,
    act: (stage) => stage.askPod('/livez?status=500'),
  },
  {
    name: 'force',
    what: 'a pod is deleted with --grace-period=0 --force',
    ...BY_ADDRESS,
    act: (stage) => stage.deletePod({ gracePeriodSeconds: 0 }),
  },
];
