import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { applyFiles } from '../../../lab/control-plane/api/apply.ts';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { createGatedApp, untilGates } from '../../environment/gated-pods.ts';
import { GRANTS_RBAC, grant } from '../../environment/namespace-grants.ts';
import { runPlugin } from '../../environment/plugin-process.ts';
import { scenarios } from '../../environment/scenario.ts';

const FLAGS = ['--require-grants', '--readiness-gates'];

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
let foreign: readonly string[];
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  await allowGates(env.api);
  await applyFiles(env.api, [GRANTS_RBAC]);
  operator = await env.startOperator({ flags: FLAGS });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('tenant');
  group = env.createGroup();
  foreign = env.addForeignRows(group);
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const loadBalancer = () => env.simulator.state.group(group).loadBalancerId;
const eventsOf = async (reason: string, name = 'web') =>
  (await app.events(name)).filter((event) => event.startsWith(`${reason}: `));
const untilGone = (name: string) =>
  waitUntil(`${name} to be gone`, async () => !(await env.api.find(`${app.bindings()}/${name}`)));

/** Sets the endpoints of the Service. */
const serve = (...addresses: readonly string[]) =>
  app.applySlice(
    'web',
    addresses.map((address) => ({ addresses: [address] })),
  );

/** Two endpoints in a granted group. */
async function bindTwo(spec: Readonly<Record<string, unknown>> = {}, annotation = group): Promise<void> {
  await grant(app, annotation);
  await app.createService('web', { selector: undefined });
  await serve('10.90.0.1', '10.90.0.2');
  await app.bind('web', group, spec);
  await env.untilHolds(group, ['10.90.0.1', '10.90.0.2'], spec['ownership'] === 'Exclusive' ? [] : foreign);
}

async function withdraw(annotation: string | null = null): Promise<void> {
  await grant(app, annotation);
  await app.untilCondition('web', 'False', 'GroupNotGranted');
}

scenario('a binding without a grant: no call for it, told; served as soon as it is granted', async () => {
  const calls = env.recordCalls(group);
  await app.createService('web', { selector: undefined });
  await serve('10.90.0.1');
  await app.bind('web', group, { ownership: 'Exclusive' });
  const { status, metadata } = await app.untilCondition('web', 'False', 'GroupNotGranted');
  const [ready, stalled] = status?.conditions ?? [];
  expect([ready?.type, stalled?.type, stalled?.status]).toEqual(['Ready', 'Stalled', 'True']);
  expect(ready?.message).toMatch(
    `Namespace ${app.namespace} is not granted vServer group ${group} (cn-hangzhou): nothing is added to it for this binding;`,
  );
  expect(status?.loadBalancerId).toBeUndefined();
  expect(metadata.finalizers).toBeUndefined();
  await waitUntil('the event', async () => (await eventsOf('GroupNotGranted')).length === 1);
  expect(calls.all()).toEqual([]);
  await grant(app, `${group}:Exclusive`);
  await env.untilHolds(group, ['10.90.0.1']);
  await app.untilCondition('web', 'True', 'Synced');
});

scenario('… deleted, it goes without a call', async () => {
  const calls = env.recordCalls(group);
  await app.bind('web', group);
  await app.untilCondition('web', 'False', 'GroupNotGranted');
  await app.deleteBinding('web');
  await untilGone('web');
  expect(calls.all()).toEqual([]);
});

scenario(
  'a grant that is withdrawn: what lives stays, what leaves leaves, nothing is added, by the next operator neither',
  async () => {
    await bindTwo();
    const calls = env.recordCalls(group);
    await withdraw('rsp-other');
    await serve('10.90.0.2', '10.90.0.3');
    await env.untilHolds(group, ['10.90.0.2'], foreign);
    await operator.stop();
    await serve('10.90.0.2', '10.90.0.3', '10.90.0.4');
    const reads = env.recordCalls(group);
    operator = await env.startOperator({ flags: FLAGS });
    await waitUntil('the group to be read', () => reads.of('Describe').length > 0);
    await env.untilStatusTrue(app, 'web', group, { registered: 1 });
    expect(calls.story()).toEqual(['Remove 10.90.0.1:8080']);
    await grant(app, group);
    await env.untilHolds(group, ['10.90.0.2', '10.90.0.3', '10.90.0.4'], foreign);
    await app.untilCondition('web', 'True', 'Synced');
    expect(await operator.metric(`vsgb_binding_stalled{namespace="${app.namespace}",name="web"}`)).toBe(0);
  },
);

scenario('… and the binding is deleted: its backends leave, and it ends', async () => {
  await bindTwo();
  await withdraw();
  const calls = env.recordCalls(group);
  await app.deleteBinding('web');
  await untilGone('web');
  expect(env.rows(group)).toEqual([...foreign].sort());
  expect(calls.story()).toEqual(['Remove 10.90.0.1:8080 10.90.0.2:8080']);
});

scenario('… while pods have a gate: a rollout waits, with the old pods serving, for the grant', async () => {
  await grant(app, group);
  await createGatedApp(app, 'web', {
    replicas: 2,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 2 } },
  });
  await app.bind('web', group);
  const old = await app.untilReady('web', 2);
  await env.untilHolds(group, old, foreign);
  await withdraw();
  await app.restart('web');
  await waitUntil('the new pods to be told what they wait for', async () => {
    const pods = await app.pods('web');
    const reasons = pods.flatMap(({ status }) =>
      (status.conditions ?? []).flatMap((one) => ('reason' in one ? [one.reason] : [])),
    );
    return reasons.filter((reason) => reason === 'GroupNotGranted').length === 2;
  });
  expect(env.rows(group)).toEqual([...old.map((address) => `${address}:8080*100`), ...foreign].sort());
  await grant(app, group);
  const now = await app.untilReady('web', 2);
  await env.untilHolds(group, now, foreign);
  expect(now).not.toEqual(old);
  await untilGates(app, 'web', 2, 'True Registered');
});

