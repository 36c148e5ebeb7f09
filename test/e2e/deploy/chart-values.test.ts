import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { applyObjects } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { type ControlPlane, startControlPlane } from '../../../lab/control-plane/control-plane.ts';
import { ensureBuilt, OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { CloudGateway } from '../../environment/cloud/cloud-gateway.ts';
import { anyObjectCrd } from '../../helm/any-object-crd.ts';
import { CHART, DeployTools, succeeded } from '../../helm/tools.ts';
import { VALUES } from '../../helm/values.ts';

const BUILD_MS = 30 * 60_000;
const NAMESPACE = 'slb-system';
const REDIRECT = new URL('../../environment/cloud/redirect-cloud.ts', import.meta.url).href;

jest.setTimeout(120_000);

let tools: DeployTools;
let plane: ControlPlane;
let api: KubeApi;
let simulator: Simulator;
const operators: OperatorProcess[] = [];

beforeAll(async () => {
  await ensureBuilt();
  tools = await DeployTools.find();
  plane = await startControlPlane({ kwok: false, scheduler: false, controllerManager: false });
  api = await KubeApi.fromKubeconfig(plane.kubeconfig);
  simulator = await startSimulator();
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await api.create('/api/v1/namespaces', { metadata: { name: NAMESPACE, labels } });
  await applyObjects(api, [anyObjectCrd('ServiceMonitor')]);
}, BUILD_MS);

afterEach(async () => {
  await Promise.all(operators.splice(0).map((operator) => operator.stop()));
});

afterAll(async () => {
  await simulator?.close();
  await api?.close();
  await plane?.stop();
  await tools?.close();
});

/** Installs the chart, or upgrades the release. */
async function release(name: string, values: object): Promise<void> {
  const args = ['upgrade', '--install', name, CHART, '--namespace', NAMESPACE];
  succeeded(await tools.helm([...args, '--values', await tools.valuesFile(values)], plane.kubeconfig));
}

async function uninstall(name: string): Promise<void> {
  succeeded(await tools.helm(['uninstall', name, '--namespace', NAMESPACE], plane.kubeconfig));
}

interface Deployment extends KubeObject {
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: PodSpec } };
}

interface PodSpec {
  readonly containers: readonly [
    { readonly env: readonly { readonly name: string; readonly value?: string }[] },
  ];
}

