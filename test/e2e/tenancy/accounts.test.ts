import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { StsStub } from '../../environment/cloud/sts-stub.ts';
import { runPlugin } from '../../environment/plugin-process.ts';
import { scenarios } from '../../environment/scenario.ts';

const ROLE = { roleArn: 'acs:ram::1234567890123456:role/slb', externalId: 'external-of-the-test' };
const LISTED = ['--assumable-role', ROLE.roleArn];
const MINUTE = 60_000;
const EXPIRY = 'vsgb_credentials_expiry_timestamp_seconds';

let env: Environment;
let app: Workloads;
let group: string;
let sts: StsStub;
let operator: OperatorProcess;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('accounts');
  group = env.createGroup();
  sts = await StsStub.start(env.simulator.accessKeys, 60 * MINUTE);
}, 60_000);
afterEach(async () => {
  await operator?.kill();
  await sts?.[Symbol.asyncDispose]();
});
afterAll(async () => {
  await env?.close();
});

async function start(flags: readonly string[] = LISTED): Promise<void> {
  operator = await env.startOperator({
    flags: ['--namespace', app.namespace, '--sts-endpoint', sts.url, ...flags],
  });
}

const serve = (...addresses: readonly string[]) =>
  app.applySlice(
    'web',
    addresses.map((address) => ({ addresses: [address] })),
  );

async function bindWeb(...addresses: readonly string[]): Promise<void> {
  await app.createService('web', { selector: undefined });
  await serve(...addresses);
  await app.bind('web', group, { assumeRole: ROLE });
}

/** Access key IDs of the successful calls, without consecutive repeats. */
function keysUsed(concerns: (call: { readonly group?: string; readonly action: string }) => boolean) {
  const ids = env.simulator.journal
    .filter((call) => call.code === 'OK' && concerns(call))
    .map(({ accessKeyId }) => accessKeyId);
  return ids.filter((id, i) => id !== ids[i - 1]);
}
const keysOfGroup = () => keysUsed((call) => call.group === group);

const untilGone = (name: string) =>
  waitUntil(`${name} to be gone`, async () => !(await env.api.find(`${app.bindings()}/${name}`)));

