import { expect, test } from '@jest/globals';
import type { FaultRule } from '../../../simulator/faults.ts';
import { type SimulatorOptions, startSimulator } from '../../../simulator/simulator.ts';
import { PROBED_WRITES } from '../../../src/alibaba/api/rights-probe.ts';
import { createAlibabaClient } from '../../../src/alibaba/client.ts';
import { createCredentialsSource } from '../../../src/alibaba/credentials/credentials.ts';
import { createEniResolver } from '../../../src/alibaba/eni-resolver.ts';
import { createCloudTime } from '../../../src/alibaba/rpc/cloud-time.ts';
import { createRateLimiter } from '../../../src/alibaba/throttle.ts';
import { systemClock } from '../../../src/clock.ts';
import type { CallOutcome, ErrorKind } from '../../../src/cloud/api-error.ts';
import type { Row } from '../../../src/membership/backend.ts';
import { failure, fixedCredentials, GROUP, rowsAfter } from './rpc/local-api.ts';

const KEY = { accessKeyId: 'testid', accessKeySecret: 'testsecret' };
const ADD = 'AddVServerGroupBackendServers';
const REMOVE = 'RemoveVServerGroupBackendServers';

const ENI: Row = {
  ...{
    serverId: 'eni-a',
    serverIp: '10.0.0.1',
    port: 8080,
    type: 'eni',
    weight: 60,
    description: 'vsgb/c/ns/web',
  },
};
const ENI_2: Row = { ...ENI, serverIp: '10.0.0.2', weight: 100 };
const ECS: Row = {
  serverId: 'i-a',
  port: 30080,
  type: 'ecs',
  weight: 100,
  description: 'vsgb/c/ns/web',
};

async function setUp(options: SimulatorOptions = {}, timeoutMs = 2_000, credentials = fixedCredentials(KEY)) {
  const simulator = await startSimulator({ groups: ['rsp-1'], ...options });
  const limiter = createRateLimiter({ clock: systemClock, qps: 1_000, burst: 1_000 });
  const client = createAlibabaClient({
    endpoints: { network: 'vpc', override: { slb: simulator.url, ecs: simulator.url } },
    ...{
      credentials,
      limiter,
      clock: systemClock,
      cloudTime: createCloudTime(systemClock),
      timeoutMs,
      env: {},
      retry: { attempts: 3, random: () => 0 },
    },
  });
  const close = async () => {
    client.close();
    limiter.close();
    await simulator.close();
  };
  return { ...client, simulator, [Symbol.asyncDispose]: close };
}

test.each([false, true])('all verbs, with numbers as strings: %s', async (numbersAsStrings) => {
  await using run = await setUp({ numbersAsStrings });
  const { vServerGroups } = run;
  expect(await rowsAfter(vServerGroups.add(GROUP, [ENI, ENI_2, ECS]))).toEqual([ENI, ENI_2, ECS]);
  const weighted = await rowsAfter(vServerGroups.setWeight(GROUP, [{ ...ENI, weight: 0 }]));
  expect(weighted.find(({ serverIp }) => serverIp === '10.0.0.1')).toEqual({ ...ENI, weight: 0 });
  const description = await vServerGroups.describe(GROUP);
  expect(description).toMatchObject({
    loadBalancerId: 'lb-1',
    rows: [{ ...ENI, weight: 0 }, ENI_2, ECS],
    pending: false,
  });
  // Nothing is removed unless Type and ServerIp match the row: the simulator is strict about both.
  expect(await rowsAfter(vServerGroups.remove(GROUP, description.rows.slice(0, 2)))).toEqual([ECS]);
  expect(await rowsAfter(vServerGroups.remove(GROUP, [ENI]))).toEqual([ECS]);
});

test('what health checks say, of each listener', async () => {
  await using run = await setUp();
  const { vServerGroups, simulator } = run;
  await vServerGroups.add(GROUP, [ENI, ECS]);
  for (const port of [80, 81])
    simulator.state.addListener('lb-1', {
      protocol: 'tcp',
      port,
      vServerGroupId: 'rsp-1',
      status: 'running',
    });
  simulator.state.addListener('lb-1', {
    protocol: 'tcp',
    port: 82,
    vServerGroupId: 'rsp-1',
    status: 'stopped',
  });
  simulator.state.group('rsp-1').setHealth({ ...ECS, serverIp: '' }, 'abnormal');
  const said = await vServerGroups.describeHealth?.({ regionId: GROUP.regionId, id: 'lb-1' });
  expect(said?.map(({ backend, listener, status }) => `${backend} ${listener} ${status}`)).toEqual([
    'eni-a:8080:10.0.0.1 tcp:80 normal',
    'i-a:30080 tcp:80 abnormal',
    'eni-a:8080:10.0.0.1 tcp:81 normal',
    'i-a:30080 tcp:81 abnormal',
    'eni-a:8080:10.0.0.1 tcp:82 unavailable',
    'i-a:30080 tcp:82 unavailable',
  ]);
});

