import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { applyObjects } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { Environment, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
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

test('with these rights it serves both namespaces, gates and grants included, and asks for nothing more', async () => {
  const operator = await env.startOperator({
    flags: [
      ...['--namespace', shop.namespace, '--namespace', web.namespace, '--cluster-id', 'namespaces'],
      ...['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE],
      ...['--readiness-gates', '--require-grants'],
    ],
  });
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
