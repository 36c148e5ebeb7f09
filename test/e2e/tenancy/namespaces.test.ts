import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { applyObjects } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { Environment, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { AuditLog } from '../../environment/audit-log.ts';
import { createGatedApp, untilGates } from '../../environment/gated-pods.ts';
import { grantsTo } from '../../environment/grants.ts';
import { grant } from '../../environment/namespace-grants.ts';
import { DeployTools } from '../../helm/tools.ts';
import { VALUES } from '../../helm/values.ts';

const BUILD_MS = 30 * 60_000;
const RIGHTS = [
  ...['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
  ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
];

const audit = new AuditLog(`system:serviceaccount:${OPERATOR_NAMESPACE}:${OPERATOR_ACCOUNT}`);
let env: Environment;
let shop: Workloads;
let web: Workloads;
let rights: readonly KubeObject[];

/** Replaces the rights of the base with those that the chart installs for two namespaces. */
beforeAll(async () => {
  const tools = await DeployTools.find();
  env = await Environment.start({ controlPlane: { apiServerFlags: audit.apiServerFlags } });
  [shop, web] = [await env.createNamespace('shop'), await env.createNamespace('web')];
  const values = {
    ...{ ...VALUES.least, namespaces: [shop.namespace, web.namespace], clusterId: 'namespaces' },
    ...{ readinessGates: { enabled: true }, grants: { required: true } },
  };
  const objects = await tools.template(values, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE);
  await tools.close();
  rights = objects.filter(({ kind = '' }) => RIGHTS.includes(kind));
  const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
  for (const name of ['vservergroup-operator', 'vservergroup-operator-cluster'])
    await env.api.delete(`${bindings}/${name}`);
  await applyObjects(env.api, rights);
}, BUILD_MS);

afterAll(async () => {
  await env?.close();
  audit.remove();
});

test('of the whole cluster it may list nodes, and the namespaces that it looks after', () => {
  const clusterWide = rights.filter(({ kind }) => kind !== 'RoleBinding');
  const grants = grantsTo(
    OPERATOR_ACCOUNT,
    clusterWide.map((object) => ({ object, file: 'the chart' })),
  );
  expect(
    grants.map(({ verb, target, name }) => [verb, target, name].filter(Boolean).join(' ')).sort(),
  ).toEqual([
    `list namespaces ${shop.namespace}`,
    `list namespaces ${web.namespace}`,
    'list nodes',
    `watch namespaces ${shop.namespace}`,
    `watch namespaces ${web.namespace}`,
    'watch nodes',
  ]);
});

const FLAGS = [
  ...['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE, '--cluster-id', 'namespaces'],
  ...['--readiness-gates', '--require-grants'],
];
const startOperator = () =>
  env.startOperator({ flags: ['--namespace', shop.namespace, '--namespace', web.namespace, ...FLAGS] });

test('with these rights it serves both namespaces, gates and grants included, and asks for nothing more', async () => {
  const operator = await startOperator();
  for (const app of [shop, web]) {
    const group = env.createGroup();
    await app.bind('web', group);
    await app.untilCondition('web', 'False', 'GroupNotGranted');
    await grant(app, group);
    await createGatedApp(app, 'web', { replicas: 2 });
    await env.untilHolds(group, await app.untilReady('web', 2));
    await untilGates(app, 'web', 2, 'True Registered');
    await waitUntil('its events', async () => (await app.events('web')).length > 0);
    await app.deleteBinding('web');
    await waitUntil('the binding to be gone', async () => !(await env.api.find(`${app.bindings()}/web`)));
    expect(env.rows(group)).toEqual([]);
  }
  await operator.stop();
  const requests = await audit.requests();
  expect(requests.filter(({ allowed, status }) => !allowed || [401, 403].includes(status))).toEqual([]);
  expect(requests.length).toBeGreaterThan(50);
}, 120_000);

test('in any other namespace it may do nothing', async () => {
  const other = await env.createNamespace('other');
  await using operator = await KubeApi.fromKubeconfig(env.operatorKubeconfig);
  await operator.list(shop.bindings());
  const refused = [
    ...[other.bindings(), other.path('api/v1', 'services'), other.path('api/v1', 'pods')],
    ...['/api/v1/services', '/api/v1/pods', '/api/v1/namespaces'],
  ];
  for (const path of refused) await expect(operator.list(path)).rejects.toMatchObject({ status: 403 });
  const status = { status: { conditions: [] } };
  await expect(operator.patch(`${other.bindings()}/web/status`, status)).rejects.toMatchObject({
    status: 403,
  });
  await expect(operator.get('/api/v1/namespaces/kube-system')).rejects.toMatchObject({ status: 403 });
});

test('a namespace whose RoleBinding is deleted keeps its rows, and the other is served, also after a stall and a restart', async () => {
  const stall = async (operator: OperatorProcess) => {
    await operator.pause();
    const since = performance.now();
    await waitUntil('a stall of 2 s', () => performance.now() - since > 2_000);
    operator.signal('SIGCONT');
  };
  let operator = await startOperator();
  const [shopGroup, webGroup] = [env.createGroup(), env.createGroup()];
  for (const [app, group] of [
    [shop, shopGroup],
    [web, webGroup],
  ] as const) {
    await grant(app, group);
    await app.createApp('api', { replicas: 2 });
    await app.bind('api', group);
    await env.untilHolds(group, await app.untilReady('api', 2));
  }
  const before = env.rows(webGroup);
  const calls = env.recordCalls(webGroup);
  const leavesShop = async (replicas: number) => {
    await shop.scale('api', replicas);
    await env.untilHolds(shopGroup, await shop.untilReady('api', replicas));
  };

  const path = (name: string) => `${web.path('apis/rbac.authorization.k8s.io/v1', 'rolebindings')}/${name}`;
  const ofWeb = rights.filter(
    ({ kind, metadata }) => kind === 'RoleBinding' && metadata.namespace === web.namespace,
  );
  for (const { metadata } of ofWeb) await env.api.delete(path(metadata.name));
  await stall(operator);
  await leavesShop(1);
  const told = async () =>
    (await operator.lines()).filter(({ message }) => `${message}`.startsWith('A namespace may not be read'));
  expect(await told()).toEqual([expect.objectContaining({ namespace: web.namespace })]);

  await web.scale('api', 1);
  const left = await web.untilReady('api', 1);
  await operator.stop();
  operator = await startOperator();
  await leavesShop(2);
  await leavesShop(1);
  expect(await told()).toHaveLength(1);
  expect([env.rows(webGroup), calls.story()]).toEqual([before, []]);

  await applyObjects(env.api, ofWeb);
  await env.untilHolds(webGroup, left);
  expect(env.rows(webGroup)).toHaveLength(1);
  await operator.stop();
}, 180_000);