const deployment = (name: string) =>
  api.get<Deployment>(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}-vservergroup-operator`);

const inNamespace = <T = KubeObject>(path: string) =>
  api.get<T>(`${path.replace('*', `namespaces/${NAMESPACE}`)}`);

/** Runs what the release's pods run, as a process with their ServiceAccount, settings and variables. */
async function start(name: string, options: { apiUrl?: string; env?: Record<string, string> } = {}) {
  const fullName = `${name}-vservergroup-operator`;
  const { data } = await inNamespace<KubeObject & { data: Record<string, string> }>(
    `/api/v1/*/configmaps/${fullName}-config`,
  );
  const { spec } = await deployment(name);
  const variables = spec.template.spec.containers[0].env.flatMap((variable) =>
    variable.value === undefined ? [] : [[variable.name, variable.value] as const],
  );
  const operator = await OperatorProcess.start({
    kubeconfig: await plane.kubeconfigForServiceAccount(NAMESPACE, fullName),
    apiUrl: options.apiUrl,
    env: { ...data, ...Object.fromEntries(variables), ...options.env },
    flags: ['--leader-elect-namespace', NAMESPACE],
  });
  operators.push(operator);
  return operator;
}

function createGroup(id: string): () => readonly string[] {
  simulator.state.createLoadBalancer(`lb-${id}`);
  simulator.state.createGroup(id, `lb-${id}`);
  return () =>
    simulator.state
      .group(id)
      .rows()
      .map(({ serverIp }) => serverIp ?? '');
}

async function createNamespace(name: string): Promise<Workloads> {
  await api.create('/api/v1/namespaces', { metadata: { name } });
  return new Workloads(api, name);
}

describe('the API server takes the chart with', () => {
  const fullName = 'edge-vservergroup-operator';
  const own = { 'app.kubernetes.io/name': 'vservergroup-operator', 'app.kubernetes.io/instance': 'edge' };

  test.each<[keyof typeof VALUES, () => Promise<void>]>([
    [
      'a proxy with a certificate authority of its own',
      async () => {
        const { extraEnv, extraVolumes, extraVolumeMounts } =
          VALUES['a proxy with a certificate authority of its own'];
        const { spec } = (await deployment('edge')).spec.template;
        expect(spec).toMatchObject({
          containers: [{ env: expect.arrayContaining([...extraEnv]), volumeMounts: extraVolumeMounts }],
          volumes: extraVolumes,
        });
        expect(await inNamespace(`/apis/networking.k8s.io/v1/*/networkpolicies/${fullName}`)).toMatchObject({
          spec: { egress: expect.arrayContaining([{ ports: [{ port: 3128, protocol: 'TCP' }] }]) },
        });
      },
    ],
    [
      'places and times',
      async () => {
        const [first, second] = VALUES['places and times'].topologySpreadConstraints;
        expect((await deployment('edge')).spec.template.spec).toMatchObject({
          terminationGracePeriodSeconds: 67,
          topologySpreadConstraints: [{ ...first, labelSelector: { matchLabels: own } }, second],
        });
      },
    ],
    [
      'labels of its own',
      async () => {
        expect(await deployment('edge')).toMatchObject({
          metadata: { labels: { ...own, team: 'edge', cost: 'shared' } },
          spec: {
            selector: { matchLabels: own },
            template: { metadata: { labels: { ...own, team: 'edge', cost: 'pods' } } },
          },
        });
        expect(await inNamespace(`/api/v1/*/configmaps/${fullName}-dashboard`)).toMatchObject({
          metadata: { labels: { grafana_dashboard: '1', team: 'edge', cost: 'dashboards' } },
        });
        const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
        expect(await api.get(`${crds}/vservergroupbindings.slb.alibabacloud.com`)).toMatchObject({
          metadata: { labels: { team: 'edge', cost: 'shared' } },
        });
      },
    ],
    [
      'further objects',
      async () => {
        expect(await inNamespace('/api/v1/*/configmaps/settings')).toMatchObject({
          data: { region: 'cn-hangzhou' },
        });
        await inNamespace(`/api/v1/*/configmaps/${fullName}-more`);
      },
    ],
    [
      'relabelled metrics',
      async () => {
        const { relabelings, metricRelabelings } = VALUES['relabelled metrics'].metrics.serviceMonitor;
        expect(
          await inNamespace(`/apis/monitoring.coreos.com/v1/*/servicemonitors/${fullName}`),
        ).toMatchObject({ spec: { endpoints: [{ relabelings, metricRelabelings }] } });
      },
    ],
  ])('%s, and lets its pods in where Pod Security "restricted" is enforced', async (set, check) => {
    await release('edge', VALUES[set]);
    await check();
    const { metadata, spec } = (await deployment('edge')).spec.template;
    const pod = { metadata: { ...metadata, name: 'trial' }, spec };
    await api.create(`/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`, pod);
  });

  test('no further object is left when none is wanted', async () => {
    await release('edge', VALUES['further objects']);
    await release('edge', VALUES.least);
    expect(await api.find(`/api/v1/namespaces/${NAMESPACE}/configmaps/settings`)).toBeUndefined();
    await uninstall('edge');
  });
});