scenario('Exclusive without a grant of its own: rows of others stay, all else goes on', async () => {
  await grant(app, group);
  await app.createService('web', { selector: undefined });
  await serve('10.90.0.1');
  await app.bind('web', group, { ownership: 'Exclusive' });
  const { status } = await app.untilCondition('web', 'False', 'ExclusiveNotGranted');
  expect(status?.conditions?.[0]?.message).toContain(
    `Namespace ${app.namespace} is not granted vServer group ${group} (cn-hangzhou) for ownership Exclusive: rows of others are left alone`,
  );
  await env.untilHolds(group, ['10.90.0.1'], foreign);
  await serve('10.90.0.2');
  await env.untilHolds(group, ['10.90.0.2'], foreign);
  await grant(app, `${group}:Exclusive`);
  await env.untilHolds(group, ['10.90.0.2']);
  await app.untilCondition('web', 'True', 'Synced');
});

scenario('a load balancer stands for all of its groups', async () => {
  await bindTwo({}, `rsp-other, ${loadBalancer()}`);
  await app.untilCondition('web', 'True', 'Synced');
  const stranger = env.createGroup();
  const calls = env.recordCalls(stranger);
  await app.bind('api', stranger, { serviceRef: { name: 'web', port: 80 } });
  await app.untilCondition('api', 'False', 'GroupNotGranted');
  expect(calls.all().map(({ action }) => action)).toEqual(['Describe']);
  expect((await app.binding('api')).status?.loadBalancerId).toBeUndefined();
});

scenario('an annotation with an entry that can’t be read takes nothing from what works; told', async () => {
  await bindTwo();
  await grant(app, 'rsp_typo');
  await serve('10.90.0.2', '10.90.0.3');
  await env.untilHolds(group, ['10.90.0.2', '10.90.0.3'], foreign);
  await waitUntil('the event', async () => (await eventsOf('GrantsUnreadable')).length === 1);
  expect(await eventsOf('GrantsUnreadable')).toEqual([
    expect.stringContaining('has "rsp_typo", which is no id of a group or load balancer'),
  ]);
  // It grants nothing, either.
  const other = env.createGroup();
  await app.bind('api', other, { serviceRef: { name: 'web', port: 80 } });
  const { status } = await app.untilCondition('api', 'False', 'GroupNotGranted');
  expect(status?.conditions?.[0]?.message).toContain('whose grants have "rsp_typo"');
  // Nor does it restore what was withdrawn.
  await withdraw('');
  await grant(app, 'rsp_typo');
  await serve('10.90.0.2', '10.90.0.3', '10.90.0.4');
  await operator.stop();
  operator = await env.startOperator({ flags: FLAGS });
  await env.untilStatusTrue(app, 'web', group, { registered: 2, desired: 3 });
  expect(env.rows(group)).toEqual(['10.90.0.2:8080*100', '10.90.0.3:8080*100', ...foreign].sort());
});

scenario('a binding of another namespace, without a grant, holds no row and takes none over', async () => {
  await bindTwo({ ownership: 'Exclusive' }, `${group}:Exclusive`);
  const thief = await env.createNamespace('thief');
  await thief.createService('web', { selector: undefined });
  await thief.applySlice('web', [{ addresses: ['10.90.0.1'] }, { addresses: ['10.66.0.1'] }]);
  await thief.bind('web', group, { mode: 'RemoveOnly', ownership: 'Exclusive' });
  await thief.untilCondition('web', 'False', 'GroupNotGranted');
  await serve('10.90.0.2');
  await env.untilHolds(group, ['10.90.0.2']);
  expect((await thief.binding('web')).status?.backends ?? []).toEqual([]);
});

scenario('kubectl vsgb diff --require-grants plans as the operator does', async () => {
  await grant(app, '');
  await app.createService('web', { selector: undefined });
  await serve('10.90.0.1');
  await app.bind('web', group);
  await app.untilCondition('web', 'False', 'GroupNotGranted');
  const { url } = env.simulator;
  const cloud = [
    '--region',
    'cn-hangzhou',
    '--vpc-id',
    'vpc-1',
    '--slb-endpoint',
    url,
    '--ecs-endpoint',
    url,
  ];
  const args = ['diff', 'web', '-n', app.namespace, '--kubeconfig', env.controlPlane.kubeconfig, ...cloud];
  const key = { ALIBABA_CLOUD_ACCESS_KEY_ID: 'testid', ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'testsecret' };
  expect((await runPlugin(args, key)).stdout).toContain('add');
  const refused = await runPlugin([...args, '--require-grants'], key);
  expect(refused.stdout).toBe('');
  expect(refused.stderr).toContain(`${app.namespace}/web: GroupNotGranted: Namespace ${app.namespace}`);
  await operator.stop();
  await grant(app, loadBalancer());
  expect((await runPlugin([...args, '--require-grants'], key)).stdout).toContain('add');
  operator = await env.startOperator({ flags: FLAGS });
});