scenario(
  'a group of another account: called with sessions of the role, while interfaces are looked up with the own key',
  async () => {
    const before = env.simulator.journal.length;
    await start();
    await bindWeb('10.60.0.1', '10.60.0.2');
    await env.untilHolds(group, ['10.60.0.1', '10.60.0.2']);
    const { status } = await app.untilCondition('web', 'True', 'Synced');
    expect(status?.conditions?.[0]?.message).toContain(
      `vServer group ${group} (cn-hangzhou, account 1234567890123456)`,
    );
    expect(keysOfGroup()).toEqual(['STS.session1']);
    expect(sts.assumed).toEqual([`testid ${ROLE.roleArn} ${ROLE.externalId}`]);
    const lookUps = env.simulator.journal
      .slice(before)
      .filter(({ action }) => action === 'DescribeNetworkInterfaces');
    expect(new Set(lookUps.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(['testid']));
    const log = await operator.log();
    for (const hidden of ['STS.session', 'secret of', 'token of', ROLE.externalId])
      expect(log).not.toContain(hidden);
  },
);

scenario('sessions are renewed while the operator runs, and nobody notices', async () => {
  // A session is not used within half a minute of its expiration, so these last for three seconds.
  sts.lifetimeMs = 33_000;
  await start();
  await bindWeb('10.61.0.1');
  let last = 1;
  await waitUntil('two more sessions', async () => {
    last++;
    await serve('10.61.0.1', `10.61.0.${last}`);
    await env.untilHolds(group, ['10.61.0.1', `10.61.0.${last}`]);
    return sts.assumed.length >= 3;
  });
  expect(keysOfGroup().slice(0, 3)).toEqual(['STS.session1', 'STS.session2', 'STS.session3']);
  expect((await app.events('web')).filter((event) => !/^(Added|Removed):/.test(event))).toEqual([]);
});

scenario('the session of a role that no binding names any more ends', async () => {
  // Renewed after two seconds.
  sts.lifetimeMs = 4_000;
  await start();
  await bindWeb('10.69.0.1');
  await env.untilHolds(group, ['10.69.0.1']);
  expect(await operator.metric(EXPIRY)).toBeGreaterThan(0);
  await app.deleteBinding('web');
  await untilGone('web');
  sts.refuses = 'NoPermission';
  await waitUntil('its expiry to count no more', async () => (await operator.metric(EXPIRY)) === 0);
});

scenario('a role that is not listed: no call for it, told; served by an operator that lists it', async () => {
  const calls = env.recordCalls(group);
  await start([]);
  await bindWeb('10.62.0.1');
  const { status, metadata } = await app.untilCondition('web', 'False', 'RoleNotAllowed');
  expect(status?.conditions?.[0]?.message).toContain(
    `${app.namespace}/web names the RAM role ${ROLE.roleArn}, which this operator may not assume`,
  );
  expect(metadata.finalizers).toBeUndefined();
  expect([calls.all(), sts.assumed]).toEqual([[], []]);
  await operator.stop();
  await start();
  await env.untilHolds(group, ['10.62.0.1']);
  await app.untilCondition('web', 'True', 'Synced');
});

scenario('… deleted, it goes without a call', async () => {
  await start([]);
  await bindWeb('10.63.0.1');
  await app.untilCondition('web', 'False', 'RoleNotAllowed');
  await app.deleteBinding('web');
  await untilGone('web');
  expect(sts.assumed).toEqual([]);
});

scenario(
  'a role that is listed no more: what the binding has stays, also when it is deleted, until it is listed or retained',
  async () => {
    await start();
    await bindWeb('10.64.0.1');
    await app.bind('kept', group, { assumeRole: ROLE, deletionPolicy: 'Retain' });
    await env.untilHolds(group, ['10.64.0.1']);
    await env.untilStatusTrue(app, 'web', group, { registered: 1 });
    await operator.stop();
    const calls = env.recordCalls(group);
    await start([]);
    await app.untilCondition('web', 'False', 'RoleNotAllowed');
    await serve('10.64.0.2');
    await app.deleteBinding('web');
    await waitUntil('its end to be told to wait', async () => {
      const { status } = await app.binding('web');
      return status?.conditions?.some(({ message }) =>
        message.includes(`1 backend stays in vServer group ${group}`),
      );
    });
    await app.deleteBinding('kept');
    await untilGone('kept');
    expect(calls.all()).toEqual([]);
    await env.untilHolds(group, ['10.64.0.1']);
    await operator.stop();
    await start();
    await untilGone('web');
    expect(env.rows(group)).toEqual([]);
  },
);

scenario('one id in two accounts is two groups, each called with what is its own', async () => {
  await start();
  await bindWeb('10.65.0.1');
  await env.untilHolds(group, ['10.65.0.1']);
  await app.bind('own', group, { serviceRef: { name: 'web', port: 80 }, mode: 'RemoveOnly' });
  await waitUntil('the group to be read with the own key', () => keysOfGroup().includes('testid'));
  expect(await operator.metric('vsgb_groups')).toBe(2);
});

const KEY = { ALIBABA_CLOUD_ACCESS_KEY_ID: 'testid', ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'testsecret' };
const cloud = () => [
  ...['--region', 'cn-hangzhou', '--sts-endpoint', sts.url],
  ...['--slb-endpoint', env.simulator.url, '--ecs-endpoint', env.simulator.url],
];

/** Runs on this machine, with the operator's key. */
function plugin(...args: readonly string[]) {
  return runPlugin([...args, '-o', 'json', '--kubeconfig', env.controlPlane.kubeconfig, ...cloud()], KEY);
}

interface Found {
  readonly check: string;
  readonly level: string;
  readonly message: string;
}

function ofRoles(stdout: string): readonly Found[] {
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Found[] };
  return findings.filter(({ check }) => check.startsWith('role '));
}

