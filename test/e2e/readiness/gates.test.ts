import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { conditionOf, createGatedApp, untilGates } from '../../environment/gated-pods.ts';
import { scenarios } from '../../environment/scenario.ts';

const ADD = 'AddVServerGroupBackendServers';

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  await allowGates(env.api);
  operator = await env.startOperator({ flags: ['--readiness-gates'] });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('gates');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const written = async (result: string) =>
  (await operator.metric(`vsgb_readiness_gate_writes_total{result="${result}"}`)) ?? 0;

scenario('ten pods with the gate are added while they wait, and let in by one patch each', async () => {
  const before = [await written('opened'), await written('closed')];
  await app.bind('web', group);
  await createGatedApp(app, 'web', { replicas: 10 });
  await untilGates(app, 'web', 10, 'True Registered');
  await env.untilHolds(group, await app.untilReady('web', 10));
  expect([await written('opened'), await written('closed')]).toEqual([(before[0] ?? 0) + 10, before[1]]);
});

scenario('pods without the gate are not written to', async () => {
  const before = [await written('opened'), await written('closed')];
  await app.bind('web', group);
  await app.createApp('web', { replicas: 3 });
  await env.untilHolds(group, await app.untilReady('web', 3));
  await app.untilCondition('web', 'True', 'Synced');
  expect([await written('opened'), await written('closed')]).toEqual(before);
});

scenario('a rollout of a single replica: the new pod is in the group before the old one ends', async () => {
  await app.bind('web', group);
  const strategy = { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
  await createGatedApp(app, 'web', { replicas: 1, strategy });
  const [before] = await app.untilReady('web', 1);
  await env.untilHolds(group, [before ?? '']);
  const calls = env.recordCalls(group);
  await app.restart('web');
  const after = await waitUntil('the new pod alone', async () => {
    const ready = await app.untilReady('web', 1);
    return ready[0] !== before && ready;
  });
  await env.untilHolds(group, after);
  expect(calls.writes().map(({ action }) => action)).toEqual(['Add', 'Remove']);
});

scenario(
  'a rollout waits while the group takes no pods, with the old ones in it, and goes on by itself',
  async () => {
    await app.bind('web', group);
    const strategy = { rollingUpdate: { maxUnavailable: 0, maxSurge: 2 } };
    await createGatedApp(app, 'web', { replicas: 3, strategy });
    const before = await app.untilReady('web', 3);
    await env.untilHolds(group, before);
    const fault = env.simulator.faults.add({ kind: 'http-503', action: ADD, group });
    await app.restart('web');
    await waitUntil('two new pods that are told to wait', async () => {
      const pods = await app.pods('web');
      return pods.filter((pod) => conditionOf(pod)?.status === 'False').length === 2;
    });
    expect(await app.readyAddresses('web')).toEqual(before);
    await env.untilHolds(group, before);
    env.simulator.faults.remove(fault);
    await waitUntil('other pods', async () =>
      (await app.untilReady('web', 3)).every((ip) => !before.includes(ip)),
    );
    await env.untilHolds(group, await app.readyAddresses('web'));
  },
);

scenario(
  'a pod that fails its probe leaves, its gate closes, and it comes back by way of the group',
  async () => {
    await app.bind('web', group);
    await createGatedApp(app, 'web', { replicas: 2 });
    const [pod, other] = await untilGates(app, 'web', 2, 'True Registered');
    await env.untilHolds(group, await app.untilReady('web', 2));
    const status = `${app.path('api/v1', 'pods')}/${pod?.metadata.name}/status`;
    const conditions = (containers: string) => ({
      status: {
        conditions: [
          { type: 'ContainersReady', status: containers },
          { type: 'Ready', status: 'False' },
        ],
      },
    });
    await env.api.patch(status, conditions('False'), 'strategic');
    await env.untilHolds(group, [other?.status.podIP ?? '']);
    await waitUntil('its gate to close', async () => {
      const pods = await app.pods('web');
      return pods.some((one) => conditionOf(one)?.status === 'False');
    });
    await env.api.patch(status, conditions('True'), 'strategic');
    await untilGates(app, 'web', 2, 'True Registered');
    await env.untilHolds(group, await app.untilReady('web', 2));
  },
);

scenario('Endpoints instead of EndpointSlices: the same', async () => {
  await operator.stop();
  operator = await env.startOperator({ flags: ['--readiness-gates', '--endpoints-source', 'endpoints'] });
  await app.bind('web', group);
  await createGatedApp(app, 'web', { replicas: 3 });
  await untilGates(app, 'web', 3, 'True Registered');
  await env.untilHolds(group, await app.untilReady('web', 3));
});

scenario('without --readiness-gates a pod with the gate is in no group, and is not written to', async () => {
  await operator.stop();
  operator = await env.startOperator();
  await app.bind('web', group);
  await createGatedApp(app, 'web', { replicas: 2 });
  await waitUntil('pods that wait for nothing but their gates', async () => {
    const pods = await app.pods('web');
    return pods.filter((pod) => conditionOf(pod, 'ContainersReady')?.status === 'True').length === 2;
  });
  await app.createApp('plain', { replicas: 1 });
  const other = env.createGroup();
  await app.bind('plain', other);
  await env.untilHolds(other, await app.untilReady('plain', 1));
  await app.untilCondition('web', 'True', 'Synced');
  expect(env.rows(group)).toEqual([]);
  await untilGates(app, 'web', 2, 'none');
});
