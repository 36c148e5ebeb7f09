import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { conditionOf, createGatedApp, type GatedPod, untilGates } from '../../environment/gated-pods.ts';
import { runPlugin } from '../../environment/plugin-process.ts';
import { scenarios } from '../../environment/scenario.ts';

const ADD = 'AddVServerGroupBackendServers';
const FLAGS = [
  '--readiness-gates',
  ...['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE],
  ...['--leader-elect-lease-duration', '4s', '--leader-elect-renew-deadline', '2s'],
  ...['--leader-elect-retry-period', '500ms'],
];

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  await allowGates(env.api);
  operator = await env.startOperator({ flags: FLAGS });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('stuck');
  group = env.createGroup();
}, 60_000);
afterEach(() => env.simulator.faults.clear());
afterAll(async () => {
  await env?.close();
});

/** Two pods with the gate, bound to a group that accepts no backends. */
async function waiting(spec: Readonly<Record<string, unknown>> = {}): Promise<void> {
  env.simulator.faults.add({
    kind: 'error',
    code: 'InstanceBackendServerNumberOverLimit',
    action: ADD,
    group,
  });
  await app.bind('web', group, spec);
  await createGatedApp(app, 'web', { replicas: 2 });
  await untilGates(app, 'web', 2, 'False QuotaExceeded');
}

scenario('nobody binds the Service', async () => {
  await createGatedApp(app, 'web', { replicas: 2 });
  await untilGates(app, 'web', 2, 'True NotWanted');
  await app.untilReady('web', 2);
});

scenario('the binding is deleted', async () => {
  await waiting();
  await app.deleteBinding('web');
  await untilGates(app, 'web', 2, 'True Deleting');
});

scenario('the binding gets another name', async () => {
  await waiting();
  await app.deleteBinding('web');
  env.simulator.faults.clear();
  await app.bind('renamed', group, { serviceRef: { name: 'web', port: 80 } });
  await app.untilReady('web', 2);
  await env.untilHolds(group, await app.untilReady('web', 2));
});

scenario('the Service is deleted', async () => {
  await waiting();
  await env.api.delete(`${app.path('api/v1', 'services')}/web`);
  await waitUntil('the pods to be Ready', async () => (await readyPods()).length === 2);
});

scenario('the binding is suspended', async () => {
  await waiting();
  await app.patchBinding('web', { spec: { suspend: true } });
  await untilGates(app, 'web', 2, 'True Suspended');
});

scenario('the binding names a Service that there is not', async () => {
  await waiting();
  await app.patchBinding('web', { spec: { serviceRef: { name: 'wbe' } } });
  await untilGates(app, 'web', 2, 'True NotWanted');
});

scenario('the binding names a port that its Service has not', async () => {
  await waiting();
  await app.patchBinding('web', { spec: { serviceRef: { port: 81 } } });
  await untilGates(app, 'web', 2, 'True PortNotFound');
});

scenario('the binding becomes one that only removes', async () => {
  await waiting();
  await app.patchBinding('web', { spec: { mode: 'RemoveOnly' } });
  await untilGates(app, 'web', 2, 'True RemoveOnly');
});

scenario('nodes are the backends', async () => {
  await app.bind('web', group, { backendType: 'ecs' });
  await createGatedApp(app, 'web', { replicas: 2, service: { type: 'NodePort' } });
  await untilGates(app, 'web', 2, 'True NodesAreBackends');
});

scenario('the group is gone: told on the pod, and let in after the time-out, with an event', async () => {
  await app.bind('web', 'rsp-gone', { readiness: { timeoutSeconds: 8 } });
  await createGatedApp(app, 'web', { replicas: 2 });
  const [pod] = await untilGates(app, 'web', 2, 'False GroupNotFound');
  expect(pod && conditionOf(pod)?.message).toContain('rsp-gone');
  await untilGates(app, 'web', 2, 'True TimedOut');
  await waitUntil('an event on each pod', async () => {
    const events = await env.api.list<KubeObject & { regarding: { kind: string }; reason: string }>(
      app.path('apis/events.k8s.io/v1', 'events'),
    );
    const told = events.filter(({ reason }) => reason === 'ReadinessGateTimedOut');
    return told.length === 2 && told.every(({ regarding }) => regarding.kind === 'Pod');
  });
});

scenario('the group is full: let in after the time-out, and added once there is room', async () => {
  await waiting({ readiness: { timeoutSeconds: 8 } });
  await untilGates(app, 'web', 2, 'True TimedOut');
  const ready = await app.untilReady('web', 2);
  env.simulator.faults.clear();
  await app.patchBinding('web', { metadata: { labels: { look: 'again' } }, spec: { weight: 99 } });
  await env.untilRows(
    group,
    ready.map((ip) => `${ip}:8080*99`),
  );
});

scenario(
  'the operator is away: the rollout waits, with the old pods serving, and goes on when it is back',
  async () => {
    await app.bind('web', group);
    const strategy = { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
    await createGatedApp(app, 'web', { replicas: 2, strategy });
    const before = await app.untilReady('web', 2);
    await env.untilHolds(group, before);
    await operator.stop();
    await app.restart('web');
    await waitUntil('a new pod that waits', async () => {
      const pods = await env.api.list<GatedPod>(app.path('api/v1', 'pods'), 'app=web');
      return pods.some(
        (pod) => conditionOf(pod) === undefined && conditionOf(pod, 'ContainersReady')?.status === 'True',
      );
    });
    expect(await app.readyAddresses('web')).toEqual(before);
    await env.untilHolds(group, before);
    operator = await env.startOperator({ flags: FLAGS });
    await waitUntil('other pods', async () =>
      (await app.untilReady('web', 2)).every((ip) => !before.includes(ip)),
    );
    await env.untilHolds(group, await app.readyAddresses('web'));
  },
);

scenario('the leader is killed: the next one lets in whom it finds waiting', async () => {
  await app.bind('web', group);
  const second = await env.startOperator({ flags: FLAGS });
  operator.signal('SIGKILL');
  await operator.exited;
  await createGatedApp(app, 'web', { replicas: 3 });
  await untilGates(app, 'web', 3, 'True Registered');
  await env.untilHolds(group, await app.untilReady('web', 3));
  operator = second;
});

scenario('by hand, while the operator is away: it leaves the gate open when it is back', async () => {
  await operator.stop();
  await app.bind('web', group);
  await createGatedApp(app, 'web', { replicas: 2 });
  const names = (await untilGates(app, 'web', 2, 'none')).map(({ metadata }) => `pod/${metadata.name}`);
  const where = ['-n', app.namespace, '--kubeconfig', env.controlPlane.kubeconfig];
  const opened = await runPlugin(['ready', ...names, ...where]);
  expect(opened).toMatchObject({ code: 0, stderr: '' });
  const addresses = await app.untilReady('web', 2);
  expect(await runPlugin(['ready', ...names, ...where])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('was open'),
  });
  operator = await env.startOperator({ flags: FLAGS });
  await env.untilHolds(group, addresses);
  await untilGates(app, 'web', 2, 'True ByHand');
});

scenario('a dry run takes the place of the operator', async () => {
  await waiting();
  await operator.stop();
  operator = await env.startOperator({ flags: [...FLAGS, '--dry-run'] });
  await untilGates(app, 'web', 2, 'True DryRun');
});

async function readyPods(): Promise<readonly GatedPod[]> {
  const pods = await env.api.list<GatedPod>(app.path('api/v1', 'pods'), 'app=web');
  return pods.filter((pod) => conditionOf(pod, 'Ready')?.status === 'True');
}