test('twenty backends fit in a call', async () => {
  await using run = await setUp();
  const twenty = Array.from({ length: 20 }, (_, i) => ({ ...ENI, serverIp: `10.0.1.${i}` }));
  expect(await rowsAfter(run.vServerGroups.add(GROUP, twenty))).toHaveLength(20);
  expect(await rowsAfter(run.vServerGroups.remove(GROUP, twenty))).toEqual([]);
});

test('interfaces of 150 addresses are found, and the resolver answers them', async () => {
  await using run = await setUp();
  run.simulator.state.removeEni('10.0.0.7');
  const ips = Array.from({ length: 150 }, (_, i) => `10.0.0.${i}`);
  const query = { regionId: 'cn-hangzhou', vpcId: 'vpc-1', privateIps: ips };
  const found = await run.ecs.describeNetworkInterfaces(query);
  expect(new Set(found.flatMap((eni) => eni.privateIps))).toEqual(
    new Set(ips.filter((ip) => ip !== '10.0.0.7')),
  );
  const resolver = createEniResolver({ ecs: run.ecs, clock: systemClock, vpcId: 'vpc-1' });
  const told = new Promise((resolve) => resolver.onResolved((_, changed) => resolve(changed)));
  resolver.lookup('cn-hangzhou', '10.0.0.6');
  resolver.lookup('cn-hangzhou', '10.0.0.7');
  await told;
  expect(resolver.lookup('cn-hangzhou', '10.0.0.6')).toMatchObject({ state: 'found' });
  expect(resolver.lookup('cn-hangzhou', '10.0.0.7')).toMatchObject({ state: 'missing' });
  resolver.close();
});

type Case = readonly [FaultRule, ErrorKind, CallOutcome];

test.each<Case>([
  [{ kind: 'error', code: 'VServerGroupProcessing' }, 'busy', 'refused'],
  [{ kind: 'error', code: 'ServiceIsConfiguring' }, 'busy', 'refused'],
  [{ kind: 'error', code: 'BackendServer.configuring' }, 'busy', 'refused'],
  [{ kind: 'error', code: 'SystemBusy' }, 'busy', 'refused'],
  [{ kind: 'error', code: 'Throttling.User', retryAfterMs: 70 }, 'throttled', 'refused'],
  [{ kind: 'error', code: 'InvalidSecurityToken.Expired' }, 'credentials', 'refused'],
  [{ kind: 'error', code: 'ObtainIpFail' }, 'badBackend', 'refused'],
  [{ kind: 'error', code: 'InstanceBackendServerNumberOverLimit' }, 'quota', 'refused'],
  [{ kind: 'error', code: 'Forbidden.RAM', httpStatus: 403 }, 'denied', 'refused'],
  [{ kind: 'error', code: 'LbStatusNotSupport' }, 'configuration', 'refused'],
  [{ kind: 'error', code: 'MissingParameter' }, 'bug', 'refused'],
  [{ kind: 'error', code: 'InternalError', httpStatus: 500 }, 'transient', 'unknown'],
  [{ kind: 'http-503' }, 'transient', 'unknown'],
  [{ kind: 'html-502' }, 'transient', 'unknown'],
  [{ kind: 'json-500' }, 'transient', 'unknown'],
  [{ kind: 'hang' }, 'transient', 'unknown'],
  [{ kind: 'applied-hang' }, 'transient', 'unknown'],
  [{ kind: 'reset' }, 'transient', 'unknown'],
  [{ kind: 'applied-no-reply' }, 'transient', 'unknown'],
  [{ kind: 'half-body' }, 'transient', 'unknown'],
])('a removal that meets %j is %s, outcome %s, and is sent once', async (fault, kind, outcome) => {
  await using run = await setUp({}, 300);
  await run.vServerGroups.add(GROUP, [ENI]);
  run.simulator.journal.clear();
  run.simulator.faults.add({ ...fault, action: REMOVE });
  const error = await failure(run.vServerGroups.remove(GROUP, [ENI]));
  expect(error).toMatchObject({ kind, outcome, action: REMOVE, group: GROUP });
  expect(error.retryAfterMs).toBe(fault.retryAfterMs);
  const described = (await run.vServerGroups.describe(GROUP)).rows;
  const applied = ['applied-hang', 'applied-no-reply', 'half-body'].includes(fault.kind);
  expect(described).toEqual(applied ? [] : [ENI]);
  expect(run.simulator.journal.filter(({ action }) => action === REMOVE).length).toBeLessThanOrEqual(1);
});

