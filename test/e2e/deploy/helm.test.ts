import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { applyFolder, applyObjects } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { wantedHelm } from '../../../lab/control-plane/build/versions.ts';
import { type ControlPlane, startControlPlane } from '../../../lab/control-plane/control-plane.ts';
import { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { environmentName, FLAG_KEYS, FLAGS, flagName } from '../../../src/config/flags.ts';
import type { KubeTransport } from '../../../src/kubernetes/client/transport-types.ts';
import { ClusterReader } from '../../../src/plugin/check/cluster-reader.ts';
import { deploymentsIn } from '../../../src/plugin/check/survey-deployments.ts';
import { webhooksOf } from '../../../src/plugin/check/survey-webhooks.ts';
import { anyObjectCrd } from '../../helm/any-object-crd.ts';
import { LOOK_ALIKES, NAMED } from '../../helm/look-alikes.ts';
import { normalised } from '../../helm/normalise.ts';
import { createOverlay } from '../../helm/overlay.ts';
import { CHART, DeployTools, succeeded } from '../../helm/tools.ts';
import { VALUES } from '../../helm/values.ts';

const DEPLOY = resolve(import.meta.dirname, '../../../deploy');
const BUILD_MS = 30 * 60_000;
const CRD = 'vservergroupbindings.slb.alibabacloud.com';
const CRD_PATH = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${CRD}`;

jest.setTimeout(60_000);

let tools: DeployTools;

beforeAll(async () => {
  tools = await DeployTools.find();
}, BUILD_MS);

afterAll(async () => {
  await tools?.close();
});

describe('the chart', () => {
  test.each(Object.entries(VALUES))('passes helm lint --strict with values "%s"', async (_, values) => {
    const file = await tools.valuesFile(values);
    expect(succeeded(await tools.helm(['lint', '--strict', CHART, '--values', file]))).toContain(
      '1 chart(s) linted, 0 chart(s) failed',
    );
  });

  test.each(Object.entries(VALUES))(
    'puts what has a namespace into that of the release: "%s"',
    async (_, values) => {
      const objects = await tools.template(values, 'edge', 'slb-system');
      const clusterWide = [
        ...['ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition'],
        ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', 'MutatingWebhookConfiguration'],
      ];
      const watched: readonly string[] = 'namespaces' in values ? values.namespaces : [];
      for (const { kind, metadata } of objects) {
        // This gives the operator its rights in a watched namespace.
        if (kind === 'RoleBinding' && watched.includes(metadata.namespace ?? '')) continue;
        expect([kind, metadata.namespace]).toEqual([
          kind,
          clusterWide.includes(kind ?? '') ? undefined : 'slb-system',
        ]);
      }
    },
  );

  test('leaves out what is not wanted', async () => {
    const objects = await tools.template(VALUES['as little as can be'], 'edge', 'slb-system');
    expect(objects.map(({ kind }) => kind).sort()).toEqual([
      ...['ClusterRole', 'ClusterRole', 'ClusterRoleBinding', 'ClusterRoleBinding'],
      'ConfigMap',
      'Deployment',
      'Role',
      'RoleBinding',
      'Service',
    ]);
  });

  test('puts every value where it belongs', async () => {
    const objects = await tools.template(VALUES.everything, 'edge', 'slb-system');
    const find = (kind: string) => objects.find((object) => object.kind === kind);
    const values = VALUES.everything;
    expect(find('Deployment')).toMatchObject({
      spec: {
        replicas: 3,
        template: {
          metadata: { labels: { team: 'edge', cost: 'shared' }, annotations: { note: 'here' } },
          spec: {
            serviceAccountName: 'operator',
            priorityClassName: 'system-cluster-critical',
            nodeSelector: values.nodeSelector,
            tolerations: values.tolerations,
            affinity: values.affinity,
            topologySpreadConstraints: values.topologySpreadConstraints,
            terminationGracePeriodSeconds: 40,
            imagePullSecrets: [{ name: 'registry' }],
            containers: [
              {
                image: `registry.example.com/slb/operator@${values.image.digest}`,
                imagePullPolicy: 'Always',
                args: ['--api-qps=20'],
                resources: { limits: { memory: '1Gi' } },
                env: expect.arrayContaining([...values.extraEnv]),
                volumeMounts: expect.arrayContaining([...values.extraVolumeMounts]),
              },
            ],
            volumes: [
              { secret: { secretName: 'keys', defaultMode: 0o440 } },
              { secret: { secretName: 'certificate', defaultMode: 0o440 } },
              { secret: { secretName: 'hook', defaultMode: 0o440 } },
              ...values.extraVolumes,
            ],
          },
        },
      },
    });
    expect(find('ConfigMap')).toMatchObject({
      data: {
        ...{ VSGB_LOG_LEVEL: 'debug', VSGB_NAMESPACE: 'shop,web', VSGB_REQUIRE_GRANTS: 'true' },
        VSGB_METRICS_AUTH: 'kubernetes',
      },
    });
    const bound = (kind: string) =>
      objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
    const gates = 'edge-vservergroup-operator-readiness-gates';
    expect(bound('RoleBinding').filter((name) => name === gates)).toHaveLength(2);
    expect(bound('ClusterRoleBinding')).not.toContain(gates);
    expect(bound('ClusterRoleBinding')).not.toContain('edge-vservergroup-operator');
    for (const { kind, metadata } of objects)
      expect([kind, metadata.labels?.['cost']]).toEqual([kind, kind === 'Secret' ? undefined : 'shared']);
    expect(find('ServiceAccount')).toMatchObject({
      metadata: { name: 'operator', annotations: { team: 'edge' } },
    });
    expect(find('PodDisruptionBudget')).toMatchObject({ spec: { maxUnavailable: '50%' } });
    expect(find('NetworkPolicy')).toMatchObject({
      spec: { egress: expect.arrayContaining([{ ports: [{ port: 3128, protocol: 'TCP' }] }]) },
    });
    expect(find('ServiceMonitor')).toMatchObject({
      metadata: { labels: { release: 'prometheus' } },
      spec: {
        endpoints: [
          {
            interval: '15s',
            relabelings: values.metrics.serviceMonitor.relabelings,
            metricRelabelings: values.metrics.serviceMonitor.metricRelabelings,
            bearerTokenFile: expect.any(String),
            scheme: 'https',
            tlsConfig: {
              serverName: 'metrics.example.com',
              ca: { secret: { name: 'certificate', key: 'ca.crt' } },
            },
          },
        ],
      },
    });
    expect(find('MutatingWebhookConfiguration')).toMatchObject({
      metadata: { annotations: values.webhook.annotations },
      webhooks: [
        {
          clientConfig: { caBundle: 'QUJD' },
          namespaceSelector: {
            matchExpressions: expect.arrayContaining([
              { key: 'kubernetes.io/metadata.name', operator: 'In', values: values.namespaces },
            ]),
          },
        },
      ],
    });
    // The only Secret is the user's: a certificate that already exists is not generated.
    expect(objects.filter(({ kind }) => kind === 'Secret').map(({ metadata }) => metadata.name)).toEqual([
      'keys',
    ]);
    expect(find('PrometheusRule')).toMatchObject({ metadata: { labels: { release: 'prometheus' } } });
    const dashboard = objects.find(({ metadata }) => metadata.name.endsWith('-dashboard')) as KubeObject & {
      data: Record<string, string>;
    };
    expect(JSON.parse(dashboard.data['dashboard.json'] ?? '')).toMatchObject({
      title: 'VServerGroup operator',
    });
  });

  test.each<[string, object, string]>([
    ['vservergroup-operator', {}, 'vservergroup-operator'],
    ['edge', {}, 'edge-vservergroup-operator'],
    ['edge', { nameOverride: 'slb' }, 'edge-slb'],
    ['edge', { fullnameOverride: 'shard-a' }, 'shard-a'],
    ['edge', { leaderElection: { leaseName: 'leader' } }, 'leader'],
  ])(
    'release "%s" with %j has the Lease "%s": in its settings, its Role, its alert and its dashboard',
    async (release, values, lease) => {
      const set = { ...VALUES.monitored, ...values };
      const objects = (await tools.template(set, release, 'slb-system')) as Rendered[];
      const find = (kind: string, suffix = '') =>
        objects.find((object) => object.kind === kind && object.metadata.name.endsWith(suffix));
      const environment = find('ConfigMap', '-config')?.data?.['VSGB_LEADER_ELECT_LEASE_NAME'];
      expect(environment ?? FLAGS.leaderElectLeaseName.fallback).toBe(lease);
      expect(find('Role')?.rules?.[1]).toMatchObject({ resources: ['leases'], resourceNames: [lease] });
      const queries = [
        JSON.stringify(find('PrometheusRule')),
        find('ConfigMap', '-dashboard')?.data?.['dashboard.json'],
      ];
      for (const query of queries)
        expect(query?.match(/(?<=leader_election_master_status\{name=\\")[^\\]+/g)).toEqual([lease]);
    },
  );

  test.each<[string, object]>([
    ['s'.repeat(53), {}],
    ['edge', { fullnameOverride: 's'.repeat(55) }],
  ])(
    'of release "%s" with %j, no Service has a longer name than Kubernetes takes',
    async (release, values) => {
      const objects = await tools.template({ ...VALUES.webhook, ...values }, release, 'slb-system');
      const names = objects.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name);
      expect(names.map((name) => name.length)).toEqual([63, 63]);
    },
  );

  test.each<[string, object]>([
    ['by release', { credentials: { existingSecret: 'zzkeys' } }],
    [
      'by themselves',
      {
        credentials: { rrsa: { roleName: 'zzrole' } },
        ...{ nameOverride: 'zzchart', fullnameOverride: 'zzfull', serviceAccount: { name: '' } },
        ...{ leaderElection: { leaseName: '' }, metrics: { serviceMonitor: { enabled: true } } },
      },
    ],
  ])('takes names for names, whatever YAML would read them as: named %s', async (_, values) => {
    const spelt = (text: string) =>
      Object.entries(LOOK_ALIKES).reduce((all, [plain, like]) => all.replaceAll(plain, like), text);
    const render = async (spelling: (text: string) => string) => {
      const given = JSON.parse(spelling(JSON.stringify({ ...NAMED, ...values })));
      const objects = await tools.template(given, spelling('zzrelease'), spelling('zznamespace'));
      return JSON.stringify(objects).replace(/"checksum\/config":"\w+"/, '"checksum/config":""');
    };
    expect(JSON.parse(await render(spelt))).toEqual(JSON.parse(spelt(await render((text) => text))));
  });

  test.each([true, false])(
    'as a dependency with a condition is rendered when that is true: %s',
    async (enabled) => {
      const parent = join(tools.dir, `parent-${enabled}`);
      const name = 'vservergroup-operator';
      await mkdir(join(parent, 'charts'), { recursive: true });
      await cp(CHART, join(parent, 'charts', name), { recursive: true });
      const dependency = { name, version: '*', condition: `${name}.enabled` };
      const chart = { apiVersion: 'v2', name: 'parent', version: '1.0.0', dependencies: [dependency] };
      await writeFile(join(parent, 'Chart.yaml'), JSON.stringify(chart));
      const file = await tools.valuesFile({ [name]: { ...VALUES.least, enabled } });
      const rendered = succeeded(await tools.helm(['template', 'edge', parent, '--values', file]));
      expect(rendered.includes('kind: Deployment')).toBe(enabled);
    },
  );

  test('new settings make new pods, the same ones do not', async () => {
    const checksum = async (drain: string) => {
      const values = { ...VALUES.least, config: { VSGB_DEFAULT_DRAIN_SECONDS: drain } };
      const objects = await tools.template(values, 'edge', 'slb-system');
      return JSON.stringify(objects.find(({ kind }) => kind === 'Deployment')).match(
        /"checksum\/config":"\w+"/,
      )?.[0];
    };
    expect(await checksum('5')).toEqual(await checksum('5'));
    expect(await checksum('6')).not.toEqual(await checksum('5'));
  });

  test.each<[string, object, string]>([
    [
      'no region',
      {},
      'region is needed: the region of the load balancers, for example --set region=cn-hangzhou',
    ],
    [
      'no image',
      { region: 'cn-hangzhou' },
      'image.repository is needed: the registry and name that you pushed',
    ],
    [
      'an image without registry, of a variable that was not set',
      { region: 'cn-hangzhou', image: { repository: '/vservergroup-operator' } },
      "at '/image/repository': '/vservergroup-operator' does not match pattern",
    ],
    [
      'an image with its tag',
      { region: 'cn-hangzhou', image: { repository: 'registry.example.com/operator:0.1.0' } },
      "at '/image/repository': 'registry.example.com/operator:0.1.0' does not match pattern",
    ],
    [
      'a namespace that is none',
      { region: 'cn-hangzhou', namespaces: ['Shop'] },
      "at '/namespaces/0': 'Shop' does not match pattern",
    ],
    ['a region that is none', { region: 'Hangzhou' }, "at '/region': 'Hangzhou' does not match pattern"],
    [
      'a value that is not known',
      { region: 'cn-hangzhou', replica: 3 },
      "additional properties 'replica' not allowed",
    ],
    [
      'replicas in words',
      { region: 'cn-hangzhou', replicas: 'two' },
      "at '/replicas': got string, want integer",
    ],
    [
      'a variable that is not known',
      { region: 'cn-hangzhou', config: { VSGB_DRAIN: '5' } },
      "invalid propertyName 'VSGB_DRAIN'",
    ],
    [
      'a setting that is no text',
      { region: 'cn-hangzhou', config: { VSGB_API_QPS: 5 } },
      "at '/config/VSGB_API_QPS': got number, want string",
    ],
    [
      'a setting that has a value of its own',
      { region: 'cn-hangzhou', config: { VSGB_REGION: 'cn-beijing' } },
      "invalid propertyName 'VSGB_REGION'",
    ],
    [
      'two ways to sign in',
      { region: 'cn-hangzhou', credentials: { rrsa: { roleName: 'role' }, existingSecret: 'keys' } },
      'credentials.rrsa.roleName and credentials.existingSecret are two ways to sign in: set one of them',
    ],
    [
      'a role by its ARN besides another way to sign in',
      { region: 'cn-hangzhou', credentials: { ...VALUES['rrsa token'].credentials, existingSecret: 'keys' } },
      'credentials.rrsa.roleArn is a way to sign in of its own',
    ],
    [
      'a role by its ARN without the OIDC provider',
      { region: 'cn-hangzhou', credentials: { rrsa: { roleArn: 'acs:ram::1:role/slb' } } },
      'credentials.rrsa.roleArn and credentials.rrsa.oidcProviderArn need each other',
    ],
    [
      'a name that a Service cannot have',
      { ...VALUES.least, fullnameOverride: 'slb.edge' },
      'slb.edge cannot begin the name of a Service',
    ],
    [
      'a digest that is none',
      { region: 'cn-hangzhou', image: { digest: 'latest' } },
      "at '/image/digest': 'latest' does not match pattern",
    ],
    [
      'a setting among the variables of the container',
      { ...VALUES.least, extraEnv: [{ name: 'VSGB_DRY_RUN', value: 'true' }] },
      'extraEnv: VSGB_DRY_RUN is a setting of the operator: put it under config',
    ],
    [
      'an argument that has a value of its own',
      { ...VALUES.least, extraArgs: ['--api-qps=20', '--leader-elect-lease-name=slb'] },
      "at '/extraArgs/1': '--leader-elect-lease-name=slb' does not match pattern",
    ],
    [
      'the same without its value',
      { ...VALUES.least, extraArgs: ['--no-leader-elect'] },
      "at '/extraArgs/0': '--no-leader-elect' does not match pattern",
    ],
    [
      "a label of the chart's as one of the user's",
      { ...VALUES.least, commonLabels: { 'app.kubernetes.io/version': '7' } },
      'commonLabels: app.kubernetes.io/version is set by the chart: take another name',
    ],
    [
      'pods that their Deployment would not find',
      { ...VALUES.least, podLabels: { 'app.kubernetes.io/name': 'slb' } },
      'podLabels: app.kubernetes.io/name is what the Deployment finds its pods by: take another name',
    ],
    [
      'a pod that is killed before its calls have ended',
      { ...VALUES.least, config: { VSGB_SHUTDOWN_TIMEOUT: '22.5s' }, terminationGracePeriodSeconds: 29 },
      'terminationGracePeriodSeconds is 29, and a pod may take 30 s to end: 22.5s for calls in flight',
    ],
    [
      'the same by an argument, which wins',
      {
        ...VALUES.least,
        config: { VSGB_SHUTDOWN_TIMEOUT: '1s' },
        extraArgs: ['--shutdown-timeout=1m30s'],
      },
      'terminationGracePeriodSeconds is 30, and a pod may take 97 s to end: 1m30s for calls in flight',
    ],
    [
      'the same by the time-out that is there without a setting',
      { ...VALUES.least, terminationGracePeriodSeconds: 16 },
      `terminationGracePeriodSeconds is 16, and a pod may take 17 s to end: ${FLAGS.shutdownTimeout.fallback} for`,
    ],
    [
      'the same with the webhook',
      { ...VALUES.webhook, terminationGracePeriodSeconds: 21 },
      'and a pod may take 22 s to end: 10s for calls in flight (--shutdown-timeout), 7 s for the last statuses and the Lease, 5 s',
    ],
    [
      'a binding among further objects',
      { ...VALUES.least, extraObjects: [{ kind: '{{ "VServerGroupBinding" }}', metadata: { name: 'web' } }] },
      'extraObjects: a VServerGroupBinding would be left by helm uninstall, which deletes the operator first',
    ],
    [
      'the same as text, behind another object',
      {
        ...VALUES.least,
        extraObjects: ['kind: ConfigMap\n---\n# {{ .Release.Name }}\nkind: "VServerGroupBinding"\n'],
      },
      'apply bindings apart from this release, and delete them before you uninstall it',
    ],
    [
      'a way to guard metrics that is not known',
      { region: 'cn-hangzhou', metrics: { auth: 'basic' } },
      "at '/metrics/auth': value must be one of 'none', 'kubernetes'",
    ],
  ])('refuses %s and says so', async (_, values, message) => {
    const { ok, errors } = await tools.helm([
      'template',
      'edge',
      CHART,
      '--values',
      await tools.valuesFile(values),
    ]);
    expect(ok).toBe(false);
    expect(errors).toContain(message);
  });

  test.each(['123', 'slb.edge'])(
    'refuses release "%s", by whose name no Service can be called, and takes it with another full name',
    async (release) => {
      await expect(tools.template(VALUES.least, release, 'slb-system')).rejects.toThrow(
        `${release}-vservergroup-operator cannot begin the name of a Service`,
      );
      await tools.template({ ...VALUES.least, fullnameOverride: 'slb' }, release, 'slb-system');
    },
  );

  test.each<[string, keyof typeof VALUES, string, string]>([
    ['1.26.15', 'least', '1.27.0', 'chart requires kubeVersion: >=1.27.0-0'],
    ['1.29.14', 'readiness gates', '1.30.0-aliyun.1', 'readinessGates.enabled needs Kubernetes 1.30'],
    ['1.29.14', 'hold by webhook', '1.30.0', 'webhook.enabled needs Kubernetes 1.30'],
  ])('refuses Kubernetes %s with values "%s", and takes %s', async (old, set, enough, message) => {
    const file = await tools.valuesFile(VALUES[set]);
    const on = (version: string) =>
      tools.helm(['template', 'edge', CHART, '--values', file, '--kube-version', version]);
    expect(await on(enough)).toMatchObject({ ok: true });
    expect(await on(old)).toMatchObject({ ok: false, errors: expect.stringContaining(message) });
  });

  test('takes as settings the variables of the operator that no value stands for, and their flags as arguments', async () => {
    const { properties } = JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8'));
    const deployment = await readFile(join(CHART, 'templates/deployment.yaml'), 'utf8');
    const helpers = await readFile(join(CHART, 'templates/_helpers.tpl'), 'utf8');
    const set = [...`${deployment}${helpers}`.matchAll(/VSGB_\w+/g)].map(([variable]) => variable);
    // Inside a pod, there is nothing to choose.
    const unfit = ['VSGB_KUBECONFIG', 'VSGB_CONTEXT'];
    const fit = FLAG_KEYS.map(environmentName).filter((variable) => !unfit.includes(variable));
    const free = fit.filter((variable) => !set.includes(variable) || variable === 'VSGB_LOG_LEVEL');
    expect(properties.config.propertyNames.enum).toEqual(free.toSorted());
    const argument = new RegExp(properties.extraArgs.items.pattern);
    const taken = FLAG_KEYS.filter((key) => argument.test(flagName(key)));
    expect(taken.map(environmentName)).toEqual(free);
  });

  test('is found by kubectl vsgb check, whatever it is called', async () => {
    const objects = await tools.template({ ...VALUES.webhook, nameOverride: 'slb' }, 'edge', 'slb-system');
    const kinds: Readonly<Record<string, string>> = {
      deployments: 'Deployment',
      mutatingwebhookconfigurations: 'MutatingWebhookConfiguration',
    };
    const request = async (_: string, path: string) => ({
      items: objects.filter(({ kind }) => kind === kinds[path.split('/').at(-1) ?? '']),
    });
    const transport = { request } as unknown as KubeTransport;
    const cluster = { transport, namespace: 'default', aheadMs: () => undefined };
    const reader = new ClusterReader(cluster, new AbortController().signal);
    expect(await deploymentsIn(reader, 'slb-system')).toMatchObject([{ deployment: { name: 'edge-slb' } }]);
    expect(await webhooksOf(reader, 'slb-system')).toMatchObject([{ name: 'edge-slb-webhook' }]);
  });

  test.each(['install', 'monitoring'])('takes the values that docs/%s.md sets', async (page) => {
    const text = await readFile(resolve(DEPLOY, `../docs/${page}.md`), 'utf8');
    const settings = [...text.matchAll(/(--set(?:-string)?)[ =]([\w.]+=[^\s`]+)/g)];
    expect(settings.length).toBeGreaterThan(2);
    const ways = [/existingSecret=/, /rrsa\.roleName=/, /rrsa\.(roleArn|oidcProviderArn)=/];
    for (const way of ways) {
      const args = settings.flatMap(([, flag = '', value = '']) =>
        value.startsWith('credentials.') && !way.test(value)
          ? []
          : [flag, value.replace('$REGISTRY', 'registry.example.com')],
      );
      const file = await tools.valuesFile(VALUES.least);
      succeeded(await tools.helm(['template', 'edge', CHART, '--values', file, ...args]));
    }
  });
});

