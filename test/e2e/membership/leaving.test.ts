import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { createNodes, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { FINALIZER } from '../../../src/api/names.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
let foreign: readonly string[];
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  operator = await env.startOperator();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('leaving');
  group = env.createGroup();
  foreign = env.addForeignRows(group);
}, 60_000);
afterAll(async () => {
  await env?.close();
});

/** This many pods behind a binding, all in the group; returns their addresses. */
async function webWith(
  replicas: number,
  podSpec: Readonly<Record<string, unknown>> = {},
): Promise<readonly string[]> {
  await app.createApp('web', { replicas, podSpec });
  await app.bind('web', group);
  const addresses = await app.untilReady('web', replicas);
  await env.untilHolds(group, addresses, foreign);
  await env.untilStatusTrue(app, 'web', group, { desired: replicas, registered: replicas });
  return addresses;
}

/** Waits until the group equals the current pods, and the status says so. */
async function untilEqual(replicas: number): Promise<void> {
  await env.untilHolds(group, await app.untilReady('web', replicas), foreign);
  await env.untilStatusTrue(app, 'web', group, { desired: replicas, registered: replicas, foreign: 2 });
}

scenario('pods join: additions in batches of up to 20 beside the rows of others', async () => {
  const calls = env.recordCalls(group);
  await webWith(40);
  const binding = await app.untilCondition('web', 'True', 'Synced');
  expect(binding.status).toMatchObject({ desired: 40, registered: 40, draining: 0, foreign: 2 });
  expect(binding.metadata.finalizers).toEqual([FINALIZER]);
  expect(calls.of('Remove', 'Set')).toEqual([]);
  expect(calls.of('Add').every(({ backends }) => backends.length <= 20)).toBe(true);
  expect(calls.of('Describe')).toHaveLength(1);
});

scenario('one pod deleted: one Remove call with just this backend, before any other write', async () => {
  await webWith(10);
  const [pod] = await app.pods('web');
  const calls = env.recordCalls(group);
  await app.deletePod(pod!.metadata.name);
  await waitUntil('the new pod to be added', () => calls.of('Add').length > 0);
  await untilEqual(10);
  expect(calls.story()[0]).toBe(`Remove ${pod!.status.podIP}:8080`);
  expect(calls.of('Remove')).toHaveLength(1);
  expect(calls.of('Add').flatMap(({ backends }) => backends)).toHaveLength(1);
  expect(calls.of('Describe')).toEqual([]);
});

scenario('rolling restart: the group is the new pods, in at most 30 calls', async () => {
  const old = await webWith(20);
  const calls = env.recordCalls(group);
  await app.restart('web');
  await untilEqual(20);
  const removed = calls.of('Remove').flatMap(({ backends }) => backends);
  expect(removed).toEqual(expect.arrayContaining(old.map((address) => `${address}:8080`)));
  expect(calls.writes().every(({ code }) => code === 'OK')).toBe(true);
  expect(calls.writes().length).toBeLessThanOrEqual(30);
  expect(calls.of('Describe')).toEqual([]);
});

scenario('node drained and deleted: its pods leave, those that took their place join', async () => {
  const node = `${app.namespace}-node`;
  await createNodes(env.api, [
    { name: node, labels: { pool: app.namespace } },
    { name: `${node}-2`, labels: { pool: app.namespace } },
  ]);
  await untilNodesReady(env.api, [node, `${node}-2`]);
  await webWith(12, { nodeSelector: { pool: app.namespace } });
  const leaving = (await app.pods('web')).filter(({ spec }) => spec.nodeName === node);
  const calls = env.recordCalls(group);
  await env.api.patch(`/api/v1/nodes/${node}`, { spec: { unschedulable: true } });
  await Promise.all(leaving.map(({ metadata }) => app.deletePod(metadata.name)));
  await untilEqual(12);
  await env.api.delete(`/api/v1/nodes/${node}`);
  await untilEqual(12);
  const removed = calls.of('Remove').flatMap(({ backends }) => backends);
  expect(removed).toEqual(expect.arrayContaining(leaving.map(({ status }) => `${status.podIP}:8080`)));
});