test('HTTPS_PROXY, NO_PROXY and NODE_EXTRA_CA_CERTS under extraEnv: the cloud is called by the proxy or past it, the API server past it, over connections that are kept', async () => {
  const [slb, ecs] = ['slb-vpc.cn-hangzhou.aliyuncs.com', 'ecs-vpc.cn-hangzhou.aliyuncs.com'] as const;
  await using gateway = await CloudGateway.start({ [slb]: simulator.url, [ecs]: simulator.url });
  await release('edge', {
    ...VALUES.least,
    extraEnv: [
      { name: 'HTTPS_PROXY', value: gateway.proxyUrl },
      { name: 'NO_PROXY', value: ecs },
      { name: 'NODE_EXTRA_CA_CERTS', value: gateway.caFile },
    ],
  });
  const rows = createGroup('rsp-proxied');
  await start('edge', {
    env: { NODE_OPTIONS: `--import=${REDIRECT}`, TEST_CLOUD_PORT: String(gateway.directPort) },
  });
  const app = await createNamespace('proxied');
  await app.createService('web', { selector: undefined });
  const addresses = ['10.60.0.1', '10.60.0.2', '10.60.0.3', '10.60.0.4', '10.60.0.5', '10.60.0.6'];
  await app.bind('web', 'rsp-proxied');
  for (const count of addresses.keys()) {
    const wanted = addresses.slice(0, count + 1);
    await app.applySlice(
      'web',
      wanted.map((address) => ({ addresses: [address] })),
    );
    await waitUntil(`${wanted.length} rows`, () => rows().length === wanted.length);
  }
  expect(new Set(gateway.calls)).toEqual(new Set([`${slb} cn-hangzhou`, `${ecs} cn-hangzhou`]));
  expect(new Set(gateway.tunnels)).toEqual(new Set([`${slb}:443`]));
  expect(gateway.tunnels.length).toBeLessThan(gateway.calls.filter((call) => call.startsWith(slb)).length);
  await uninstall('edge');
});

test('two releases in one namespace: each has its own Lease, both lead, and each does its own bindings', async () => {
  const sharded = (shard: string, values: object) => ({
    ...values,
    config: { VSGB_BINDING_SELECTOR: `example.com/shard=${shard}` },
  });
  await release('edge', sharded('edge', VALUES.least));
  await expect(release('far', sharded('far', VALUES.least))).rejects.toThrow('exists and cannot be imported');
  await release('far', sharded('far', VALUES['beside another release']));
  const app = await createNamespace('sharded');
  await app.createService('web', { selector: undefined });
  await app.applySlice('web', [{ addresses: ['10.61.0.1'] }]);
  const serviceRef = { name: 'web', port: 80 };
  for (const shard of ['edge', 'far']) {
    const rows = createGroup(`rsp-shard-${shard}`);
    const operator = await start(shard, { apiUrl: simulator.url });
    await app.bind(shard, `rsp-shard-${shard}`, { serviceRef }, { 'example.com/shard': shard });
    await app.untilCondition(shard, 'True', 'Synced');
    expect(rows()).toEqual(['10.61.0.1']);
    const lease = `${shard}-vservergroup-operator`;
    expect(await operator.metric(`leader_election_master_status{name="${lease}"}`)).toBe(1);
  }
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
  const holders = (await api.list<KubeObject & { spec: { holderIdentity: string } }>(leases)).filter(
    ({ spec }) => spec.holderIdentity !== '',
  );
  expect(holders.map(({ metadata }) => metadata.name).sort()).toEqual([
    'edge-vservergroup-operator',
    'far-vservergroup-operator',
  ]);
  expect(new Set(holders.map(({ spec }) => spec.holderIdentity)).size).toBe(2);
  const account = await plane.kubeconfigForServiceAccount(NAMESPACE, 'edge-vservergroup-operator');
  await using asEdge = await KubeApi.fromKubeconfig(account);
  await asEdge.get(`${leases}/edge-vservergroup-operator`);
  await expect(asEdge.get(`${leases}/far-vservergroup-operator`)).rejects.toMatchObject({ status: 403 });
});
