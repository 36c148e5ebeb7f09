import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { ownershipTag } from '../../../src/api/ownership-tag.ts';
import { type ScriptedPod, ScriptedPods } from '../../environment/scripted-pods.ts';

/** The operator's cost in calls, reads and status writes; the benchmark measures durations. */
const REMOVE = 'RemoveVServerGroupBackendServers';
const ADD = 'AddVServerGroupBackendServers';
const DESCRIBE = 'DescribeVServerGroupAttribute';
const CLUSTER_ID = 'counts';

jest.setTimeout(180_000);

let env: Environment;
let operator: OperatorProcess;

beforeAll(async () => {
  // So slow that a busy machine makes no more calls than an idle one.
  env = await Environment.start({ simulator: { latencyMs: 200 } });
}, 240_000);
beforeEach(async () => {
  operator = await env.startOperator({ flags: ['--cluster-id', CLUSTER_ID] });
});
afterEach(async () => {
  await operator?.stop();
});
afterAll(async () => {
  await env?.close();
});

/** A Deployment whose pods are all in its group, with nothing left to do or to report. */
async function settledApp(replicas: number): Promise<{ app: Workloads; group: string }> {
  const group = env.createGroup();
  const app = await env.createNamespace('counts');
  await app.createApp('web', { replicas });
  await app.bind('web', group);
  await env.untilHolds(group, await app.untilReady('web', replicas));
  await app.untilCondition('web', 'True', 'Synced');
  await untilStatusesAreWritten();
  env.simulator.journal.clear();
  return { app, group };
}

/** Waits until two counts of the status writes, more than a second apart (the spacing of status writes), are the same. */
async function untilStatusesAreWritten(): Promise<number> {
  let before = -1;
  await waitUntil(
    'the statuses to be written',
    async () => {
      const now = await statusWrites();
      const same = now === before;
      before = now;
      return same;
    },
    { intervalMs: 1_500 },
  );
  return before;
}

async function statusWrites(): Promise<number> {
  return (await operator.metric('vsgb_status_writes_total{result="written"}')) ?? Number.NaN;
}

function calls(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { action } of env.simulator.journal) counts[action] = (counts[action] ?? 0) + 1;
  return counts;
}

test('pods that leave one by one: one Remove each, no read, at most one status write each', async () => {
  const { app, group } = await settledApp(6);
  const before = await statusWrites();
  for (const replicas of [5, 4, 3]) {
    await app.scale('web', replicas);
    await env.untilHolds(group, await app.untilReady('web', replicas));
  }
  await waitUntil('a status to be written', async () => (await statusWrites()) > before);
  const written = (await untilStatusesAreWritten()) - before;
  expect(calls()).toEqual({ [REMOVE]: 3 });
  expect(written).toBeLessThanOrEqual(3);
});

test('40 pods that leave while the first Remove is under way: full batches for the others, no read', async () => {
  const { app, group } = await settledApp(40);
  const gate = env.simulator.faults.pause({ action: REMOVE, group });
  await app.scale('web', 0);
  await gate.waitForHeld();
  await waitUntil('all pods to be gone', async () => (await app.pods('web')).length === 0);
  await waitUntil('no endpoint to be left', async () => (await endpoints(app)) === 0);
  gate.release();
  await env.untilRows(group, []);
  const removes = env.simulator.journal.filter(({ action }) => action === REMOVE);
  expect(removes.length).toBeLessThanOrEqual(3);
  expect(calls()[DESCRIBE]).toBeUndefined();
});

test('a rolling restart of 40 pods: at most 30 calls, no read', async () => {
  const { app, group } = await settledApp(40);
  const startedAt = performance.now();
  await app.restart('web');
  await env.untilHolds(group, await app.untilReady('web', 40));
  const seconds = (performance.now() - startedAt) / 1000;
  const counted = calls();
  expect(counted[DESCRIBE]).toBeUndefined();
  expect(counted[ADD]).toBeGreaterThanOrEqual(2);
  expect(counted[REMOVE]).toBeGreaterThanOrEqual(2);
  // It takes 2 s on an idle machine; changes that a slow machine spreads out cannot share a call.
  expect(env.simulator.journal.length).toBeLessThanOrEqual(Math.max(30, 15 * seconds));
});

test('a start on groups that hold what they should: one Describe each, no other call, no status write', async () => {
  const count = 12;
  const app = await env.createNamespace('counts');
  const groups = Array.from({ length: count }, () => env.createGroup());
  const names = groups.map((_, i) => `web${i}`);
  await Promise.all(names.map((name, i) => createWithRows(app, name, groups[i] ?? '', i)));
  await Promise.all(names.map((name) => app.untilCondition(name, 'True', 'Synced')));
  await untilStatusesAreWritten();
  await operator.stop();
  env.simulator.journal.clear();
  operator = await env.startOperator({ flags: ['--cluster-id', CLUSTER_ID] });
  const ofThisTest = () => env.simulator.journal.filter(({ group }) => groups.includes(group));
  await waitUntil('every group to be read', () => ofThisTest().length >= count);
  await untilStatusesAreWritten();
  expect(ofThisTest().map(({ action }) => action)).toEqual(Array(count).fill(DESCRIBE));
  expect(new Set(ofThisTest().map(({ group }) => group)).size).toBe(count);
  expect(env.simulator.journal.filter(({ action }) => action === ADD || action === REMOVE)).toEqual([]);
  expect(await statusWrites()).toBe(0);
});

