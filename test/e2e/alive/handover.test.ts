import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { API_VERSION, PLURAL } from '../../../src/api/names.ts';
import { KubeProxy } from '../../environment/kube-proxy.ts';
import { scenarios } from '../../environment/scenario.ts';
import { type ScriptedPod, ScriptedPods } from '../../environment/scripted-pods.ts';

const SET = 'SetVServerGroupAttribute';
const REMOVE = 'RemoveVServerGroupBackendServers';
const KILLED = 128 + 9;
const serviceRef = { name: 'web', port: 80 };

let env: Environment;
let proxy: KubeProxy;
let kubeconfig: string;
let operator: OperatorProcess;
let app: Workloads;
let web: ScriptedPods;
let group: string;
let tests = 0;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false } });
  proxy = await KubeProxy.start(env.controlPlane);
  kubeconfig = await proxy.kubeconfig(env.operatorKubeconfig);
}, 120_000);
beforeEach(async () => {
  tests++;
  operator = await env.startOperator({ kubeconfig });
  app = await env.createNamespace('handover');
  web = await ScriptedPods.create(app, 'web');
  group = env.createGroup();
}, 60_000);
afterEach(async () => {
  env.simulator.faults.clear();
  proxy.restore();
  await operator.kill();
}, 60_000);
afterAll(async () => {
  await env?.close();
  await proxy?.close();
});

const row = ({ address }: ScriptedPod, weight = 100) => `${address}:8080*${weight}`;
const rows = (...pods: readonly ScriptedPod[]) => pods.map((pod) => row(pod)).sort();

/** Two pods that something else has added to the group; a RemoveOnly binding drains them for an hour. */
async function adopted(): Promise<readonly [ScriptedPod, ScriptedPod]> {
  const [a, b] = (await web.createPods(`92.${tests}`, 2)) as [ScriptedPod, ScriptedPod];
  for (const { address } of [a, b])
    env.simulator.state.addRow(group, { serverId: `eni-by-${tests}`, serverIp: address, port: 8080 });
  await web.show([a, b]);
  await app.bind('web', group, { mode: 'RemoveOnly', drain: { seconds: 3600 } });
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2 });
  return [a, b];
}

const statusOf = (binding: string) =>
  `/apis/${API_VERSION}/namespaces/${app.namespace}/${PLURAL}/${binding}/status`;

/** Kills the operator right before it writes the next status of the binding. */
function killAtStatus(binding: string): void {
  const stop = proxy.hook(({ method, path }) => {
    if (method !== 'PATCH' || path !== statusOf(binding)) return undefined;
    stop();
    operator.signal('SIGKILL');
    return { do: 'reset-before' };
  });
}

async function restart(): Promise<void> {
  expect(await operator.exited).toBe(KILLED);
  operator = await env.startOperator({ kubeconfig });
}

scenario('RemoveOnly, killed as the drain is to be recorded: the weight is what it was', async () => {
  const [a, b] = await adopted();
  killAtStatus('web');
  await web.show([[a, 'leaving'], b]);
  await operator.exited;
  await web.show([a, b]);
  await restart();
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2, draining: 0 });
  expect(env.rows(group)).toEqual(rows(a, b));
});

scenario('RemoveOnly, killed as the weight 0 is answered: whoever comes next gives it back', async () => {
  const [a, b] = await adopted();
  const stop = env.simulator.faults.hook({
    action: SET,
    group,
    after: async () => {
      stop();
      operator.signal('SIGKILL');
      await operator.exited;
    },
  });
  await web.show([[a, 'leaving'], b]);
  await operator.exited;
  expect(env.rows(group)).toEqual([row(a, 0), row(b)].sort());
  await web.show([a, b]);
  await restart();
  await env.untilRows(group, rows(a, b));
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2, draining: 0 });
});

