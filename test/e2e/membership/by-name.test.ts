import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Binding, Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
/** Used by this test only, and without groups at first. */
let loadBalancer: string;
let tests = 0;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  operator = await env.startOperator();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('named');
  loadBalancer = `lb-named${++tests}`;
  env.simulator.state.createLoadBalancer(loadBalancer);
  await app.createApp('web', { replicas: 2 });
  await app.untilReady('web', 2);
}, 60_000);
afterAll(async () => {
  await env?.close();
});

function createGroup(suffix: string, name: string): string {
  const id = `rsp-named${tests}${suffix}`;
  env.simulator.state.createGroup(id, loadBalancer, { name });
  return id;
}

async function bindByName(name = 'web', groupName = 'shop'): Promise<Binding> {
  const binding = await app.api.create<Binding>(app.bindings(), {
    apiVersion: 'slb.alibabacloud.com/v1beta1',
    kind: 'VServerGroupBinding',
    metadata: { name },
    spec: {
      vServerGroup: { loadBalancerId: loadBalancer, name: groupName },
      serviceRef: { name: 'web', port: 80 },
    },
  });
  return binding;
}

/** How often the groups of the load balancer were listed. */
const lists = () =>
  env.simulator.journal.filter(
    (call) => call.action === 'DescribeVServerGroups' && call.loadBalancer === loadBalancer,
  ).length;

const recorded = async (name = 'web') =>
  ((await app.binding(name)).status as { vServerGroupId?: string } | undefined)?.vServerGroupId;

const untilEvent = (text: RegExp) =>
  waitUntil(`an event ${text}`, async () => (await app.events('web')).some((event) => text.test(event)));

scenario('a group by its name: found with one call, recorded, and served from then on', async () => {
  createGroup('a', 'shop-old');
  const group = createGroup('b', 'shop');
  await bindByName();
  await env.untilHolds(group, await app.readyAddresses('web'));
  await app.untilCondition('web', 'True', 'Synced');
  await env.untilStatusTrue(app, 'web', group, { registered: 2 });
  expect([await recorded(), lists()]).toEqual([group, 1]);
  await app.scale('web', 1);
  await env.untilHolds(group, await app.untilReady('web', 1));
  await app.deleteBinding('web');
  await env.untilRows(group, []);
  expect(lists()).toBe(1);
});

scenario('twenty bindings by name: one call at the start, and none after a restart', async () => {
  await operator.stop();
  const names = Array.from({ length: 20 }, (_, i) => `shop-${i}`);
  const groups = names.map((name, i) => createGroup(String(i), name));
  for (const name of names) await bindByName(name, name);
  operator = await env.startOperator();
  const addresses = await app.readyAddresses('web');
  for (const group of groups) await env.untilHolds(group, addresses);
  for (const name of names) await app.untilCondition(name, 'True', 'Synced');
  expect(lists()).toBe(1);
  await operator.stop();
  operator = await env.startOperator();
  await app.scale('web', 1);
  const left = await app.untilReady('web', 1);
  for (const group of groups) await env.untilHolds(group, left);
  expect(lists()).toBe(1);
});

scenario('no group of the name: told; served once there is one', async () => {
  await bindByName();
  const binding = await app.untilCondition('web', 'False', 'GroupNotFound');
  expect(binding.status?.conditions?.[0]?.message).toContain(
    `load balancer ${loadBalancer} (cn-hangzhou) has no vServer group named shop`,
  );
  await untilEvent(/^GroupNotFound: .* has no vServer group named shop/);
  const group = createGroup('a', 'shop');
  await env.untilHolds(group, await app.readyAddresses('web'));
  await app.untilCondition('web', 'True', 'Synced');
  await untilEvent(/^Recovered: /);
});

scenario(
  'two groups of one name: told with both, neither is read or written to until one is left',
  async () => {
    const [one, two] = [createGroup('a', 'shop'), createGroup('b', 'shop')];
    const calls = [one, two].map((group) => env.recordCalls(group));
    await bindByName();
    const binding = await app.untilCondition('web', 'False', 'GroupNameAmbiguous');
    expect(binding.status?.conditions?.[0]?.message).toContain(
      `2 vServer groups named shop (${one}, ${two})`,
    );
    expect(binding.status?.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Stalled']);
    await untilEvent(/^GroupNameAmbiguous: /);
    expect(calls.flatMap((recorder) => recorder.all())).toEqual([]);
    env.simulator.state.renameGroup(one, 'shop-old');
    await env.untilHolds(two, await app.readyAddresses('web'));
    await app.untilCondition('web', 'True', 'Synced');
    expect(calls[0]?.all()).toEqual([]);
  },
);

scenario('a group that is renamed stays the one, whoever has the name now', async () => {
  const group = createGroup('a', 'shop');
  await operator.stop();
  operator = await env.startOperator({ flags: ['--resync', '1s'] });
  await bindByName();
  await app.untilCondition('web', 'True', 'Synced');
  env.simulator.state.renameGroup(group, 'shop-old');
  const other = env.recordCalls(createGroup('b', 'shop'));
  await untilEvent(/^GroupRenamed: .*was found by the name shop and is now called shop-old/);
  await app.scale('web', 3);
  await env.untilHolds(group, await app.untilReady('web', 3));
  expect([await recorded(), other.all()]).toEqual([group, []]);
});

scenario(
  'a group that is deleted and made anew: the new one is the one, and the rows of others stay',
  async () => {
    const group = createGroup('a', 'shop');
    await bindByName();
    await app.untilCondition('web', 'True', 'Synced');
    env.simulator.state.deleteGroup(group);
    const anew = createGroup('b', 'shop');
    const others = env.addForeignRows(anew);
    await app.scale('web', 3);
    await env.untilHolds(anew, await app.untilReady('web', 3), others);
    await app.untilCondition('web', 'True', 'Synced');
    await env.untilStatusTrue(app, 'web', anew, { registered: 3, foreign: 2 });
    expect(await recorded()).toBe(anew);
    await app.deleteBinding('web');
    await env.untilRows(anew, [...others].sort());
  },
);

scenario('a group by its name and by its id is one group: each binding has its own rows', async () => {
  const group = createGroup('a', 'shop');
  await bindByName();
  await app.createApp('api', { replicas: 1 });
  await app.bind('api', group, { ownership: 'Exclusive' });
  const both = [...(await app.untilReady('web', 2)), ...(await app.untilReady('api', 1))];
  await env.untilHolds(group, both);
  await app.untilCondition('web', 'True', 'Synced');
  await app.untilCondition('api', 'True', 'Synced');
  await app.deleteBinding('web');
  await env.untilHolds(group, await app.readyAddresses('api'));
});
