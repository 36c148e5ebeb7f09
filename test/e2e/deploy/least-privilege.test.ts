import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { applyFiles } from '../../../lab/control-plane/api/apply.ts';
import type { KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { readFolder, readManifests } from '../../../lab/control-plane/api/manifest.ts';
import { allowGates, GATE_RBAC } from '../../../lab/environment/allow-gates.ts';
import { Environment, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { type AuditedRequest, AuditLog } from '../../environment/audit-log.ts';
import { createGatedApp } from '../../environment/gated-pods.ts';
import { type Grant, grantsTo } from '../../environment/grants.ts';
import { getOverTls, makeKeyPair, tlsSecret } from '../../environment/key-pair.ts';
import { MountedSecret } from '../../environment/mounted-secret.ts';
import { GRANTS_RBAC, grant } from '../../environment/namespace-grants.ts';
import { applyWebhook, WEBHOOK_RBAC } from '../../environment/webhook-bed.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const METRICS_RBAC = resolve(ROOT, 'deploy/components/metrics-auth/rbac.yaml');
const READER = 'vservergroup-operator-metrics-reader';
const ELECT = ['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE];
const GUARDED = ['--metrics-auth', 'kubernetes'];
const WEBHOOK = ['--webhook-address', '127.0.0.1:0'];
const OPTIONS = ['--readiness-gates', '--require-grants'];

const audit = new AuditLog(`system:serviceaccount:${OPERATOR_NAMESPACE}:${OPERATOR_ACCOUNT}`);
let env: Environment;
let operator: OperatorProcess;
let grants: readonly Grant[];

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { apiServerFlags: audit.apiServerFlags } });
  await applyFiles(env.api, [METRICS_RBAC, GRANTS_RBAC]);
  await allowGates(env.api);
  await applyWebhook(env.api, 9443);
  const manifests = [
    ...(await readFolder(resolve(ROOT, 'deploy/base'))),
    ...(await readManifests(METRICS_RBAC)),
    ...(await readManifests(GRANTS_RBAC)),
    ...(await readManifests(GATE_RBAC)),
    ...(await readManifests(WEBHOOK_RBAC)),
  ];
  grants = grantsTo(OPERATOR_ACCOUNT, manifests);
  operator = await env.startOperator({ flags: [...ELECT, ...GUARDED, ...OPTIONS, ...WEBHOOK] });
}, 120_000);

afterAll(async () => {
  await env?.close();
  audit.remove();
});

