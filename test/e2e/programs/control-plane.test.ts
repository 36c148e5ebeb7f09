import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { applyFiles, applyFolder, applyObjects } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { type ControlPlane, startControlPlane } from '../../../lab/control-plane/control-plane.ts';
import { createNodes, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';

const BUILD_MS = 30 * 60_000;
const TEST_MS = 120_000;
const DEFAULT = '/api/v1/namespaces/default';
const NODES = ['node0', 'node1', 'node2'];

interface Pod extends KubeObject {
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

interface Endpoints extends KubeObject {
  readonly subsets?: readonly { readonly addresses?: readonly { readonly ip: string }[] }[];
}

interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[];
}

jest.setTimeout(TEST_MS);

let plane: ControlPlane;
let api: KubeApi;
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'control-plane-test-'));
  plane = await startControlPlane();
  api = await KubeApi.fromKubeconfig(plane.kubeconfig);
  await createNodes(api, NODES);
}, BUILD_MS);

afterAll(async () => {
  await api?.close();
  await plane?.stop();
  await rm(scratch, { recursive: true, force: true });
});

test('nodes become Ready and keep their provider id', async () => {
  await untilNodesReady(api, NODES);
  const nodes = await api.list<KubeObject & { spec: { providerID: string } }>('/api/v1/nodes');
  expect(nodes.map((node) => node.spec.providerID)).toEqual(NODES.map((name) => `cn-hangzhou.i-${name}`));
});

test('the pods of a deployment get IPs and appear in Endpoints and EndpointSlices', async () => {
  await applyObjects(api, [deployment('web', 5), service('web')]);
  const ips = (await readyPods('web', 5)).map((pod) => pod.status.podIP).sort();
  expect(new Set(ips).size).toBe(5);
  for (const ip of ips) expect(ip).toMatch(/^10\.9\.\d+\.\d+$/);
  await endpointsAre('web', ips);
});

test('a deleted pod is gone from the API and its replacement takes over', async () => {
  await applyObjects(api, [deployment('churn', 2), service('churn')]);
  const [victim] = await readyPods('churn', 2);
  const path = `${DEFAULT}/pods/${victim!.metadata.name}`;
  await api.delete(path);
  await waitUntil('the pod to be gone', async () => (await api.find(path)) === undefined, {
    timeoutMs: 10_000,
  });
  const ips = (await readyPods('churn', 2)).map((pod) => pod.status.podIP).sort();
  await endpointsAre('churn', ips);
});

test('with unique addresses no pod gets the address of one before it', async () => {
  await using other = await startControlPlane({ podAddresses: 'unique' });
  await using theirs = await KubeApi.fromKubeconfig(other.kubeconfig);
  await createNodes(theirs, NODES);
  await applyObjects(theirs, [deployment('web', 5)]);
  const addresses = async () => (await readyPods('web', 5, theirs)).map((pod) => pod.status.podIP);
  const before = await addresses();
  await applyObjects(theirs, [deployment('web', 0)]);
  await readyPods('web', 0, theirs);
  await applyObjects(theirs, [deployment('web', 5)]);
  const after = await addresses();
  expect(new Set([...before, ...after]).size).toBe(10);
  for (const ip of after) expect(ip).toMatch(/^172\.(1[6-9]|2[0-7])\.\d+\.\d+$/);
});

test('a restarted API server has the same address and the same data', async () => {
  await applyObjects(api, [configMap('before')]);
  await plane.restart('kube-apiserver');
  expect(await waitUntil('the object', () => api.get(`${DEFAULT}/configmaps/before`))).toMatchObject({
    data: { key: 'value' },
  });
  await applyObjects(api, [deployment('after', 1)]);
  await readyPods('after', 1);
});

test('a paused API server answers nothing until it is resumed', async () => {
  await plane.pause('kube-apiserver');
  try {
    const answer = api.get('/version').then(() => 'answered');
    const nothing = new Promise((resolve) => setTimeout(resolve, 500, 'nothing'));
    expect(await Promise.race([answer, nothing])).toBe('nothing');
    plane.resume('kube-apiserver');
    expect(await answer).toBe('answered');
  } finally {
    plane.resume('kube-apiserver');
  }
});