test.each(['http-503', 'html-502', 'json-500', 'reset', 'half-body'] as const)(
  'a look-up gets past %s',
  async (kind) => {
    await using run = await setUp();
    run.simulator.faults.add({ kind, times: 2 });
    const query = { regionId: 'cn-hangzhou', privateIps: ['10.0.0.1'] };
    expect(await run.ecs.describeNetworkInterfaces(query)).toHaveLength(1);
  },
);

test('after a connection died in the pool, a write tells so and the next one succeeds', async () => {
  await using run = await setUp();
  run.simulator.faults.add({ kind: 'stale-close', times: 1 });
  await run.vServerGroups.add(GROUP, [ENI]);
  const error = await failure(run.vServerGroups.add(GROUP, [ENI_2]));
  expect(error).toMatchObject({ kind: 'transient', outcome: 'unknown' });
  expect(await rowsAfter(run.vServerGroups.add(GROUP, [ENI_2]))).toEqual([ENI, ENI_2]);
  expect(run.simulator.journal.map(({ code }) => code)).toEqual(['OK', 'stale-close', 'OK']);
});

test('a group that does not exist is told apart from a bad parameter', async () => {
  await using run = await setUp();
  const gone = { ...GROUP, id: 'rsp-gone' };
  for (const call of [
    failure(run.vServerGroups.describe(gone)),
    failure(run.vServerGroups.add(gone, [ENI])),
    failure(run.vServerGroups.setWeight(gone, [ENI])),
    failure(run.vServerGroups.remove(gone, [ENI])),
  ]) {
    expect(await call).toMatchObject({ kind: 'groupMissing', outcome: 'refused', group: gone });
  }
  const bad = await failure(run.vServerGroups.add(GROUP, [{ ...ENI, port: 70_000 }]));
  expect(bad).toMatchObject({ kind: 'bug', group: GROUP });
});

test('a stopped instance is a bad backend', async () => {
  await using run = await setUp();
  run.simulator.state.setInstance('i-a', 'Stopped');
  expect(await failure(run.vServerGroups.add(GROUP, [ECS, ENI]))).toMatchObject({ kind: 'badBackend' });
});

test('a wrong secret is a matter of credentials, and the string that was signed is not shown', async () => {
  const wrong = fixedCredentials({ ...KEY, accessKeySecret: 'wrong-secret' });
  await using run = await setUp({}, 2_000, wrong);
  const error = await failure(run.vServerGroups.add(GROUP, [ENI]));
  expect(error).toMatchObject({ kind: 'credentials', code: 'SignatureDoesNotMatch' });
  expect(error.message).not.toMatch(/testid|BackendServers%/);
});

test('a session that the API calls expired is renewed, and the write goes through', async () => {
  let loads = 0;
  const provider = {
    description: 'a session',
    load: async () => {
      loads += 1;
      return { accessKeyId: `STS.${loads}`, accessKeySecret: 'secret', securityToken: `token-${loads}` };
    },
  };
  let now = 0;
  const clock = { ...systemClock, now: () => now };
  const source = createCredentialsSource(provider, { clock, cloudTime: createCloudTime(clock) });
  const accessKeys = [1, 2].map((n) => ({ id: `STS.${n}`, secret: 'secret', securityToken: `token-${n}` }));
  await using run = await setUp({ accessKeys }, 2_000, source);
  await run.vServerGroups.add(GROUP, [ENI]);
  now = 60_000;
  run.simulator.accessKeys.expire('STS.1');
  expect(await rowsAfter(run.vServerGroups.remove(GROUP, [ENI]))).toEqual([]);
  expect(loads).toBe(2);
  expect(run.simulator.journal.map(({ action, code }) => [action, code])).toEqual([
    [ADD, 'OK'],
    [REMOVE, 'InvalidSecurityToken.Expired'],
    [REMOVE, 'OK'],
  ]);
});

test.each(PROBED_WRITES)(
  'a probe of the right to %s changes nothing, and is denied without that right',
  async (action) => {
    await using setup = await setUp({
      groups: [{ id: 'rsp-1', rows: [{ serverId: 'i-a', port: 30080, weight: 7 }] }],
    });
    const { rights, simulator } = setup;
    const rows = () => simulator.state.group('rsp-1').rows();
    const before = rows();
    const asked = await rights.probe(action, GROUP).then(
      () => 'taken',
      (error: { kind: string }) => error.kind,
    );
    expect([asked, rows()]).toEqual([action === REMOVE ? 'taken' : 'bug', before]);
    simulator.ram.deny({ action });
    await expect(rights.probe(action, GROUP)).rejects.toMatchObject({ kind: 'denied', action });
    expect(rows()).toEqual(before);
  },
);
