import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { API_VERSION, FINALIZER, KIND } from '../../../src/api/names.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
let foreign: readonly string[];
let net = 60;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
  operator = await env.startOperator();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('hostile');
  group = env.createGroup();
  foreign = env.addForeignRows(group);
  net++;
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const slices = () => app.path('apis/discovery.k8s.io/v1', 'endpointslices');
const ip = (n: number) => `10.${net}.${n >> 8}.${n & 255}`;
const plain = (...addresses: readonly string[]) => addresses.map((address) => ({ addresses: [address] }));

async function createSlice(name: string, content: object): Promise<void> {
  await env.api.create(slices(), {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    ...content,
  });
}

/** A bound Service with two live backends, both in the group. */
async function bindTwo(): Promise<readonly string[]> {
  await app.createService('web', { selector: undefined });
  await app.applySlice('web', plain(ip(1), ip(2)));
  await app.bind('web', group);
  await env.untilHolds(group, [ip(1), ip(2)], foreign);
  await app.untilCondition('web', 'True', 'Synced');
  return [ip(1), ip(2)];
}

/** The same process still runs, and has met nothing unexpected. */
async function expectUnharmed(): Promise<void> {
  const series = ['controller_runtime_reconcile_panics_total{controller="vservergroup"}'];
  const resources = ['vservergroupbindings', 'services', 'endpoints'];
  for (const resource of resources) series.push(`vsgb_handler_errors_total{resource="${resource}"}`);
  for (const one of series) expect(`${one} ${await operator.metric(one)}`).toBe(`${one} 0`);
  const errors = (await operator.lines()).filter(({ level }) => level === 'error');
  expect(errors).toEqual([]);
}

scenario(
  'a slice of 1,000 odd endpoints, beside others that make no sense: the live ones are served',
  async () => {
    const live = await bindTwo();
    const odd = Array.from({ length: 1_000 }, (_, i) => ({
      addresses: [ip(1_000 + i)],
      hostname: 'x'.repeat(63),
      ...(i % 4 === 2 && { nodeName: `nowhere-${i}` }),
      zone: '…\u202e'.repeat(20),
      targetRef: { kind: 'Pod', namespace: '../..', name: `__proto__${i}`, uid: `\u0000${i}`.repeat(20) },
      conditions: i % 2 === 0 ? {} : { ready: false, serving: true, terminating: true },
    }));
    await createSlice('odd', { endpoints: odd });
    await createSlice('names', { addressType: 'FQDN', endpoints: plain('web.example.com') });
    await createSlice('nothing', { endpoints: plain(ip(3)), ports: [{ name: 'http' }] });
    await createSlice('elsewhere', { endpoints: plain(ip(4)), ports: [{ name: 'other', port: 9 }] });
    await createSlice('twice', { endpoints: [...plain(...live), ...plain(...live)] });
    await createSlice('no-ports', { endpoints: plain(ip(5)), ports: [] });
    await createSlice('gone', {
      endpoints: live.map((address) => ({ addresses: [address], conditions: { ready: false } })),
    });
    const joining = odd.filter((_, i) => i % 2 === 0);
    const members = [...live, ...joining.flatMap(({ addresses }) => addresses)];
    await env.untilHolds(group, members, foreign);
    await env.api.delete(`${slices()}/odd`);
    await env.untilHolds(group, live, foreign);
    await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2 });
    await expectUnharmed();
  },
);

scenario(
  'bindings and Services at the limits of what the API server takes: served as any other',
  async () => {
    const serviceName = 's'.repeat(63);
    const name = `b${'.x'.repeat(126)}`;
    const ports = Array.from({ length: 250 }, (_, i) => ({ name: `p${i}`, port: 1 + i, targetPort: 8080 }));
    await app.createService(serviceName, { selector: undefined, ports });
    await app.applySlice(serviceName, plain(ip(1)), {
      ports: ports.map((port) => ({ name: port.name, port: 8080 })),
    });
    await env.api.create(app.bindings(), {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: {
        name,
        annotations: { note: '\u{1f980}'.repeat(50_000) },
        labels: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`l${i}`, 'v'])),
        finalizers: ['example.com/another'],
      },
      spec: { vServerGroupId: group, serviceRef: { name: serviceName, port: 'p249' } },
    });
    await env.untilHolds(group, [ip(1)], foreign);
    const { metadata } = await app.untilCondition(name, 'True', 'Synced');
    expect(metadata.finalizers).toEqual(['example.com/another', FINALIZER]);
    await env.api.delete(`${app.bindings()}/${name}`);
    await env.untilRows(group, [...foreign].sort());
    await waitUntil('only the finalizer of others to be left', async () => {
      const { metadata } = await app.binding(name);
      return JSON.stringify(metadata.finalizers) === '["example.com/another"]';
    });
    await app.patchBinding(name, { metadata: { finalizers: null } });
    await expectUnharmed();
  },
);

/** Writes the status by hand, as somebody with rights to the status subresource can, and starts a new operator on it. */
async function restartOn(backends: readonly object[]): Promise<void> {
  await operator.kill();
  await env.api.patch(`${app.bindings()}/web/status`, { status: { backends } });
  operator = await env.startOperator();
}

const recorded = (row: object) => ({ type: 'eni', port: 8080, weight: 100, state: 'Registered', ...row });

scenario('a status of 2,000 backends that never were: nothing that is in the group is harmed', async () => {
  const live = await bindTwo();
  const garbage = Array.from({ length: 2_000 }, (_, i) =>
    recorded({
      serverId: i % 3 === 0 ? `…\u0000 ${i}` : `eni-none-${i}`,
      serverIp: i % 2 === 0 ? `not an address ${i}` : live[0],
      port: i % 65_536,
      state: ['Registered', 'Draining', 'Removing', 'Held'][i % 4],
      pod: '\u202e',
      drainingSince: '2000-01-01T00:00:00Z',
    }),
  );
  const calls = env.recordCalls(group);
  await restartOn(garbage);
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2, foreign: 2 });
  expect(env.rows(group)).toEqual([...live.map((address) => `${address}:8080*100`), ...foreign].sort());
  expect(calls.of('Add', 'Set')).toEqual([]);
  await app.applySlice('web', plain(ip(2)));
  await env.untilHolds(group, [ip(2)], foreign);
  await expectUnharmed();
});

scenario(
  'a status that claims a row of others makes that row its own: writing statuses is for the operator alone',
  async () => {
    await bindTwo();
    await restartOn([recorded({ serverId: 'eni-foreign', serverIp: '10.200.0.1' })]);
    await env.untilHolds(group, [ip(1), ip(2)], ['i-foreign:30999*50']);
    await env.untilStatusTrue(app, 'web', group, { registered: 2, foreign: 1 });
  },
);
