import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { locateElection } from '../../../lab/control-plane/build/build.ts';
import { SupervisedProcess } from '../../../lab/control-plane/process/supervised-process.ts';
import { Environment, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorOptions, OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { addressesOf, ScriptedService } from '../../../lab/environment/scripted-service.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { KubeProxy } from '../../environment/kube-proxy.ts';
import { scenarios } from '../../environment/scenario.ts';

const REMOVE = 'RemoveVServerGroupBackendServers';
const DESCRIBE = 'DescribeVServerGroupAttribute';
const LEASE = 'vservergroup-operator';
const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases`;
const LEASE_DURATION_MS = 3_000;
const RETRY_PERIOD_MS = 500;
const ELECTED = ['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE];
const SHORT = [
  ...['--leader-elect-lease-duration', `${LEASE_DURATION_MS}ms`],
  ...['--leader-elect-renew-deadline', '2s', '--leader-elect-retry-period', `${RETRY_PERIOD_MS}ms`],
];

let env: Environment;
let app: Workloads;
let group: string;
let service: ScriptedService;
let replicas: OperatorProcess[];
let net = 80;
const scenario = scenarios(() => env);

beforeAll(async () => {
  const accessKeys = ['first', 'second'].map((id) => ({ id, secret: `secret-of-${id}` }));
  env = await Environment.start({
    controlPlane: { scheduler: false, kwok: false },
    nodes: [],
    simulator: { accessKeys },
  });
}, 120_000);
beforeEach(async () => {
  replicas = [];
  app = await env.createNamespace('available');
  group = env.createGroup();
  service = await ScriptedService.create(app, addressesOf(++net, 3));
  await app.bind('web', group);
}, 60_000);
afterEach(async () => {
  env.simulator.faults.clear();
  await Promise.all(replicas.map((replica) => replica.kill()));
  const lease = await env.api.find(`${LEASE_PATH}/${LEASE}`);
  if (lease !== undefined) await env.api.delete(`${LEASE_PATH}/${LEASE}`);
  await app.patchBinding('web', { metadata: { finalizers: null } });
  await app.deleteBinding('web');
}, 60_000);
afterAll(async () => {
  await env?.close();
});

/** A replica with its own access key, so that the journal shows who called. */
async function startReplica(
  id: 'first' | 'second',
  options: Partial<OperatorOptions> = {},
): Promise<OperatorProcess> {
  const replica = await env.startOperator({
    accessKey: { id, secret: `secret-of-${id}` },
    flags: [...ELECTED, ...SHORT],
    ...options,
  });
  replicas.push(replica);
  return replica;
}

async function untilLeads(replica: OperatorProcess, timeoutMs = 30_000): Promise<void> {
  const leads = async () => (await replica.metric(`leader_election_master_status{name="${LEASE}"}`)) === 1;
  await waitUntil('the replica to lead', leads, { timeoutMs, intervalMs: 20 });
}

async function pair(): Promise<readonly [OperatorProcess, OperatorProcess]> {
  const first = await startReplica('first');
  await untilLeads(first);
  await env.untilHolds(group, service.addresses);
  return [first, await startReplica('second')];
}

/** Access keys of the callers that wrote to the group since the given entry. */
function writersSince(seq: number): readonly string[] {
  const writes = env.simulator.journal.filter(
    (entry) => entry.seq > seq && entry.group === group && entry.action !== DESCRIBE,
  );
  return [...new Set(writes.map(({ accessKeyId }) => accessKeyId))];
}

const lastSeq = () => env.simulator.journal.reduce((last, { seq }) => Math.max(last, seq), 0);

interface Lease extends KubeObject {
  readonly spec: {
    readonly holderIdentity: string;
    readonly leaseTransitions: number;
    readonly acquireTime: string;
    readonly renewTime: string;
  };
}

const readLease = async () => await env.api.get<Lease>(`${LEASE_PATH}/${LEASE}`);

scenario('two replicas: only the leader calls the API, the standby is ready with warm caches', async () => {
  const [, second] = await pair();
  const since = lastSeq();

  for (const ip of addressesOf(net, 6).slice(3)) await service.add(ip);
  await env.untilHolds(group, service.addresses);

  expect(writersSince(since)).toEqual(['first']);
  expect(env.simulator.journal.some(({ accessKeyId }) => accessKeyId === 'second')).toBe(false);
  expect(await second.metric(`leader_election_master_status{name="${LEASE}"}`)).toBe(0);
  expect(await second.metric('vsgb_cache_objects{resource="vservergroupbindings"}')).toBe(1);
  expect(await second.metric('vsgb_cache_synced{resource="endpoints"}')).toBe(1);
});

scenario(
  'a clean stop, with the default times: the Lease is given back, the other leads within 1 s',
  async () => {
    const first = await startReplica('first', { flags: ELECTED });
    await untilLeads(first);
    await env.untilHolds(group, service.addresses);
    const second = await startReplica('second', { flags: ELECTED });

    const holder = (await readLease()).spec.holderIdentity;
    const stopped = first.stop();
    const givenBack = await waitUntil(
      'the Lease to be given back',
      async () => {
        const { spec } = await readLease();
        return spec.holderIdentity !== holder && spec.renewTime;
      },
      { intervalMs: 5 },
    );
    await untilLeads(second);
    const { acquireTime } = (await readLease()).spec;
    expect(Date.parse(acquireTime) - Date.parse(givenBack)).toBeLessThan(1_000);
    expect(await stopped).toBe(0);
    const since = lastSeq();
    await service.remove(service.addresses[0]!);
    await env.untilHolds(group, service.addresses);
    expect(writersSince(since)).toEqual(['second']);
  },
);

scenario(
  'the leader killed: the other leads once the Lease has run out, and removes who left meanwhile',
  async () => {
    const [first, second] = await pair();
    // If the status did not name them yet, the next leader would have to read the group.
    await env.untilStatusTrue(app, 'web', group, { registered: service.addresses.length });
    first.signal('SIGKILL');
    const killedAt = performance.now();
    await first.exited;
    const since = lastSeq();
    await service.remove(service.addresses[0]!);

    await untilLeads(second, LEASE_DURATION_MS + RETRY_PERIOD_MS + 2_000);
    expect(performance.now() - killedAt).toBeGreaterThan(LEASE_DURATION_MS - 2 * RETRY_PERIOD_MS);
    const removed = () => env.rows(group).length === service.addresses.length;
    await waitUntil('the removal', removed, { timeoutMs: 5_000, intervalMs: 5 });

    await env.untilHolds(group, service.addresses);
    const [call] = env.simulator.journal.filter((entry) => entry.seq > since && entry.group === group);
    expect(call).toMatchObject({ action: REMOVE, accessKeyId: 'second', code: 'OK' });
  },
);

scenario(
  'a leader that is frozen right in front of a removal writes nothing once it goes on, and ends',
  async () => {
    const [first, second] = await pair();
    const { faults } = env.simulator;
    const [back, ...others] = service.addresses;
    faults.add({ kind: 'reset', action: REMOVE, group, times: 1 });
    const gate = faults.pause({ action: DESCRIBE, group, at: 'after' });
    await service.remove(back!);
    // The operator has planned the removal, and only waits for this reply before it sends the removal again.
    await gate.waitForHeld();
    await first.pause();
    gate.release();

    await untilLeads(second);
    await env.untilHolds(group, others);
    await service.set([back!, ...others]);
    await env.untilHolds(group, service.addresses);
    const since = lastSeq();
    first.signal('SIGCONT');

    expect(await first.exited).toBe(1);
    expect(env.simulator.journal.some(({ seq, accessKeyId }) => seq > since && accessKeyId === 'first')).toBe(
      false,
    );
    await env.untilHolds(group, service.addresses);
    expect((await readLease()).spec.leaseTransitions).toBe(1);
  },
);

scenario(
  'a leader that reaches the API server no more stops before the Lease can pass on, and ends',
  async () => {
    await using stack = new AsyncDisposableStack();
    const proxy = await KubeProxy.start(env.controlPlane);
    stack.defer(() => proxy.close());
    const kubeconfig = await proxy.kubeconfig(env.operatorKubeconfig);
    const first = await startReplica('first', { kubeconfig });
    await untilLeads(first);
    await env.untilHolds(group, service.addresses);
    const second = await startReplica('second');

    proxy.cut();
    expect(await first.exited).toBe(1);
    const holder = (await readLease()).spec.holderIdentity;
    await untilLeads(second);
    expect((await readLease()).spec.holderIdentity).not.toBe(holder);
  },
);

scenario(
  "with client-go's own candidate on one Lease: never both lead, and it passes on both ways",
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'election-'));
    const { supervise, election } = await locateElection(() => {});
    const log = join(dir, 'log');
    const startTheirs = () =>
      SupervisedProcess.start({
        supervise,
        logFile: log,
        scratch: dir,
        command: [
          election,
          ...['--kubeconfig', env.controlPlane.kubeconfig, '--namespace', OPERATOR_NAMESPACE],
          ...['--name', LEASE, '--lease-duration', `${LEASE_DURATION_MS}ms`],
          ...['--renew-deadline', '2s', '--retry-period', `${RETRY_PERIOD_MS}ms`],
        ],
      });
    const said = async (event: string) =>
      (await readFile(log, 'utf8')).split('\n').filter((line) => line.endsWith(` ${event}`)).length;
    const ours = async (replica: OperatorProcess) =>
      await replica.metric(`leader_election_master_status{name="${LEASE}"}`);

    const first = await startReplica('first');
    await untilLeads(first);
    const theirs = await startTheirs();
    await waitUntil('client-go to see our leader', async () =>
      (await readFile(log, 'utf8')).includes('leader '),
    );
    expect(await said('leading')).toBe(0);

    expect(await first.stop()).toBe(0);
    await waitUntil('client-go to lead', async () => (await said('leading')) === 1);
    const second = await startReplica('second');
    expect(await ours(second)).toBe(0);

    await theirs.stop('SIGTERM', 5_000);
    await untilLeads(second);
    expect(await said('stopped')).toBe(1);

    // The same without notice: a killed process does not release its lease.
    const again = await startTheirs();
    second.signal('SIGKILL');
    await waitUntil('client-go to take over what ran out', async () => (await said('leading')) === 2);
    const third = await startReplica('first');
    again.signal('SIGKILL');
    const killedAt = performance.now();
    await untilLeads(third);
    expect(performance.now() - killedAt).toBeGreaterThan(LEASE_DURATION_MS - 2 * RETRY_PERIOD_MS);
    await rm(dir, { recursive: true, force: true });
  },
);