test('a service account may do what its role says and nothing else', async () => {
  await applyObjects(api, [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader' } }]);
  const kubeconfig = await plane.kubeconfigForServiceAccount('default', 'reader');
  expect(statSync(kubeconfig).mode & 0o777).toBe(0o600);
  await using reader = await KubeApi.fromKubeconfig(kubeconfig);
  await expect(reader.list(`${DEFAULT}/pods`)).rejects.toMatchObject({ status: 403, reason: 'Forbidden' });

  await applyObjects(api, [podReader(), podReaderBinding('reader')]);
  await waitUntil('the role to take effect', () => reader.list(`${DEFAULT}/pods`));
  await expect(reader.list(`${DEFAULT}/secrets`)).rejects.toMatchObject({ status: 403 });
});

test('a client that does not know the authority refuses the API server', async () => {
  await expect(fetch(`${plane.server}/version`)).rejects.toThrow('fetch failed');
});

test('a file may hold a CRD and, before it, an object of that kind', async () => {
  const file = join(scratch, 'crd.yaml');
  await writeFile(file, WIDGET_WITH_CRD);
  const applied = await applyFiles(api, [file], { namespace: 'kube-public' });
  expect(applied.map(({ kind }) => kind)).toEqual(['CustomResourceDefinition', 'Widget']);
  expect(applied[1]?.metadata.namespace).toBe('kube-public');
});

test('what the API server refuses is reported with file, kind, name and its reason', async () => {
  const file = join(scratch, 'typo.yaml');
  await writeFile(file, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: typo}\ndate: {a: b}\n');
  const refused = expect(applyFiles(api, [file])).rejects;
  await refused.toThrow(`${file}: ConfigMap typo was not applied: `);
  await expect(applyFiles(api, [file])).rejects.toThrow('.date: field not declared in schema');
});

test('a kustomize folder can be applied to another namespace', async () => {
  await writeFile(join(scratch, 'kustomization.yaml'), 'resources: [account.yaml, namespace.yaml]\n');
  await writeFile(join(scratch, 'namespace.yaml'), 'apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n');
  const account = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: b, namespace: a}\n';
  await writeFile(join(scratch, 'account.yaml'), account);
  await applyFolder(api, scratch, { namespace: 'moved' });
  expect(await api.get('/api/v1/namespaces/moved/serviceaccounts/b')).toBeDefined();
  expect(await api.find('/api/v1/namespaces/a')).toBeUndefined();
});

test('two control planes run side by side and know nothing of each other', async () => {
  await using other = await startControlPlane({ kwok: false, scheduler: false });
  await using otherApi = await KubeApi.fromKubeconfig(other.kubeconfig);
  await applyObjects(otherApi, [configMap('other')]);
  expect(await api.find(`${DEFAULT}/configmaps/other`)).toBeUndefined();
});

test('a folder that is used again brings its objects back', async () => {
  const options = { dir: join(scratch, 'state'), kwok: false, scheduler: false, controllerManager: false };
  {
    await using first = await startControlPlane(options);
    await using firstApi = await KubeApi.fromKubeconfig(first.kubeconfig);
    await applyObjects(firstApi, [configMap('kept')]);
  }
  await using second = await startControlPlane(options);
  await using secondApi = await KubeApi.fromKubeconfig(second.kubeconfig);
  expect(await secondApi.find(`${DEFAULT}/configmaps/kept`)).toBeDefined();
});

test('a component that cannot start is reported with the end of its log', async () => {
  const starting = startControlPlane({ kwok: false, scheduler: false, apiServerFlags: ['--no-such-flag'] });
  await expect(starting).rejects.toThrow(
    /kube-apiserver did not become ready[\s\S]*unknown flag: --no-such-flag/,
  );
});

test('nothing is left, neither process nor file, when the parent is killed', async () => {
  const parent = spawn(process.execPath, [join(import.meta.dirname, '../../environment/keep-running.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { dir, pids } = JSON.parse(await firstLineOf(parent)) as { dir: string; pids: number[] };
  expect(pids.map(isAlive)).toEqual([true, true, true]);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  await waitUntil('all components to die', () => !pids.some(isAlive), { timeoutMs: 10_000 });
  await waitUntil('the state folder to be removed', () => !existsSync(dir), { timeoutMs: 10_000 });
});

async function readyPods(app: string, count: number, of = api): Promise<readonly Pod[]> {
  return await waitUntil(`${count} ready pods of ${app}`, async () => {
    const pods = await of.list<Pod>(`${DEFAULT}/pods`, `app=${app}`);
    const ready = pods.filter(({ status }) =>
      status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
    );
    return pods.length === count && ready.length === count && pods;
  });
}

async function endpointsAre(name: string, ips: readonly (string | undefined)[]): Promise<void> {
  await waitUntil(`Endpoints and EndpointSlices of ${name} to hold ${ips}`, async () => {
    const { subsets } = await api.get<Endpoints>(`${DEFAULT}/endpoints/${name}`);
    const slices = await api.list<EndpointSlice>(
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
      `kubernetes.io/service-name=${name}`,
    );
    const inEndpoints = subsets?.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)) ?? [];
    const inSlices = slices.flatMap(({ endpoints = [] }) => endpoints.flatMap(({ addresses }) => addresses));
    return [inEndpoints, inSlices].every((found) => String(found.sort()) === String(ips));
  });
}

async function firstLineOf(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line;
  throw new Error('the process ended without a line');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function deployment(name: string, replicas: number): KubeObject {
  const labels = { app: name };
  const containers = [{ name: 'web', image: 'example/web' }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}

function service(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  };
}

function configMap(name: string): KubeObject & { data: Record<string, string> } {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { key: 'value' } };
}

function podReader(): KubeObject & { rules: unknown } {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'pod-reader' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
  };
}

function podReaderBinding(account: string): KubeObject & { roleRef: unknown; subjects: unknown } {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'pod-reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'pod-reader' },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'default' }],
  };
}

const WIDGET_WITH_CRD = `
apiVersion: tests.example.com/v1
kind: Widget
metadata: {name: first}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.tests.example.com}
spec:
  group: tests.example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object}}
`;