describe('chart and kustomize', () => {
  const overlay = (name: string, components: readonly string[] = []) =>
    createOverlay(tools, name, { components });

  test.each<[string, keyof typeof VALUES, () => Promise<string>]>([
    ['with RRSA', 'rrsa', async () => join(DEPLOY, 'overlays/example')],
    [
      'with RRSA without its webhook',
      'rrsa token',
      () => {
        const { roleArn, oidcProviderArn } = VALUES['rrsa token'].credentials.rrsa;
        const settings = {
          ALIBABA_CLOUD_ROLE_ARN: roleArn,
          ALIBABA_CLOUD_OIDC_PROVIDER_ARN: oidcProviderArn,
        };
        return createOverlay(tools, 'rrsa-token', { components: ['components/rrsa-token'], settings });
      },
    ],
    ['with an access key', 'access key', async () => join(DEPLOY, 'overlays/example-access-key')],
    ['with the least', 'least', () => overlay('least')],
    ['with guarded metrics', 'guarded metrics', () => overlay('guarded', ['components/metrics-auth'])],
    ['with grants', 'grants', () => overlay('grants', ['components/grants'])],
    ['for some namespaces', 'namespaces', async () => join(DEPLOY, 'overlays/example-namespaces')],
    ['with readiness gates', 'readiness gates', () => overlay('gates', ['components/readiness-gates'])],
    [
      'with the webhook',
      'webhook',
      () => overlay('webhook', ['components/readiness-gates', 'components/webhook']),
    ],
    ['with monitoring', 'monitored', () => overlay('monitored', ['monitoring'])],
    [
      'with guarded metrics over HTTPS',
      'metrics over HTTPS',
      () => overlay('https', ['monitoring', 'components/metrics-auth', 'components/metrics-tls']),
    ],
  ])('make the same objects %s', async (_, values, folder) => {
    const name = 'vservergroup-operator';
    const chart = normalised(await tools.template(VALUES[values], name, name));
    expect(chart).toEqual(normalised(await tools.kustomize(await folder())));
    expect(Object.keys(chart).length).toBeGreaterThan(10);
  });
});

