import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import type { CallRecorder } from '../../../lab/environment/calls.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { DRAIN_LABEL } from '../../../src/api/names.ts';
import { scenarios } from '../../environment/scenario.ts';
import { type ScriptedPod, ScriptedPods } from '../../environment/scripted-pods.ts';

let env: Environment;
let app: Workloads;
let web: ScriptedPods;
let group: string;
let tests = 0;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false } });
  await env.startOperator();
}, 120_000);
beforeEach(async () => {
  tests++;
  app = await env.createNamespace('deletion');
  web = await ScriptedPods.create(app, 'web');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const row = ({ address }: ScriptedPod, weight = 100) => `${address}:8080*${weight}`;

/** Two pods, one on each node, as rows of the binding; with RemoveOnly, something else has added the rows. */
async function bindPods(mode: 'Sync' | 'RemoveOnly'): Promise<readonly [ScriptedPod, ScriptedPod]> {
  const a = await web.createPod(`10.91.${tests}.1`, 'node0');
  const b = await web.createPod(`10.91.${tests}.2`, 'node1');
  if (mode === 'RemoveOnly') {
    for (const { address } of [a, b])
      env.simulator.state.addRow(group, { serverId: `eni-by-${tests}`, serverIp: address, port: 8080 });
  }
  await web.show([a, b]);
  await app.bind('web', group, { mode });
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2 });
  return [a, b];
}

async function untilBindingIsGone(): Promise<CallRecorder> {
  const calls = env.recordCalls(group);
  await app.deleteBinding('web');
  await waitUntil('the binding to be gone', async () => !(await env.api.find(`${app.bindings()}/web`)));
  return calls;
}

scenario('the load balancer is gone: a binding that is deleted ends as without its group', async () => {
  await bindPods('Sync');
  env.simulator.faults.add({ kind: 'error', code: 'InvalidLoadBalancerId.NotFound', group });
  const calls = await untilBindingIsGone();
  expect(calls.all().map(({ action }) => action)).toEqual(['Remove', 'Describe']);
});

scenario(
  'RemoveOnly, deleted while a node is drained: the weight comes back, and the binding ends',
  async () => {
    const [a, b] = await bindPods('RemoveOnly');
    await env.api.patch('/api/v1/nodes/node0', { metadata: { labels: { [DRAIN_LABEL]: 'true' } } });
    await env.untilRows(group, [row(a, 0), row(b)].sort());
    await env.untilStatusTrue(app, 'web', group, { registered: 1, draining: 1 });
    const calls = await untilBindingIsGone();
    await env.api.patch('/api/v1/nodes/node0', { metadata: { labels: { [DRAIN_LABEL]: null } } });
    expect(env.rows(group)).toEqual([row(a), row(b)].sort());
    expect(calls.story()).toEqual([`Set ${a.address}:8080`]);
  },
);

scenario(
  'RemoveOnly, deleted while the API refuses to remove a row: the binding ends all the same',
  async () => {
    const [a, b] = await bindPods('RemoveOnly');
    env.simulator.faults.add({
      kind: 'error',
      code: 'ObtainIpFail',
      group,
      action: 'RemoveVServerGroupBackendServers',
    });
    await web.show([b]);
    await app.untilCondition('web', 'False', 'BackendsRefused');
    const calls = await untilBindingIsGone();
    expect(env.rows(group)).toEqual([row(a), row(b)].sort());
    expect(calls.writes().length).toBeLessThanOrEqual(5);
  },
);
