import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { createNodes, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { Environment, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorOptions, OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { KubeProxy } from '../../environment/kube-proxy.ts';
import { scenarios } from '../../environment/scenario.ts';
import { type ScriptedPod, ScriptedPods } from '../../environment/scripted-pods.ts';

const LEASE = 'vservergroup-operator';
const ELECTED = ['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE];
/** A standby that has waited for longer does not trust its caches. */
const TRUSTED_MS = 1_000;

let env: Environment;
let proxy: KubeProxy;
let app: Workloads;
let web: ScriptedPods;
let group: string;
let replicas: OperatorProcess[];
let tests = 0;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false }, nodes: ['node0'] });
  proxy = await KubeProxy.start(env.controlPlane);
}, 120_000);
beforeEach(async () => {
  tests++;
  replicas = [];
  app = await env.createNamespace('takeover');
  web = await ScriptedPods.create(app, 'web');
  group = env.createGroup();
}, 60_000);
afterEach(async () => {
  proxy.restore();
  await Promise.all(replicas.map((replica) => replica.stop()));
}, 60_000);
afterAll(async () => {
  await env?.close();
  await proxy?.close();
});

async function startReplica(options: Partial<OperatorOptions> = {}): Promise<OperatorProcess> {
  const replica = await env.startOperator({ flags: ELECTED, ...options });
  replicas.push(replica);
  return replica;
}

const addressesOf = (pods: readonly ScriptedPod[]) => pods.map(({ address }) => address);

/** Waits until the group, and the binding's status, have exactly these pods. */
async function untilServing(pods: readonly ScriptedPod[]): Promise<void> {
  await env.untilHolds(group, addressesOf(pods));
  await env.untilStatusTrue(app, 'web', group, { desired: pods.length, registered: pods.length });
}

for (const resource of ['endpointslices', 'pods', 'nodes']) {
  scenario(`a standby whose watch of ${resource} went silent leads: no live backend is removed`, async () => {
    const first = await startReplica();
    const old = await web.createPods(`95.${tests}`, 3);
    await web.show(old);
    await app.bind('web', group);
    await untilServing(old);

    const hear = proxy.hook(({ path, isWatch }) =>
      isWatch && path.endsWith(`/${resource}`) ? { do: 'silence' } : undefined,
    );
    const second = await startReplica({ kubeconfig: await proxy.kubeconfig(env.operatorKubeconfig) });
    const readyAt = performance.now();
    const node = `late${tests}`;
    await createNodes(env.api, [node]);
    await untilNodesReady(env.api, [node]);
    const live = await web.createPods(`95.${tests}`, 3, node);
    await web.show(live);
    await Promise.all(old.map((pod) => web.end(pod)));
    await untilServing(live);
    await waitUntil('the standby to have waited', () => performance.now() - readyAt > TRUSTED_MS);

    const calls = env.recordCalls(group);
    hear();
    expect(await first.stop()).toBe(0);
    const leads = async () => (await second.metric(`leader_election_master_status{name="${LEASE}"}`)) === 1;
    await waitUntil('the standby to lead', leads, { intervalMs: 20 });
    const [one] = await web.createPods(`95.${tests}`, 1, node);
    const all = [...live, one!];
    await web.show(all);
    await untilServing(all);
    expect(calls.story()).toEqual([`Add ${one!.address}:8080`]);
  });
}
