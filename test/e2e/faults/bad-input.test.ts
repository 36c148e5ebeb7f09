import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { createNodes, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Binding, Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';
import { ScriptedPods } from '../../environment/scripted-pods.ts';

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
/** The group of the binding under test, "bad". */
let group: string;
/** The group of its neighbour, "web", which no fault of "bad" may delay. */
let neighbour: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  operator = await env.startOperator();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('bad');
  group = env.createGroup();
  neighbour = env.createGroup();
  await app.createApp('web', { replicas: 2 });
  await app.bind('web', neighbour);
  await env.untilHolds(neighbour, await app.untilReady('web', 2));
}, 60_000);
afterAll(async () => {
  await env?.close();
});

/** Waits until the conditions and an event say what is wrong and what to do, for this generation of the binding. */
async function untilTold(
  reason: string,
  type: 'Stalled' | 'Reconciling',
  sentence: RegExp,
): Promise<Binding> {
  const binding = await app.untilCondition('bad', 'False', reason);
  const { generation } = binding.metadata;
  const conditions = binding.status?.conditions ?? [];
  expect(conditions.map((condition) => condition.type)).toEqual(['Ready', type]);
  for (const condition of conditions) {
    expect(condition).toMatchObject({ reason, observedGeneration: generation });
    expect(condition.message).toMatch(sentence);
  }
  const message = conditions[0]?.message;
  await waitUntil('an event that says the same', async () =>
    (await app.events('bad')).includes(`${reason}: ${message}`),
  );
  return binding;
}

async function untilRight(addresses: readonly string[]): Promise<void> {
  await env.untilHolds(group, addresses);
  await app.untilCondition('bad', 'True', 'Synced');
  const count = addresses.length;
  const { status } = await env.untilStatusTrue(app, 'bad', group, { desired: count, registered: count });
  expect(status?.conditions?.map(({ type }) => type)).toEqual(['Ready']);
  await waitUntil('an event that all is well again', async () =>
    (await app.events('bad')).some((event) => event.startsWith('Recovered: ')),
  );
}

async function neighbourGoesOn(): Promise<readonly string[]> {
  await app.scale('web', 3);
  const addresses = await app.untilReady('web', 3);
  await env.untilHolds(neighbour, addresses);
  await app.untilCondition('web', 'True', 'Synced');
  return addresses;
}

/** Deleting always works, whatever is wrong. */
async function untilDeleted(): Promise<void> {
  await app.deleteBinding('bad');
  await waitUntil('the binding to be gone', async () => !(await env.api.find(`${app.bindings()}/bad`)));
}

const web = { name: 'web', port: 80 };

scenario('no such Service: told; the backends come with the Service', async () => {
  await app.bind('bad', group, { serviceRef: { name: 'later', port: 80 } });
  await untilTold(
    'ServiceNotFound',
    'Stalled',
    /Service bad-\d+\/later does not exist: create it, or correct spec\.serviceRef\.name/,
  );
  await neighbourGoesOn();
  await app.createService('later', { selector: { app: 'web' } });
  await untilRight(await app.untilReady('web', 3));
});

scenario('no such port: told with the ports that there are; right once corrected', async () => {
  await app.bind('bad', group, { serviceRef: { ...web, port: 'https' } });
  await untilTold(
    'PortNotFound',
    'Stalled',
    /has no port https \(it has 80 \(http\)\): correct spec\.serviceRef\.port/,
  );
  const addresses = await neighbourGoesOn();
  await app.patchBinding('bad', { spec: { serviceRef: { port: 'http' } } });
  await untilRight(addresses);
});

