import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { type CloudConfig, createCloud } from '../../../src/alibaba/cloud.ts';
import { type Clock, systemClock } from '../../../src/clock.ts';
import type { EniLookup } from '../../../src/cloud/eni-resolver.ts';
import { type AssumedRole, vServerGroup } from '../../../src/cloud/group-ref.ts';
import { failure, fault, json, LocalApi } from './rpc/local-api.ts';

const ROLE: AssumedRole = { roleArn: 'acs:ram::2:role/slb', externalId: 'shop/1' };
const OTHER_ROLE: AssumedRole = { roleArn: 'acs:ram::2:role/other' };
const OWN = vServerGroup('cn-hangzhou', 'rsp-1');
const FAR = vServerGroup('cn-hangzhou', 'rsp-1', { account: '2', role: ROLE });

interface Faults {
  /** Access keys. */
  readonly throttled?: readonly string[];
  readonly invalid?: readonly string[];
  readonly denied?: readonly string[];
  readonly clock?: Clock;
}

/** An API whose STS names each session after its role, and which records who signed each call. */
async function setUp(
  flags: Partial<CloudConfig> = {},
  { throttled = [], invalid = [], denied = [], clock = systemClock }: Faults = {},
) {
  const dir = await mkdtemp(join(tmpdir(), 'cloud-'));
  await writeFile(join(dir, 'access-key-id'), 'own-key');
  await writeFile(join(dir, 'access-key-secret'), 'own-secret');
  const calls: string[] = [];
  const sts = { refuses: false };
  const api = await LocalApi.start(({ params }, response) => {
    const { Action = '', AccessKeyId = '', RoleArn = '' } = params;
    calls.push(`${Action} ${AccessKeyId}`);
    if (throttled.includes(AccessKeyId)) return fault(response, 'Throttling', 'slow down', 400);
    if (invalid.includes(AccessKeyId))
      return fault(response, 'InvalidAccessKeyId.NotFound', 'no such key', 404);
    if (denied.includes(AccessKeyId)) return fault(response, 'NoPermission', 'not authorized', 403);
    if (Action !== 'AssumeRole')
      return json(response, {
        RequestId: 'R',
        VServerGroupId: 'rsp-1',
        BackendServers: { BackendServer: [] },
        NetworkInterfaceSets: { NetworkInterfaceSet: [] },
      });
    if (sts.refuses) return fault(response, 'NoPermission', 'not trusted', 403);
    return json(response, {
      RequestId: 'R',
      Credentials: {
        ...{ AccessKeyId: RoleArn, AccessKeySecret: 'session-secret', SecurityToken: 'session-token' },
        Expiration: new Date(Date.now() + 3_600_000).toISOString(),
      },
    });
  });
  const config: CloudConfig = {
    ...{ region: 'cn-hangzhou', vpcId: undefined, endpointNetwork: 'vpc', allowInsecureEndpoints: false },
    ...{ slbEndpoint: api.url, ecsEndpoint: api.url, stsEndpoint: api.url, credentialsDir: dir },
    ...{ assumeRoleArn: undefined, assumeRoleExternalId: undefined },
    ...{ apiTimeout: 2_000, apiQps: 50, apiBurst: 150, addWindow: 0, resync: 300_000 },
    ...flags,
  };
  const told: string[] = [];
  const cloud = createCloud(config, clock, {
    onRefresh: (record) => void told.push(JSON.stringify(record)),
  });
  const changed: (AssumedRole | undefined)[] = [];
  cloud.onCredentialsChanged((role) => void changed.push(role));
  const close = async () => {
    cloud.close();
    await api[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  };
  return { cloud, calls, sts, told, changed, dir, [Symbol.asyncDispose]: close };
}

const DESCRIBE = 'DescribeVServerGroupAttribute';

test('each group is called with the role of its account, whose session is opened once', async () => {
  await using run = await setUp();
  const { groups } = run.cloud;
  await Promise.all([groups.describe(OWN), groups.describe(FAR), groups.describe(FAR)]);
  await groups.describe({ ...FAR, role: OTHER_ROLE });
  expect([...run.calls].sort()).toEqual([
    'AssumeRole own-key',
    'AssumeRole own-key',
    `${DESCRIBE} ${OTHER_ROLE.roleArn}`,
    `${DESCRIBE} ${ROLE.roleArn}`,
    `${DESCRIBE} ${ROLE.roleArn}`,
    `${DESCRIBE} own-key`,
  ]);
  expect(run.changed).toEqual(expect.arrayContaining([undefined, ROLE, OTHER_ROLE]));
  for (const hidden of ['secret', 'session-token', ROLE.externalId])
    expect(run.told.join()).not.toContain(hidden);
});

test('a right on a group is probed with the role of its account', async () => {
  await using run = await setUp();
  await run.cloud.rights.probe('RemoveVServerGroupBackendServers', FAR);
  await run.cloud.rights.probe('RemoveVServerGroupBackendServers', OWN);
  expect(run.calls.filter((call) => call.startsWith('Remove'))).toEqual([
    `RemoveVServerGroupBackendServers ${ROLE.roleArn}`,
    'RemoveVServerGroupBackendServers own-key',
  ]);
});

test('a role is not assumed with the sessions of --assume-role-arn', async () => {
  await using run = await setUp({ assumeRoleArn: 'acs:ram::3:role/main' });
  await run.cloud.groups.describe(OWN);
  await run.cloud.groups.describe(FAR);
  expect(run.calls).toEqual([
    'AssumeRole own-key',
    `${DESCRIBE} acs:ram::3:role/main`,
    'AssumeRole own-key',
    `${DESCRIBE} ${ROLE.roleArn}`,
  ]);
});

test('a lookup of an ENI that failed for want of credentials is retried as soon as there are others', async () => {
  const clock = new FakeClock();
  await using run = await setUp({}, { invalid: ['own-key'], clock });
  const { resolver, credentials } = run.cloud;
  const answered = (state: EniLookup['state']) =>
    waitUntil(`the answer ${state}`, async () => {
      const lookup = resolver.lookup('cn-hangzhou', '10.0.0.1');
      await clock.advance(0);
      return lookup.state === state;
    });
  await answered('failed');
  await writeFile(join(run.dir, 'access-key-id'), 'next-key');
  // Credentials that were read just now are not read again; a failed lookup is retried by itself only after a second.
  await clock.advance(500);
  await credentials.refresh('by the test');
  await answered('missing');
  expect(clock.now()).toBeLessThan(1_000);
});

test('a right that is missing is to be granted to the role that was assumed, whichever way', async () => {
  const main = 'acs:ram::3:role/main';
  await using run = await setUp({ assumeRoleArn: main }, { denied: [main, ROLE.roleArn] });
  const { groups, client } = run.cloud;
  const loadBalancer = { regionId: 'cn-hangzhou', id: 'lb-1', account: '2', role: ROLE };
  expect((await failure(groups.list(loadBalancer))).hint.text).toContain(`to the RAM role ${ROLE.roleArn}.`);
  expect((await failure(groups.describe(OWN))).hint.text).toContain(`to the RAM role ${main}.`);
  const query = { regionId: 'cn-hangzhou', privateIps: ['10.0.0.1'] };
  expect((await failure(client.ecs.describeNetworkInterfaces(query))).hint.text).toBe(
    `Grant the RAM action ecs:DescribeNetworkInterfaces to the RAM role ${main}.`,
  );
});

test('each account has a pace of its own', async () => {
  await using run = await setUp({}, { throttled: [ROLE.roleArn] });
  await run.cloud.groups.describe(OWN);
  expect(await failure(run.cloud.groups.describe(FAR))).toMatchObject({ kind: 'throttled' });
  const [own, far] = run.cloud.limiters();
  expect(own?.rate).toBe(50);
  expect(far?.rate).toBeLessThan(50);
});

test('the expiries are those of the sessions in use: one that is given up since there are too many counts no more', async () => {
  await using run = await setUp();
  const { groups, expiries } = run.cloud;
  await groups.describe(OWN);
  expect(expiries()).toEqual([]);
  for (let n = 0; n < 201; n++)
    await groups.describe({ ...FAR, role: { roleArn: ROLE.roleArn, externalId: `${n}` } });
  expect(expiries()).toHaveLength(200);
});

test('a group of another account is never called with the own credentials', async () => {
  await using run = await setUp();
  const { role: _, ...unreachable } = FAR;
  await expect(run.cloud.groups.describe(unreachable)).rejects.toThrow('no role to call account 2 with');
  expect(run.calls).toEqual([]);
});

describe('the session of a role', () => {
  const MINUTE = 60_000;

  /** `named`: whether a binding names the role. */
  async function setUpWith(named: boolean) {
    const clock = new FakeClock(0, Date.now());
    const run = await setUp({}, { clock });
    const bindings = { nameIt: named };
    run.cloud.renewSessionsIf((role) => role === ROLE && bindings.nameIt);
    const assumed = () => run.calls.filter((call) => call.startsWith('AssumeRole')).length;
    const after = async (minutes: number) => {
      for (let minute = 0; minute < minutes; minute++) await clock.advance(MINUTE);
    };
    return { ...run, bindings, assumed, after, clock };
  }

  test('that a binding names is renewed before it ends, although no call uses it', async () => {
    await using run = await setUpWith(true);
    await run.cloud.groups.describe(FAR);
    const [first = 0] = run.cloud.expiries();
    await run.after(46);
    await waitUntil('another session', () => run.assumed() === 2 && run.cloud.expiries()[0] !== first);
  });

  test('that no binding names any more is given up: it is not assumed again, and its expiry counts no more', async () => {
    await using run = await setUpWith(true);
    await run.cloud.groups.describe(FAR);
    expect(run.cloud.expiries()).toHaveLength(1);
    run.bindings.nameIt = false;
    run.sts.refuses = true;
    await run.after(120);
    expect(run.cloud.expiries()).toEqual([]);
    expect(run.assumed()).toBe(1);
    expect(run.told.filter((record) => record.includes('failure'))).toEqual([]);
  });

  test('that was refused from the start is not asked for again once no binding names the role', async () => {
    await using run = await setUpWith(true);
    run.sts.refuses = true;
    await failure(run.cloud.groups.describe(FAR));
    run.bindings.nameIt = false;
    await run.after(120);
    expect(run.assumed()).toBe(1);
  });

  test('is opened at once by the next call, if a binding names the role again', async () => {
    await using run = await setUpWith(false);
    await run.cloud.groups.describe(FAR);
    await run.after(120);
    run.bindings.nameIt = true;
    await run.cloud.groups.describe(FAR);
    expect(run.assumed()).toBe(2);
    expect(run.told.filter((record) => record.includes('"reason":"needed"')).length).toBeGreaterThan(2);
  });
});
