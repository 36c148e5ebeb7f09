import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { READINESS_GATE } from '../../../src/api/names.ts';
import { scenarios } from '../../environment/scenario.ts';
import { createPod, enableZeroDowntime, trustedBy, untilGiven } from '../../environment/webhook-bed.ts';
import { WebhookRelease } from '../../environment/webhook-release.ts';
import { CHART, DeployTools } from '../../helm/tools.ts';
import { VALUES } from '../../helm/values.ts';

const BUILD_MS = 30 * 60_000;
const SHARD = 'example.com/shard';
const API = { labels: { app: 'api' } };

let env: Environment;
let tools: DeployTools;
/** Of these two releases, which share a namespace, the API server calls edge first. */
let edge: WebhookRelease;
let far: WebhookRelease;
/** In its own namespace; manages only one namespace. */
let team: WebhookRelease;
let shop: Workloads;
let teamShop: Workloads;
const scenario = scenarios(() => env);

const valuesOf = (shard: string, more: object = {}) => ({
  ...VALUES.webhook,
  ...VALUES['beside another release'],
  config: { VSGB_BINDING_SELECTOR: `${SHARD}=${shard}` },
  ...more,
});

async function bind(app: Workloads, service: string, shard: string, drainSeconds: number): Promise<void> {
  const spec = { serviceRef: { name: service, port: 80 }, drain: { seconds: drainSeconds } };
  await app.bind(`${service}-${shard}`, env.createGroup(), spec, { [SHARD]: shard });
}

beforeAll(async () => {
  tools = await DeployTools.find();
  env = await Environment.start({ nodes: [] });
  [shop, teamShop] = [await env.createNamespace('shop'), await env.createNamespace('team')];
  for (const app of [shop, teamShop]) await enableZeroDowntime(app);
  for (const service of ['web', 'api']) await shop.createService(service);
  await teamShop.createService('web');
  await bind(shop, 'web', 'edge', 2);
  await bind(shop, 'web', 'far', 32);
  await bind(shop, 'api', 'edge', 32);
  await bind(shop, 'api', 'far', 2);
  await bind(teamShop, 'web', 'team', 12);
  const install = (name: string, namespace: string, values: object) =>
    WebhookRelease.install(env, tools, { name, namespace, values });
  edge = await install('edge', 'slb-system', valuesOf('edge'));
  far = await install('far', 'slb-system', valuesOf('far'));
  team = await install('team', 'team-system', valuesOf('team', { namespaces: [teamShop.namespace] }));
}, BUILD_MS);

afterAll(async () => {
  for (const release of [edge, far, team]) await release?.[Symbol.asyncDispose]();
  await env?.close();
  await tools?.close();
});

scenario('a new pod that bindings of two deployments want has one gate and the longer hold', async () => {
  await untilGiven(shop, 'gate 47 77');
  await untilGiven(shop, 'gate 47 77', API);
  for (const fields of [{}, API]) {
    const { spec } = await createPod(shop, fields);
    expect(spec.readinessGates).toEqual([{ conditionType: READINESS_GATE }]);
    expect(spec.containers[0]?.lifecycle).toEqual({ preStop: { sleep: { seconds: 47 } } });
  }
});

scenario('each deployment keeps its own certificate, and has no right to that of another', async () => {
  const releases = [edge, far, team];
  for (const release of releases) {
    const others = releases.filter((other) => other !== release);
    const trusted = await trustedBy(env.api, release.configuration);
    expect(trusted).toBe(await keptBy(release));
    const certificate = new X509Certificate(trusted);
    expect(certificate.checkHost(release.host)).toBe(release.host);
    await using api = await KubeApi.fromKubeconfig(await release.kubeconfig());
    await api.get(release.secret);
    for (const other of others) {
      expect(certificate.checkHost(other.host)).toBeUndefined();
      await expect(api.get(other.secret)).rejects.toMatchObject({ status: 403 });
      await expect(api.patch(other.configuration, {})).rejects.toMatchObject({ status: 403 });
    }
  }
});

scenario('a deployment that looks after some namespaces is asked about no pod of another', async () => {
  await untilGiven(teamShop, 'gate 27 57');
  const [askedOfEdge, askedOfTeam] = [await edge.asked(), await team.asked()];
  expect(askedOfTeam).toBeGreaterThan(0);
  await createPod(shop);
  expect(await edge.asked()).toBeGreaterThan(askedOfEdge);
  expect(await team.asked()).toBe(askedOfTeam);
});

scenario(
  'a second release of the same name, in another namespace, is refused, and the first stays',
  async () => {
    const trusted = await trustedBy(env.api, edge.configuration);
    const values = await tools.valuesFile(valuesOf('edge'));
    const args = [
      'install',
      'edge',
      CHART,
      '--namespace',
      'second',
      '--create-namespace',
      '--values',
      values,
    ];
    const { ok, errors } = await tools.helm(args, env.controlPlane.kubeconfig);
    expect(ok).toBe(false);
    expect(errors).toContain('exists and cannot be imported into the current release');
    expect(await trustedBy(env.api, edge.configuration)).toBe(trusted);
    await untilGiven(shop, 'gate 47 77');
  },
);

scenario('one deployment is away: a new pod gets what the other asks for', async () => {
  await far.stop();
  await untilGiven(shop, 'gate 17 47');
  await untilGiven(shop, 'gate 47 77', API);
  await far.start();
  await untilGiven(shop, 'gate 47 77');
});

scenario(
  'one deployment is uninstalled: nothing of it is left, and the other goes on as it was',
  async () => {
    const [kept, trusted] = [await keptBy(edge), await trustedBy(env.api, edge.configuration)];
    await far.uninstall();
    expect(await objectsOf('far')).toEqual([]);
    await untilGiven(shop, 'gate 17 47');
    await untilGiven(shop, 'gate 47 77', API);
    expect([await keptBy(edge), await trustedBy(env.api, edge.configuration)]).toEqual([kept, trusted]);
  },
);

/** The certificate with which the release serves, as PEM. */
async function keptBy(release: WebhookRelease): Promise<string> {
  const { data } = await env.api.get<KubeObject & { data: Record<string, string> }>(release.secret);
  return Buffer.from(data['tls.crt'] ?? '', 'base64').toString('utf8');
}

/** The names of the objects that the release has for its webhook and its gates, in the cluster and in its namespace. */
async function objectsOf(release: string): Promise<readonly string[]> {
  const [rbac, admission] = ['rbac.authorization.k8s.io', 'admissionregistration.k8s.io'];
  const paths = [
    ...['clusterroles', 'clusterrolebindings'].map((kind) => `/apis/${rbac}/v1/${kind}`),
    ...[
      'mutatingwebhookconfigurations',
      'validatingadmissionpolicies',
      'validatingadmissionpolicybindings',
    ].map((kind) => `/apis/${admission}/v1/${kind}`),
    ...['secrets', 'services'].map((kind) => `/api/v1/namespaces/slb-system/${kind}`),
  ];
  const found = await Promise.all(
    paths.map((path) => env.api.list(path, `app.kubernetes.io/instance=${release}`)),
  );
  return found.flat().map(({ metadata }) => metadata.name);
}