scenario('kubectl vsgb diff reads the group with the role, if it is told that it may', async () => {
  await start();
  await bindWeb('10.66.0.1');
  await env.untilHolds(group, ['10.66.0.1']);
  await operator.stop();
  await serve();
  const diff = (...flags: readonly string[]) => plugin('diff', 'web', '-n', app.namespace, ...flags);
  const before = sts.assumed.length;
  const refused = await diff();
  expect(JSON.parse(refused.stdout)).toMatchObject({
    changes: [],
    notes: [{ binding: `${app.namespace}/web`, reason: 'RoleNotAllowed' }],
  });
  expect(sts.assumed).toHaveLength(before);
  const allowed = await diff(...LISTED);
  expect(JSON.parse(allowed.stdout)).toMatchObject({
    account: '1234567890123456',
    changes: [{ action: 'remove', serverIp: '10.66.0.1' }],
  });
  expect(sts.assumed).toHaveLength(before + 1);
});

scenario(
  'kubectl vsgb check assumes each role that is listed, with the external id of the bindings that name it',
  async () => {
    await bindWeb('10.67.0.1');
    const unnamed = 'acs:ram::1234567890123456:role/unnamed';
    const check = async () =>
      ofRoles((await plugin('check', '--from', 'here', ...LISTED, '--assumable-role', unnamed)).stdout);
    const both = (...levels: readonly string[]) =>
      [ROLE.roleArn, unnamed].map((arn, i) =>
        expect.objectContaining({ check: `role ${arn}`, level: levels[i] }),
      );
    expect(await check()).toEqual(both('ok', 'ok'));
    expect(sts.assumed.toSorted()).toEqual([
      `testid ${ROLE.roleArn} ${ROLE.externalId}`,
      `testid ${unnamed} `,
    ]);
    sts.refuses = 'NoPermission';
    const refused = await check();
    expect(refused).toEqual(both('failed', 'warning'));
    expect(refused.map(({ message }) => message).join()).not.toContain(ROLE.externalId);
  },
);

scenario(
  '… in every namespace of an operator that looks after several; what it may not list there is not taken for nothing',
  async () => {
    const other = await env.createNamespace('accounts');
    await bindWeb('10.68.0.1');
    const as = async (kubeconfig: string) => {
      const namespaces = ['--namespace', other.namespace, '--namespace', app.namespace];
      const flags = ['--kubeconfig', kubeconfig, ...namespaces, ...cloud(), ...LISTED];
      return ofRoles((await runPlugin(['__check', '--', ...flags], KEY)).stdout);
    };
    const check = `role ${ROLE.roleArn}`;
    sts.wants = ROLE.externalId;
    expect(await as(env.operatorKubeconfig)).toMatchObject([{ check, level: 'ok' }]);
    sts.wants = 'another';
    expect(await as(env.operatorKubeconfig)).toMatchObject([{ check, level: 'failed' }]);
    const nobody = await env.controlPlane.kubeconfigForServiceAccount(other.namespace, 'default');
    const message = expect.stringContaining('the bindings that may name one cannot be listed');
    expect(await as(nobody)).toMatchObject([{ check, level: 'unknown', message }]);
  },
);

scenario('what names a role cannot be changed, added or removed, and has to be the ARN of one', async () => {
  const bind = (name: string, assumeRole?: object) =>
    app.bind(name, group, { serviceRef: { name: 'web', port: 80 }, ...(assumeRole && { assumeRole }) });
  await bind('far', ROLE);
  await bind('own');
  const patch = (name: string, assumeRole: object | null) =>
    env.api.patch(`${app.bindings()}/${name}`, { spec: { assumeRole } });
  await expect(patch('far', { ...ROLE, externalId: 'another' })).rejects.toThrow(/cannot be changed/);
  await expect(patch('far', null)).rejects.toThrow(/assumeRole cannot be added or removed/);
  await expect(patch('own', ROLE)).rejects.toThrow(/assumeRole cannot be added or removed/);
  await expect(bind('none', { roleArn: 'acs:ram::1:user/somebody' })).rejects.toThrow(
    /must be the ARN of a RAM role/,
  );
});