describe('installed on a cluster', () => {
  const RELEASE = 'edge';
  const NAMESPACE = 'slb-system';
  const NAME = `${RELEASE}-vservergroup-operator`;
  const NAMESPACED = ['--namespace', NAMESPACE];
  let plane: ControlPlane;
  let api: KubeApi;

  const helm = async (...args: string[]) => succeeded(await tools.helm(args, plane.kubeconfig));
  const values = async (set: keyof typeof VALUES) => ['--values', await tools.valuesFile(VALUES[set])];
  const configMap = () =>
    api.get<KubeObject & { data: Record<string, string> }>(
      `/api/v1/namespaces/${NAMESPACE}/configmaps/${NAME}-config`,
    );

  beforeAll(async () => {
    plane = await startControlPlane({ kwok: false, scheduler: false, controllerManager: false });
    api = await KubeApi.fromKubeconfig(plane.kubeconfig);
  }, BUILD_MS);

  afterAll(async () => {
    await api?.close();
    await plane?.stop();
  });

  test.each([
    'rrsa',
    'rrsa token',
    'access key',
    'guarded metrics',
    'readiness gates',
    'webhook',
    'least',
  ] as const)(
    'the API server takes it in a dry run with values "%s", and nothing is there after it',
    async (set) => {
      const args = ['--create-namespace', '--dry-run=server', ...NAMESPACED, ...(await values(set))];
      expect(await helm('install', RELEASE, CHART, ...args)).toContain('kind: Deployment');
      expect(await api.find(CRD_PATH)).toBeUndefined();
    },
  );

  test('it tells the next step', async () => {
    const args = ['--create-namespace', ...NAMESPACED, ...(await values('rrsa'))];
    const notes = await helm('install', RELEASE, CHART, ...args);
    expect(notes).toContain(
      `kubectl label namespace ${NAMESPACE} pod-identity.alibabacloud.com/injection=on`,
    );
    expect(notes).toContain(`kubectl -n ${NAMESPACE} rollout status deployment ${NAME}`);
    expect(notes).toContain('kubectl wait --for=condition=Ready vsgb/web');
    expect(notes).not.toContain('annotate serviceaccount');
  });

  test('it tells what a ServiceAccount of the user needs to take on the RAM role', async () => {
    const own = ['--set', 'serviceAccount.create=false,serviceAccount.name=slb'];
    const args = ['--dry-run=server', ...NAMESPACED, ...(await values('rrsa')), ...own];
    const role = VALUES.rrsa.credentials.rrsa.roleName;
    expect(await helm('upgrade', RELEASE, CHART, ...args)).toContain(
      `kubectl -n ${NAMESPACE} annotate serviceaccount slb pod-identity.alibabacloud.com/role-name=${role}`,
    );
  });

  test('the CRD is established and is that of crds/', async () => {
    const { spec, status } = await waitUntil('the CRD to be established', async () => {
      const crd = await api.get<KubeObject & { spec: object; status: { conditions: { type: string }[] } }>(
        CRD_PATH,
      );
      return crd.status.conditions.some(({ type }) => type === 'Established') && crd;
    });
    const source = await readFile(
      resolve(DEPLOY, `../crds/slb.alibabacloud.com_vservergroupbindings.yaml`),
      'utf8',
    );
    expect(status.conditions).not.toContainEqual(expect.objectContaining({ type: 'NonStructuralSchema' }));
    expect(spec).toMatchObject(parse(source).spec);
  });

  test('an upgrade changes the settings, and a rollback takes them back', async () => {
    expect((await configMap()).data).toMatchObject({ VSGB_VPC_ID: 'vpc-bp1example' });
    await helm('upgrade', RELEASE, CHART, ...NAMESPACED, ...(await values('least')));
    expect((await configMap()).data).toEqual({
      VSGB_REGION: 'cn-hangzhou',
      VSGB_LOG_LEVEL: 'info',
      VSGB_LEADER_ELECT_LEASE_NAME: NAME,
    });
    await helm('rollback', RELEASE, '1', ...NAMESPACED);
    expect((await configMap()).data).toMatchObject({ VSGB_VPC_ID: 'vpc-bp1example' });
    const args = ['--reset-then-reuse-values', '--set-string', 'config.VSGB_DRY_RUN=true'];
    await helm('upgrade', RELEASE, CHART, ...NAMESPACED, ...args);
    expect((await configMap()).data).toMatchObject({
      VSGB_VPC_ID: 'vpc-bp1example',
      VSGB_DRY_RUN: 'true',
    });
    await helm('rollback', RELEASE, ...NAMESPACED);
    expect((await configMap()).data).not.toHaveProperty('VSGB_DRY_RUN');
  });

  test('with the rights and the settings that it installs, the operator fills a group and empties it, and its metrics tell', async () => {
    const simulator = await startSimulator();
    const kubeconfig = await plane.kubeconfigForServiceAccount(NAMESPACE, NAME);
    let operator: OperatorProcess | undefined;
    try {
      simulator.state.createLoadBalancer('lb-helm');
      simulator.state.createGroup('rsp-helm', 'lb-helm');
      operator = await OperatorProcess.start({
        kubeconfig,
        apiUrl: simulator.url,
        env: (await configMap()).data,
        flags: ['--leader-elect', '--leader-elect-namespace', NAMESPACE],
      });
      // Nothing needs the pods yet: a watch that does not exist is not down.
      expect(await operator.metric('vsgb_watch_up{resource="pods"}')).toBeUndefined();
      await api.create('/api/v1/namespaces', { metadata: { name: 'shop' } });
      const app = new Workloads(api, 'shop');
      await app.createService('web');
      const endpoint = { addresses: ['10.9.0.7'], conditions: { ready: true } };
      await app.applySlice('web', [endpoint]);
      await app.bind('web', 'rsp-helm', { drain: { seconds: 0 } });
      await app.untilCondition('web', 'True', 'Synced');
      const rows = () =>
        simulator.state
          .group('rsp-helm')
          .rows()
          .map(({ serverIp }) => serverIp);
      expect(rows()).toEqual(['10.9.0.7']);
      expect(await operator.metric('vsgb_oldest_leaver_seconds{group="rsp-helm"}')).toBe(0);
      expect(await operator.metric('vsgb_binding_stalled{namespace="shop",name="web"}')).toBe(0);
      expect(await operator.metric('vsgb_watch_up{resource="endpoints"}')).toBe(1);
      expect(await operator.metric(`leader_election_master_status{name="${NAME}"}`)).toBe(1);
      await app.bind('lost', 'rsp-none');
      await app.untilCondition('lost', 'False', 'GroupNotFound');
      expect(await operator.metric('vsgb_binding_stalled{namespace="shop",name="lost"}')).toBe(1);
      await app.deleteBinding('lost');
      await app.deleteBinding('web');
      await waitUntil('the binding to be gone', async () => !(await api.find(`${app.bindings()}/web`)));
      expect(rows()).toEqual([]);
      await api.get(`/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${NAME}`);
    } finally {
      await operator?.stop();
      await simulator.close();
    }
  });

  test('where the Prometheus Operator is, it takes the scrape, the alerts and the dashboard', async () => {
    await applyObjects(api, ['ServiceMonitor', 'PrometheusRule'].map(anyObjectCrd));
    await helm('upgrade', RELEASE, CHART, ...NAMESPACED, ...(await values('monitored')));
    const monitoring = `/apis/monitoring.coreos.com/v1/namespaces/${NAMESPACE}`;
    expect(await api.get(`${monitoring}/servicemonitors/${NAME}`)).toMatchObject({
      spec: { endpoints: [{ port: 'metrics', honorLabels: true }] },
    });
    expect(await api.get(`${monitoring}/prometheusrules/${NAME}`)).toMatchObject({
      spec: { groups: [{ name: 'vservergroup-operator' }] },
    });
    await api.get(`/api/v1/namespaces/${NAMESPACE}/configmaps/${NAME}-dashboard`);
  });

  // Nobody owns replicas after kubectl has scaled to 0, as the Scale leaves zero out.
  test.each([
    [0, true],
    [3, wantedHelm() === '3'],
  ])(
    'what was scaled to %d by hand is scaled back by an upgrade, without force: %s',
    async (replicas, works) => {
      const deployment = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`;
      await api.patch(`${deployment}/scale?fieldManager=kubectl`, { spec: { replicas } });
      const upgrade = ['upgrade', RELEASE, CHART, ...NAMESPACED, ...(await values('least'))];
      const { ok } = await tools.helm(upgrade, plane.kubeconfig);
      expect(ok).toBe(works);
      if (!ok) await helm(...upgrade, '--force-conflicts');
      expect(await api.get(deployment)).toMatchObject({ spec: { replicas: 2 } });
    },
  );

  test('once the certificate is a mounted one, the API server trusts that alone, not what the operator wrote', async () => {
    const upgrade = ['upgrade', RELEASE, CHART, ...NAMESPACED];
    await helm(...upgrade, ...(await values('webhook')));
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
    const name = 'pods.zero-downtime.slb.alibabacloud.com';
    const own = { webhooks: [{ name, clientConfig: { caBundle: 'T1dO' } }] };
    await api.patch(`${path}/${NAME}-webhook`, own, 'strategic');
    const tls = { existingSecret: 'hook', caBundle: 'QUJD' };
    const mounted = { ...VALUES.webhook, webhook: { enabled: true, tls } };
    await helm(...upgrade, '--values', await tools.valuesFile(mounted));
    const configurations = await api.list<KubeObject & { webhooks: readonly object[] }>(path);
    expect(configurations.map(({ webhooks }) => webhooks)).toMatchObject([
      [{ clientConfig: { caBundle: 'QUJD' } }],
    ]);
  });

  test('uninstalled, it leaves nothing but the CRD and the bindings', async () => {
    await api.create('/apis/slb.alibabacloud.com/v1beta1/namespaces/default/vservergroupbindings', {
      apiVersion: 'slb.alibabacloud.com/v1beta1',
      kind: 'VServerGroupBinding',
      metadata: { name: 'kept' },
      spec: { vServerGroupId: 'rsp-kept', serviceRef: { name: 'web', port: 80 } },
    });
    await helm('uninstall', RELEASE, ...NAMESPACED);
    await api.get('/apis/slb.alibabacloud.com/v1beta1/namespaces/default/vservergroupbindings/kept');
    expect(await api.find(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`)).toBeUndefined();
    expect(await api.find(`/apis/rbac.authorization.k8s.io/v1/clusterroles/${NAME}`)).toBeUndefined();
  });

  test('installed again, it takes the CRD over', async () => {
    await helm('install', RELEASE, CHART, ...NAMESPACED, ...(await values('least')));
    await api.get(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${NAME}`);
  });

  test('a CRD that kustomize made is taken over on request', async () => {
    await helm('uninstall', RELEASE, ...NAMESPACED);
    await api.delete(CRD_PATH);
    await waitUntil('the CRD to be gone', async () => !(await api.find(CRD_PATH)));
    await applyFolder(api, resolve(DEPLOY, '../crds'), { fieldManager: 'kubectl' });
    const args = [...NAMESPACED, ...(await values('least'))];
    await expect(helm('install', RELEASE, CHART, ...args)).rejects.toThrow('exists and cannot be imported');
    await helm('install', RELEASE, CHART, '--take-ownership', ...args);
    expect(await api.get(CRD_PATH)).toMatchObject({
      metadata: { annotations: { 'helm.sh/resource-policy': 'keep', 'meta.helm.sh/release-name': RELEASE } },
    });
    await helm('uninstall', RELEASE, ...NAMESPACED);
  });

  test('release, namespaces and Lease may have names that YAML reads as something else', async () => {
    await api.create('/api/v1/namespaces', { metadata: { name: 'no' } });
    const named = { ...VALUES.least, namespaces: ['no', '123'], leaderElection: { leaseName: '1e3' } };
    const file = await tools.valuesFile({ ...named, crds: { install: false } });
    await helm('install', 'no', CHART, '--create-namespace', '--namespace', '123', '--values', file);
    const rights = (namespace: string) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    for (const namespace of ['no', '123'])
      expect(await api.get(`${rights(namespace)}/rolebindings/no-vservergroup-operator`)).toMatchObject({
        subjects: [{ namespace: '123' }],
      });
    expect(await api.get(`${rights('123')}/roles/no-vservergroup-operator-leader-election`)).toMatchObject({
      rules: expect.arrayContaining([expect.objectContaining({ resourceNames: ['1e3'] })]),
    });
    await helm('uninstall', 'no', '--namespace', '123');
  });
});

interface Rendered extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly object[];
}