scenario(
  'a typing error in a binding that worked keeps its backends, and what leaves meanwhile leaves',
  async () => {
    await app.bind('bad', group, { serviceRef: web });
    await env.untilHolds(group, await app.untilReady('web', 2));
    await app.patchBinding('bad', { spec: { serviceRef: { port: 8443 } } });
    await untilTold('PortNotFound', 'Stalled', /has no port 8443/);
    await env.untilHolds(group, await app.untilReady('web', 2));
    await app.scale('web', 1);
    await env.untilHolds(group, await app.untilReady('web', 1));
    await env.untilStatusTrue(app, 'bad', group, { registered: 1 });
    await app.patchBinding('bad', { spec: { serviceRef: { port: 80 } } });
    await untilRight(await app.untilReady('web', 1));
  },
);

scenario(
  'a typing error in the name of the Service keeps its backends, over a restart of the operator',
  async () => {
    await app.bind('bad', group, { serviceRef: web });
    await env.untilHolds(group, await app.untilReady('web', 2));
    await env.untilStatusTrue(app, 'bad', group, { registered: 2 });
    const calls = env.recordCalls(group);
    await app.patchBinding('bad', { spec: { serviceRef: { name: 'wbe' } } });
    await untilTold('ServiceNotFound', 'Stalled', /wbe does not exist/);
    await app.scale('web', 1);
    await env.untilHolds(group, await app.untilReady('web', 1));
    await operator.stop();
    operator = await env.startOperator();
    await app.scale('web', 0);
    await env.untilHolds(group, []);
    expect(calls.writes()).toHaveLength(2);
    await app.scale('web', 1);
    await app.patchBinding('bad', { spec: { serviceRef: web } });
    await untilRight(await app.untilReady('web', 1));
  },
);

scenario(
  'another Service whose name or port is wrong keeps the backends of the one before, until that is deleted',
  async () => {
    await app.createService('former', { selector: { app: 'web' } });
    await app.createService('next', { selector: { app: 'none' } });
    await app.bind('bad', group, { serviceRef: { name: 'former', port: 80 } });
    const addresses = await app.untilReady('web', 2);
    await env.untilHolds(group, addresses);
    await env.untilStatusTrue(app, 'bad', group, { registered: 2 });
    const calls = env.recordCalls(group);
    await app.patchBinding('bad', { spec: { serviceRef: { name: 'next', port: 8443 } } });
    await untilTold('PortNotFound', 'Stalled', /next has no port 8443/);
    await app.patchBinding('bad', { spec: { serviceRef: { name: 'nxet', port: 80 } } });
    await untilTold('ServiceNotFound', 'Stalled', /nxet does not exist/);
    await env.untilHolds(group, addresses);
    expect(calls.writes()).toEqual([]);
    await env.api.delete(`${app.path('api/v1', 'services')}/former`);
    await env.untilHolds(group, []);
  },
);

scenario(
  'an address family that no endpoint has: told, and what is in the group by the other stays',
  async () => {
    await app.bind('bad', group, { serviceRef: web });
    await env.untilHolds(group, await app.untilReady('web', 2));
    await app.patchBinding('bad', { spec: { addressFamily: 'IPv6' } });
    await untilTold('AddressFamilyNotFound', 'Stalled', /have no IPv6 address: correct spec\.addressFamily/);
    await neighbourGoesOn();
    await app.scale('web', 1);
    await env.untilHolds(group, await app.untilReady('web', 1));
    await app.patchBinding('bad', { spec: { addressFamily: null } });
    await untilRight(await app.untilReady('web', 1));
  },
);

scenario('a target port whose name no container has: told; right once the Service is corrected', async () => {
  const ports = (targetPort: string | number) => [{ name: 'http', port: 80, targetPort }];
  await app.createService('named', { selector: { app: 'web' }, ports: ports('metrics') });
  await app.bind('bad', group, { serviceRef: { name: 'named', port: 80 } });
  await untilTold('PortNotFound', 'Stalled', /its targetPort matches no container port/);
  const addresses = await neighbourGoesOn();
  await env.api.patch(`${app.path('api/v1', 'services')}/named`, { spec: { ports: ports('http') } });
  await untilRight(addresses);
});