test('a pod that is not ready for a while: one Remove and one Add, no look-up, by what the status told before a restart', async () => {
  const group = env.createGroup();
  const app = await env.createNamespace('flap');
  const pod = (n: number, ready = true) => ({
    addresses: [`10.65.0.${n}`],
    conditions: { ready },
    targetRef: { kind: 'Pod' as const, namespace: app.namespace, name: `web-${n}`, uid: `pod-${n}` },
  });
  await app.createService('web', { selector: undefined });
  await app.applySlice('web', [pod(1), pod(2)]);
  await app.bind('web', group);
  await env.untilHolds(group, ['10.65.0.1', '10.65.0.2']);
  await app.untilCondition('web', 'True', 'Synced');
  await operator.stop();
  env.simulator.journal.clear();
  operator = await env.startOperator({ flags: ['--cluster-id', CLUSTER_ID] });
  const { journal } = env.simulator;
  const onGroup = () => journal.filter((call) => call.group === group).map(({ action }) => action);
  await waitUntil('the group to be read', () => onGroup().length > 0);
  // At its start the operator looks up the endpoints of other tests' groups that do not name a pod.
  await untilStatusesAreWritten();
  const lookUps = () => journal.filter(({ action }) => action === 'DescribeNetworkInterfaces').length;
  const before = lookUps();
  await app.applySlice('web', [pod(1), pod(2, false)]);
  await env.untilHolds(group, ['10.65.0.1']);
  await app.applySlice('web', [pod(1), pod(2)]);
  await env.untilHolds(group, ['10.65.0.1', '10.65.0.2']);
  expect(onGroup()).toEqual([DESCRIBE, REMOVE, ADD]);
  expect(lookUps()).toBe(before);
});

test('a pod that is announced twice, by itself and by its list, in either order: one Remove', async () => {
  const group = env.createGroup();
  const app = await env.createNamespace('twice');
  const pods = await ScriptedPods.create(app, 'web');
  const [first, second, third] = (await pods.createPods('66.0', 3)) as [
    ScriptedPod,
    ScriptedPod,
    ScriptedPod,
  ];
  await pods.show([first, second, third]);
  await app.bind('web', group);
  await env.untilHolds(group, [first.address, second.address, third.address]);
  await untilStatusesAreWritten();
  const { journal } = env.simulator;
  journal.clear();
  await pods.end(first);
  await env.untilHolds(group, [second.address, third.address]);
  const heard = await changesHeard();
  await pods.show([second, third]);
  await waitUntil('the list to be heard of', async () => (await changesHeard()) > heard);
  await pods.show([third]);
  await env.untilHolds(group, [third.address]);
  const known = await podsKnown();
  await pods.end(second);
  await waitUntil('the end of the pod to be heard of', async () => (await podsKnown()) < known);
  await untilStatusesAreWritten();
  const onGroup = journal.filter((call) => call.group === group);
  expect(
    onGroup.map(({ action, backends }) => [action, ...backends.map(({ serverIp }) => serverIp)]),
  ).toEqual([
    [REMOVE, first.address],
    [REMOVE, second.address],
  ]);
});

test('the controllers are frozen and 7 pods are deleted: one Remove for the first, one for the others, none when they thaw', async () => {
  const { app, group } = await settledApp(8);
  const pods = await app.pods('web');
  const [first, kept, ...others] = pods.map(({ metadata }) => metadata.name) as [string, string, ...string[]];
  const gone = pods.filter(({ metadata }) => metadata.name !== kept).map(({ status }) => status.podIP);
  const removes = () => env.simulator.journal.filter(({ action }) => action === REMOVE);
  await env.controlPlane.pause('kube-controller-manager');
  try {
    const before = await podsKnown();
    const gate = env.simulator.faults.pause({ action: REMOVE, group });
    await app.deletePod(first);
    await gate.waitForHeld();
    await Promise.all(others.map((name) => app.deletePod(name)));
    await waitUntil(
      'the operator to know that 7 pods are gone',
      async () => (await podsKnown()) === before - 7,
    );
    gate.release();
    await waitUntil('one row to be left', () => env.rows(group).length === 1);
  } finally {
    env.controlPlane.resume('kube-controller-manager');
  }
  const ready = await waitUntil('the slices to have 8 pods and none of those', async () => {
    const addresses = await app.readyAddresses('web');
    return addresses.length === 8 && !addresses.some((address) => gone.includes(address)) && addresses;
  });
  await env.untilHolds(group, ready);
  await untilStatusesAreWritten();
  expect(removes().map(({ backends }) => backends.length)).toEqual([1, 6]);
});

async function podsKnown(): Promise<number> {
  return (await operator.metric('vsgb_cache_objects{resource="pods"}')) ?? Number.NaN;
}

/** The number of EndpointSlice changes that have reached the operator. */
async function changesHeard(): Promise<number> {
  return (await operator.metric('vsgb_watch_events_total{resource="endpoints"}')) ?? Number.NaN;
}

/** A Service with hand-made endpoints, and a group that already holds them with the operator's tag. */
async function createWithRows(app: Workloads, name: string, group: string, index: number): Promise<void> {
  const ips = [1, 2, 3].map((i) => `10.64.${index}.${i}`);
  const description = ownershipTag(CLUSTER_ID, app.namespace, name, 80);
  for (const serverIp of ips) {
    const serverId = env.simulator.state.inventory.eniOfIp(serverIp)?.id ?? '';
    env.simulator.state.addRow(group, { serverId, serverIp, port: 8080, description });
  }
  await app.createService(name, { selector: undefined });
  await app.api.create(app.path('apis/discovery.k8s.io/v1', 'endpointslices'), {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true, serving: true } })),
  });
  await app.bind(name, group);
}

async function endpoints(app: Workloads): Promise<number> {
  const slices = await app.api.list<{ metadata: { name: string }; endpoints?: readonly unknown[] }>(
    app.path('apis/discovery.k8s.io/v1', 'endpointslices'),
  );
  return slices.reduce((sum, slice) => sum + (slice.endpoints?.length ?? 0), 0);
}