describe('metrics with --metrics-auth=kubernetes', () => {
  const scrape = async (headers: Record<string, string> = {}) => {
    const response = await fetch(`http://${await operator.healthAddress()}/metrics`, { headers });
    return { status: response.status, body: await response.text() };
  };

  /** The namespace of an account that may read the metrics. */
  let scraper: string;

  test('without a token: 401, and nothing of them', async () => {
    expect(await scrape()).toEqual({ status: 401, body: 'unauthorized\n' });
    expect(await scrape({ authorization: 'Basic YWRtaW46YWRtaW4=' })).toMatchObject({ status: 401 });
  });

  test('with a token that the cluster did not give: 401', async () => {
    expect(await scrape({ authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' })).toMatchObject({ status: 401 });
  });

  test('with the token of one who has no right to them: 403', async () => {
    const app = await env.createNamespace('stranger');
    expect(await scrape({ authorization: `Bearer ${await tokenOf(app)}` })).toEqual({
      status: 403,
      body: 'forbidden\n',
    });
  });

  test('with the token of one who may read them: the metrics', async () => {
    const app = await env.createNamespace('scraper');
    scraper = app.namespace;
    await env.api.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'scraper' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: READER },
      subjects: [{ kind: 'ServiceAccount', namespace: app.namespace, name: 'default' }],
    });
    const authorization = `Bearer ${await tokenOf(app)}`;
    const body = await waitUntil('the right to have reached the authorizer', async () => {
      const scraped = await scrape({ authorization });
      return scraped.status === 200 && scraped.body;
    });
    expect(body).toContain('vsgb_build_info');
  });

  test('health needs no token: the kubelet has none', async () => {
    expect((await fetch(`http://${await operator.healthAddress()}/readyz`)).status).toBe(200);
  });

  test('over HTTPS, by a certificate that is rotated while it runs; the same guard; health as before', async () => {
    const HOST = 'vservergroup-operator-metrics.vservergroup-operator.svc';
    const [before, after] = await Promise.all([makeKeyPair(HOST), makeKeyPair(HOST)]);
    await using secret = await MountedSecret.create(tlsSecret(before));
    // A second operator, which does not lead because the first one does.
    const secured = await env.startOperator({
      flags: [...ELECT, ...GUARDED, '--metrics-tls-dir', secret.dir],
      untilReady: false,
    });
    try {
      const addresses = await waitUntil('it to listen', async () =>
        (await secured.lines()).find(({ message }) => message === 'Started'),
      );
      const url = `https://${addresses['metricsAddress']}/metrics`;
      expect(await getOverTls(url, before, HOST)).toEqual({ status: 401, body: 'unauthorized\n' });
      const authorization = `Bearer ${await tokenOf(new Workloads(env.api, scraper))}`;
      const scraped = await getOverTls(url, before, HOST, { authorization });
      expect(scraped.status).toBe(200);
      expect(scraped.body).toContain('vsgb_build_info');
      await expect(fetch(url.replace('https', 'http'))).rejects.toThrow('fetch failed');
      await waitUntil(
        'health without a certificate',
        async () => (await fetch(`http://${addresses['healthAddress']}/readyz`)).ok,
      );
      await secret.publish(tlsSecret(after));
      await waitUntil(
        'the rotated certificate',
        async () => (await getOverTls(url, after, HOST)).status === 401,
      );
      await expect(getOverTls(url, before, HOST)).rejects.toThrow('self-signed');
      expect(await secured.log()).not.toContain('PRIVATE KEY');
    } finally {
      await secured.stop();
    }
  }, 60_000);

  test('a certificate that cannot be read ends the start, with a sentence and status 2', async () => {
    const flags = ['--metrics-tls-dir', '/does/not/exist'];
    const refused = await env.startOperator({ flags, untilReady: false });
    expect(await refused.exited).toBe(2);
    expect(await refused.log()).toBe(
      '--metrics-tls-dir: received "/does/not/exist", expected a directory with tls.crt and tls.key: tls.crt cannot be read (ENOENT)\n',
    );
  });

  async function tokenOf({ api, namespace }: Workloads): Promise<string> {
    const review = await api.create<{ status: { token: string } }>(
      `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    );
    return review.status.token;
  }
});

describe('the rights that deploy/ grants', () => {
  let requests: readonly AuditedRequest[];

  beforeAll(async () => {
    const app = await env.createNamespace('rights');
    const group = env.createGroup();
    await grant(app, group);
    await liveThroughEverything(app, group);
    await operator.stop();
    await useEndpoints(app, group);
    requests = await audit.requests();
  }, 120_000);

  test('are enough: nothing that the operator asked for was refused', () => {
    const refused = requests.filter(({ allowed, status }) => !allowed || status === 401 || status === 403);
    expect(refused).toEqual([]);
    expect(requests.length).toBeGreaterThan(50);
  });

  test('are needed: each verb on each resource was used', () => {
    const unused = grants.filter(
      (grant) =>
        !requests.some(
          ({ verb, target, name }) =>
            verb === grant.verb &&
            target === grant.target &&
            (grant.name === undefined || name === grant.name),
        ),
    );
    expect(unused).toEqual([]);
    expect(grants.length).toBeGreaterThan(20);
  });

  test('are named one by one', () => {
    expect(grants.filter(({ verb, target }) => `${verb}${target}`.includes('*'))).toEqual([]);
  });
});

test('nobody but the operator gets the right to write a status: it says which backends are its own', async () => {
  interface Role {
    readonly rules:
      | readonly { readonly resources?: readonly string[]; readonly verbs: readonly string[] }[]
      | null;
  }
  const roles = await env.api.list<Role & KubeObject>('/apis/rbac.authorization.k8s.io/v1/clusterroles');
  const writers = roles
    .filter(({ rules }) =>
      rules?.some(
        ({ resources = [], verbs }) =>
          resources.includes('vservergroupbindings/status') &&
          verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)),
      ),
    )
    .map(({ metadata }) => metadata.name);
  expect(writers).toEqual(['vservergroup-operator']);
});

/** Additions, readiness gates, a drain, a removal, weights by pod, events and repeats of them, a rejected status, a deletion. */
async function liveThroughEverything(app: Workloads, group: string): Promise<void> {
  await app.bind('web', group, { drain: { seconds: 1 } });
  await createGatedApp(app, 'web', { replicas: 3 });
  await env.untilHolds(group, await app.untilReady('web', 3));
  await app.scale('web', 1);
  await env.untilHolds(group, await app.untilReady('web', 1));
  await app.untilCondition('web', 'True', 'Synced');
  for (const port of [8443, 80, 8443, 80]) {
    await app.patchBinding('web', { spec: { serviceRef: { port } } });
    await app.untilCondition('web', port === 80 ? 'True' : 'False');
  }
  await refuseStatusOf(app, 'web');
  await app.deleteBinding('web');
  await waitUntil('the binding to be gone', async () => !(await env.api.find(`${app.bindings()}/web`)));
  expect(env.rows(group)).toEqual([]);
}

/** To the operator, a status that the schema rejects looks like that of a binding that was replaced, so it reads the binding. */
async function refuseStatusOf(app: Workloads, name: string): Promise<void> {
  const crd =
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vservergroupbindings.slb.alibabacloud.com';
  const path = '/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/registered/maximum';
  await env.api.patch(crd, [{ op: 'replace', path, value: 1 }], 'json');
  await waitUntil('the API server to refuse a second backend in a status', async () => {
    const change = { status: { registered: 2 } };
    return env.api.patch(`${app.bindings()}/${name}/status?dryRun=All`, change).then(
      () => false,
      () => true,
    );
  });
  await app.scale('web', 2);
  await app.untilReady('web', 2);
  await waitUntil('the operator to look at the binding', async () =>
    (await audit.requests()).some(
      ({ verb, target }) => verb === 'get' && target === 'vservergroupbindings.slb.alibabacloud.com',
    ),
  );
  await env.api.patch(crd, [{ op: 'replace', path, value: 1_000_000 }], 'json');
  await app.untilCondition(name, 'True', 'Synced');
}

async function useEndpoints(app: Workloads, group: string): Promise<void> {
  const flags = [...ELECT, ...OPTIONS, '--endpoints-source', 'endpoints'];
  const second = await env.startOperator({ flags });
  await app.bind('web', group);
  await env.untilHolds(group, await app.readyAddresses('web'));
  await second.stop();
}

describe('Pod Security restricted', () => {
  const NAMESPACE = `/api/v1/namespaces/${OPERATOR_NAMESPACE}`;

  interface Template {
    readonly metadata: { readonly labels: Record<string, string> };
    readonly spec: {
      readonly securityContext: object;
      readonly containers: readonly { securityContext: object }[];
    };
  }

  const deployment = async () =>
    await env.api.get<KubeObject & { spec: { replicas: number; template: Template } }>(
      `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments/vservergroup-operator`,
    );

  test('is enforced in the namespace, and lets the pods of the Deployment in', async () => {
    const { metadata } = await env.api.get(NAMESPACE);
    expect(metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    const { spec } = await deployment();
    await waitUntil('the pods to be admitted', async () => {
      const pods = await env.api.list(`${NAMESPACE}/pods`, 'app.kubernetes.io/name=vservergroup-operator');
      return pods.length >= spec.replicas;
    });
  });

  interface Loosened {
    readonly spec?: object;
    readonly pod?: object;
    readonly container?: object;
  }

  test.each<[string, Loosened]>([
    ['may be root', { pod: { runAsNonRoot: false, runAsUser: 0 } }],
    ['has no seccomp profile', { pod: { seccompProfile: null } }],
    ['can gain privileges', { container: { allowPrivilegeEscalation: true } }],
    ['keeps its capabilities', { container: { capabilities: null } }],
    ['adds a capability', { container: { capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } } }],
    ['is in the network of its node', { spec: { hostNetwork: true, topologySpreadConstraints: [] } }],
    ['sees the files of its node', { spec: { volumes: [{ name: 'root', hostPath: { path: '/' } }] } }],
  ])('keeps a copy out that %s', async (_, loosened) => {
    const { template } = (await deployment()).spec;
    const [container] = template.spec.containers;
    const copy = {
      metadata: { generateName: 'copy-', labels: template.metadata.labels },
      spec: {
        ...template.spec,
        securityContext: { ...template.spec.securityContext, ...loosened.pod },
        containers: [
          { ...container, securityContext: { ...container?.securityContext, ...loosened.container } },
        ],
        ...loosened.spec,
      },
    };
    await expect(env.api.create(`${NAMESPACE}/pods?dryRun=All`, copy)).rejects.toThrow(
      /403 Forbidden: .*violates PodSecurity "restricted:/,
    );
  });
});

test('the NetworkPolicy is about the pods of the Deployment and names ports that they have', async () => {
  interface Policy {
    readonly spec: {
      readonly podSelector: { readonly matchLabels: Record<string, string> };
      readonly policyTypes: readonly string[];
      readonly ingress: readonly { readonly ports: readonly { readonly port: number | string }[] }[];
    };
  }
  const { spec } = await env.api.get<Policy>(
    `/apis/networking.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/networkpolicies/vservergroup-operator`,
  );
  const [[key, value] = []] = Object.entries(spec.podSelector.matchLabels);
  const pods = await env.api.list<
    KubeObject & { spec: { containers: readonly { ports: readonly { name: string }[] }[] } }
  >(`/api/v1/namespaces/${OPERATOR_NAMESPACE}/pods`, `${key}=${value}`);
  const names = pods[0]?.spec.containers.flatMap(({ ports }) => ports.map(({ name }) => name));
  expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
  expect(spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port)).sort()).toEqual(names?.sort());
});