scenario('no such group: told; found by itself once it exists', async () => {
  const missing = `${group}-later`;
  await app.bind('bad', missing, { serviceRef: web });
  const { status } = await untilTold(
    'GroupNotFound',
    'Stalled',
    /Check spec\.vServerGroupId or spec\.vServerGroup, and spec\.regionId/,
  );
  expect(status).toMatchObject({ registered: 0, foreign: 0 });
  const addresses = await neighbourGoesOn();
  env.simulator.state.createGroup(missing, env.simulator.state.group(group).loadBalancerId);
  group = missing;
  await untilRight(addresses);
});

scenario('a group deleted under its binding: told, and the binding can be deleted', async () => {
  await app.bind('bad', group, { serviceRef: web });
  await env.untilHolds(group, await app.untilReady('web', 2));
  env.simulator.state.deleteGroup(group);
  await app.scale('web', 1);
  await app.untilReady('web', 1);
  await untilTold('GroupNotFound', 'Stalled', /Check spec\.vServerGroupId/);
  await untilDeleted();
});

scenario('no such region: told, and the binding can be deleted', async () => {
  await app.bind('bad', group, { serviceRef: web, regionId: 'cn-nowhere' });
  await untilTold('UnknownRegion', 'Stalled', /\(cn-nowhere\).* Check spec\.regionId/);
  await neighbourGoesOn();
  await untilDeleted();
});

scenario(
  'a group on the account of somebody else: told which RAM action is missing; right once granted',
  async () => {
    const loadBalancer = env.simulator.state.group(group).loadBalancerId;
    const lift = env.simulator.ram.deny({ loadBalancer });
    await app.bind('bad', group, { serviceRef: web });
    await untilTold(
      'AccessDenied',
      'Stalled',
      /Forbidden\.RAM.*Grant the RAM action slb:DescribeVServerGroupAttribute/,
    );
    const addresses = await neighbourGoesOn();
    lift();
    await app.patchBinding('bad', { spec: { weight: 100, minBackends: 1 } });
    await untilRight(addresses);
  },
);

scenario(
  'never allowed to see its group, a binding can be deleted: it cannot have left anything there',
  async () => {
    const loadBalancer = env.simulator.state.group(group).loadBalancerId;
    env.simulator.ram.deny({ loadBalancer });
    await app.bind('bad', group, { serviceRef: web });
    await untilTold('AccessDenied', 'Stalled', /Forbidden\.RAM/);
    await untilDeleted();
  },
);

scenario(
  'allowed to read but not to write: told which RAM action is missing; right once granted',
  async () => {
    const loadBalancer = env.simulator.state.group(group).loadBalancerId;
    const lift = env.simulator.ram.deny({ loadBalancer, action: 'AddVServerGroupBackendServers' });
    await app.bind('bad', group, { serviceRef: web });
    await untilTold('AccessDenied', 'Stalled', /Grant the RAM action slb:AddVServerGroupBackendServers/);
    const addresses = await neighbourGoesOn();
    lift();
    await app.patchBinding('bad', { spec: { minBackends: 1 } });
    await untilRight(addresses);
  },
);

scenario(
  'a node without providerID: told; the other nodes are backends; it joins once it has one',
  async () => {
    const label = { pool: app.namespace };
    const [good, bare] = [`${app.namespace}-good`, `${app.namespace}-bare`];
    await createNodes(env.api, [{ name: good, labels: label }]);
    await env.api.create('/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: bare, annotations: { 'kwok.x-k8s.io/node': 'fake' }, labels: label },
    });
    await untilNodesReady(env.api, [good, bare]);
    await app.createService('nodes', {
      selector: { app: 'web' },
      type: 'NodePort',
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    });
    const { spec } = await env.api.get<{ spec: { ports: { nodePort: number }[] } }>(
      `${app.path('api/v1', 'services')}/nodes`,
    );
    const port = spec.ports[0]?.nodePort;
    const serviceRef = { name: 'nodes', port: 80 };
    await app.bind('bad', group, { serviceRef, backendType: 'ecs', nodeSelector: { matchLabels: label } });
    await env.untilRows(group, [`i-${good}:${port}*100`]);
    await untilTold(
      'NodeWithoutInstance',
      'Reconciling',
      new RegExp(`node ${bare} has no spec\\.providerID`),
    );
    await env.untilStatusTrue(app, 'bad', group, { registered: 1 });
    await env.api.patch(`/api/v1/nodes/${bare}`, {
      spec: { providerID: `alicloud://cn-hangzhou.i-${bare}` },
    });
    await env.untilRows(group, [`i-${bare}:${port}*100`, `i-${good}:${port}*100`]);
    await app.untilCondition('bad', 'True', 'Synced');
  },
);