scenario('rows pass to another binding: the old one ends once the new one’s status shows them', async () => {
  const pods = await web.createPods(`92.${tests}`, 2);
  await web.show(pods);
  await app.bind('old', group, { serviceRef });
  await env.untilStatusTrue(app, 'old', group, { desired: 2, registered: 2 });
  const stop = proxy.hook(({ method, path }) =>
    method === 'PATCH' && path === statusOf('new') ? { do: 'reset-before' } : undefined,
  );
  await app.bind('new', group, { serviceRef });
  await app.deleteBinding('old');
  killAtStatus('new');
  stop();
  await operator.exited;
  expect(await env.api.find(`${app.bindings()}/old`)).toBeDefined();
  await web.show([]);
  await restart();
  await env.untilRows(group, []);
  await waitUntil('the old binding to be gone', async () => !(await env.api.find(`${app.bindings()}/old`)));
});

scenario(
  'a slice by hand names pods without their nodes and UIDs; one goes while no operator runs: it leaves',
  async () => {
    const [a, b] = (await web.createPods(`92.${tests}`, 2)) as [ScriptedPod, ScriptedPod];
    await app.applySlice(
      'web',
      [a, b].map(({ address, name }) => ({
        addresses: [address],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name, namespace: app.namespace, uid: '' },
      })),
    );
    await app.bind('web', group);
    await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2 });
    await operator.stop();
    await web.end(a);
    operator = await env.startOperator({ kubeconfig });
    await env.untilRows(group, rows(b));
  },
);

/** Freezes the operator for this long, so that it misses when the pods are shown. */
async function freezeWhile(ms: number, pods: readonly ScriptedPod[]): Promise<void> {
  const until = performance.now() + ms;
  await operator.pause();
  await web.show(pods);
  await waitUntil('the time to be over', () => performance.now() >= until);
  env.simulator.faults.clear();
  operator.signal('SIGCONT');
}

scenario('frozen while a drain ends: a pod that has come back meanwhile stays', async () => {
  const [a, b] = (await web.createPods(`92.${tests}`, 2)) as [ScriptedPod, ScriptedPod];
  await web.show([a, b]);
  await app.bind('web', group, { drain: { seconds: 3 } });
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2 });
  const calls = env.recordCalls(group);
  await web.show([[a, 'leaving'], b]);
  await env.untilRows(group, [row(a, 0), row(b)].sort());
  const stalls = (await operator.metric('vsgb_stalls_total')) ?? 0;
  await freezeWhile(4_000, [a, b]);
  await env.untilRows(group, rows(a, b));
  expect(await operator.metric('vsgb_stalls_total')).toBeGreaterThan(stalls);
  expect(calls.story()).toEqual([`Set ${a.address}:8080`, `Set ${a.address}:8080`]);
});

scenario('frozen between two attempts: a pod that has come back meanwhile is not removed', async () => {
  const [a, b] = (await web.createPods(`92.${tests}`, 2)) as [ScriptedPod, ScriptedPod];
  await web.show([a, b]);
  await app.bind('web', group);
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2 });
  const calls = env.recordCalls(group);
  env.simulator.faults.add({ kind: 'error', code: 'OperationBusy', group, action: REMOVE });
  await web.show([b]);
  await waitUntil('an attempt to remove it', () => calls.of('Remove').length > 1);
  await app.untilCondition('web', 'False');
  await freezeWhile(3_000, [a, b]);
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2 });
  expect(env.rows(group)).toEqual(rows(a, b));
  expect(calls.writes().filter(({ code }) => code === 'OK')).toEqual([]);
});

scenario('RemoveOnly: a row that nobody saw, added for a pod that then left, leaves', async () => {
  const [a, b] = await adopted();
  const late = await web.createPod(`10.93.${tests}.1`);
  await web.show([a, b, late]);
  await env.untilStatusTrue(app, 'web', group, { desired: 3, registered: 2 });
  env.simulator.state.addRow(group, { serverId: `eni-by-${tests}`, serverIp: late.address, port: 8080 });
  const calls = env.recordCalls(group);
  await web.end(late);
  await web.show([a, b]);
  await env.untilRows(group, rows(a, b));
  expect(calls.story()).toEqual([`Remove ${late.address}:8080`]);
});