scenario('a node deleted under its pods: they leave the group before their pods are cleaned up', async () => {
  const node = `${app.namespace}-node`;
  await createNodes(env.api, [{ name: node, labels: { pool: app.namespace } }]);
  await untilNodesReady(env.api, [node]);
  const addresses = await webWith(5, { nodeSelector: { pool: app.namespace } });
  const calls = env.recordCalls(group);
  await env.api.delete(`/api/v1/nodes/${node}`);
  await env.untilRows(group, [...foreign].sort());
  expect(calls.writes()).toMatchObject([
    { action: 'Remove', backends: addresses.map((address) => `${address}:8080`).sort() },
  ]);
});

scenario('scale from 40 to 3: few Remove calls, none over 20', async () => {
  await webWith(40);
  const calls = env.recordCalls(group);
  await app.scale('web', 3);
  await untilEqual(3);
  const removes = calls.of('Remove');
  expect(removes.length).toBeLessThanOrEqual(6);
  expect(removes.every(({ backends }) => backends.length <= 20)).toBe(true);
  expect(removes.flatMap(({ backends }) => backends)).toHaveLength(37);
  expect(calls.writes()).toHaveLength(removes.length);
});

scenario('scale to none: the group holds the rows of others only', async () => {
  await webWith(3);
  await app.scale('web', 0);
  await untilEqual(0);
});

scenario('binding deleted: its rows leave, those of others stay, the binding goes', async () => {
  const addresses = await webWith(25);
  const calls = env.recordCalls(group);
  await app.deleteBinding('web');
  await waitUntil('the binding to be gone', async () => !(await env.api.find(`${app.bindings()}/web`)));
  expect(env.rows(group)).toEqual([...foreign].sort());
  expect(
    calls
      .of('Remove')
      .flatMap(({ backends }) => backends)
      .sort(),
  ).toEqual(addresses.map((address) => `${address}:8080`).sort());
  expect(calls.writes()).toHaveLength(2);
});

scenario("a Service's selector is switched: the group is at no time empty", async () => {
  const alone = env.createGroup();
  await app.createApp('web', { replicas: 3 });
  await app.createApp('green', { replicas: 3 });
  await app.bind('web', alone);
  await env.untilHolds(alone, await app.untilReady('web', 3));
  const green = await app.untilReady('green', 3);
  let fewest = env.rows(alone).length;
  const stop = env.simulator.state.onChange(() => {
    fewest = Math.min(fewest, env.rows(alone).length);
  });
  await env.api.patch(`${app.path('api/v1', 'services')}/web`, { spec: { selector: { app: 'green' } } });
  await env.untilHolds(alone, green);
  stop();
  expect(fewest).toBeGreaterThan(0);
});

scenario('Service deleted: its pods leave the group, and the binding says what is missing', async () => {
  await webWith(3);
  await env.api.delete(`${app.path('api/v1', 'services')}/web`);
  await env.untilRows(group, [...foreign].sort());
  await app.untilCondition('web', 'False', 'ServiceNotFound');
  await app.createService('web');
  await untilEqual(3);
  await app.untilCondition('web', 'True', 'Synced');
});

scenario('operator stopped: the call under way is finished, exit status 0, and every row stays', async () => {
  await webWith(5);
  const gate = env.simulator.faults.pause({ action: 'RemoveVServerGroupBackendServers', group });
  const [pod] = await app.pods('web');
  const calls = env.recordCalls(group);
  await app.deletePod(pod!.metadata.name);
  await gate.waitForHeld();
  operator.signal('SIGTERM');
  gate.release();
  expect(await operator.exited).toBe(0);
  expect(calls.story()[0]).toBe(`Remove ${pod!.status.podIP}:8080`);
  expect(calls.of('Remove')).toHaveLength(1);
  expect(env.rows(group)).toEqual(expect.arrayContaining([...foreign]));
  operator = await env.startOperator();
  await untilEqual(5);
});

scenario(
  'pods that left while no operator ran: removed after the start before the group is read',
  async () => {
    await webWith(10);
    const before = env.rows(group);
    const calls = env.recordCalls(group);
    expect(await operator.stop()).toBe(0);
    expect(env.rows(group)).toEqual(before);
    expect(calls.writes()).toEqual([]);
    await app.scale('web', 4);
    await app.untilReady('web', 4);
    operator = await env.startOperator();
    await untilEqual(4);
    expect(calls.all()[0]).toMatchObject({ action: 'Remove' });
    expect(calls.of('Remove').flatMap(({ backends }) => backends)).toHaveLength(6);
  },
);