scenario(
  'a pod address that no network interface has: told; the others are in; it joins by itself once it has one',
  async () => {
    const lost = `10.77.${env.simulator.port % 250}.1`;
    const found = `10.77.${env.simulator.port % 250}.2`;
    env.simulator.state.removeEni(lost);
    const pods = await ScriptedPods.create(app, 'byhand');
    await pods.show([await pods.createPod(lost), await pods.createPod(found)]);
    await app.bind('bad', group, { serviceRef: { name: 'byhand', port: 80 } });
    await env.untilHolds(group, [found]);
    await untilTold(
      'EniNotFound',
      'Reconciling',
      new RegExp(`no ENI has the address of .*${lost}.*--vpc-id`),
    );
    const { status } = await env.untilStatusTrue(app, 'bad', group, { desired: 2, registered: 1 });
    expect(status?.backends).toContainEqual(
      expect.objectContaining({ serverIp: lost, state: 'Pending', message: 'its ENI is not found' }),
    );
    await neighbourGoesOn();
    env.simulator.state.setEni(lost, 'eni-late');
    await untilRight([lost, found]);
  },
);

scenario(
  'a backend that the load balancer refuses: told; the others are in; it joins once it is taken',
  async () => {
    const addresses = Array.from({ length: 12 }, (_, i) => `10.78.${env.simulator.port % 250}.${i + 1}`);
    const [bad, ...good] = addresses as [string, ...string[]];
    const rule = env.simulator.faults.add({
      kind: 'error',
      code: 'ObtainIpFail',
      group,
      action: 'AddVServerGroupBackendServers',
      when: ({ backends }) => backends.some(({ serverIp }) => serverIp === bad),
    });
    await app.createService('byhand', { selector: undefined });
    await app.applySlice(
      'byhand',
      addresses.map((address) => ({ addresses: [address] })),
    );
    await app.bind('bad', group, { serviceRef: { name: 'byhand', port: 80 } });
    await env.untilHolds(group, good);
    await untilTold('BackendsRefused', 'Reconciling', new RegExp(`${bad}:8080 \\(ObtainIpFail\\) refused`));
    const { status } = await env.untilStatusTrue(app, 'bad', group, { desired: 12, registered: 11 });
    expect(status?.backends).toContainEqual(expect.objectContaining({ serverIp: bad, state: 'Refused' }));
    await app.applySlice(
      'byhand',
      [bad, ...good.slice(1)].map((address) => ({ addresses: [address] })),
    );
    await env.untilHolds(group, good.slice(1));
    env.simulator.faults.remove(rule);
    await app.patchBinding('bad', { spec: { minBackends: 1 } });
    await untilRight([bad, ...good.slice(1)]);
  },
);

scenario('a full load balancer: told; what leaves makes room by itself', async () => {
  const rule = env.simulator.faults.add({
    kind: 'error',
    code: 'InstanceBackendServerNumberOverLimit',
    group,
    action: 'AddVServerGroupBackendServers',
  });
  await app.bind('bad', group, { serviceRef: web });
  await untilTold('QuotaExceeded', 'Reconciling', /ask for a higher quota/);
  const addresses = await neighbourGoesOn();
  env.simulator.faults.remove(rule);
  await untilRight(addresses);
});
