import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { applyObjects } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { locateDeployTools, locateKubectl } from '../../../lab/control-plane/build/build.ts';
import { type ControlPlane, startControlPlane } from '../../../lab/control-plane/control-plane.ts';
import { createNodes, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { ensureBuilt, OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { GATED } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { GRANTS_ANNOTATION, ZERO_DOWNTIME_LABEL } from '../../../src/api/names.ts';
import { commandsOf } from '../../documented-commands.ts';
import { anyObjectCrd } from '../../helm/any-object-crd.ts';

// Runs the kubectl and helm lines of README.md and docs/ as written there: from the root of a clone, with kubectl, helm and
// kubectl-vsgb in PATH. The tutorial has its own test. kwok simulates the pods, so the operator under test is a process outside the
// cluster.

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILD_MS = 30 * 60_000;
const COMMAND_MS = 60_000;
const NAME = 'vservergroup-operator';
const GROUP = 'rsp-bp1exampleeni';
const CRD_PATH =
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vservergroupbindings.slb.alibabacloud.com';

/** Commands that are not run here, and why. */
const NOT_HERE: Readonly<Record<string, string>> = {
  [`kubectl -n ${NAME} logs -l app.kubernetes.io/name=${NAME} --prefix --tail=-1 --since=10m`]:
    'no kubelet has the log of a pod that kwok plays',
  'helm install … --take-ownership': 'shortened: it is run in full',
  'kubectl vsgb check --group rsp-bp1example':
    'it calls the cloud from a pod of the operator, and kwok plays those: test/e2e/programs/check.test.ts runs it',
};

jest.setTimeout(3 * COMMAND_MS);

let dir: string;
let plane: ControlPlane;
let api: KubeApi;
let simulator: Simulator;
let operator: OperatorProcess;
let pages: readonly string[];
let documented: ReadonlySet<string>;
const ran = new Set<string>();

beforeAll(async () => {
  const [kubectl, { helm }] = [await locateKubectl(), await locateDeployTools()];
  await ensureBuilt();
  dir = await mkdtemp(join(tmpdir(), 'vsgb-documented-'));
  await mkdir(join(dir, 'bin'));
  await symlink(kubectl, join(dir, 'bin/kubectl'));
  await symlink(helm, join(dir, 'bin/helm'));
  // As in docs/plugin.md: under its name, and outside the package in which it was built.
  await copyFile(join(ROOT, 'dist/kubectl-vsgb.js'), join(dir, 'bin/kubectl-vsgb'));

  const names = (await readdir(join(ROOT, 'docs'))).filter(
    (name) => name.endsWith('.md') && name !== 'tutorial.md',
  );
  const paths = ['README.md', ...names.map((name) => `docs/${name}`)];
  pages = await Promise.all(paths.map((path) => readFile(join(ROOT, path), 'utf8')));
  const commands = pages.flatMap(commandsOf).map(({ command }) => command);
  documented = new Set(commands.filter((command) => /^(kubectl|helm) /.test(command)));

  plane = await startControlPlane({ podAddresses: 'unique' });
  api = await KubeApi.fromKubeconfig(plane.kubeconfig);
  await createNodes(api, ['node0', 'node1']);
  await untilNodesReady(api, ['node0', 'node1']);
  simulator = await startSimulator({ groups: [GROUP] });
}, BUILD_MS);

afterAll(async () => {
  await operator?.kill();
  await simulator?.close();
  await api?.close();
  await plane?.stop();
  if (dir !== undefined) await rm(dir, { recursive: true, force: true });
});

/** The output of this line in a shell. */
function shell(line: string, cwd = ROOT): Promise<string> {
  const env = {
    PATH: [join(dir, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    HOME: dir,
    KUBECONFIG: plane.kubeconfig,
    REGISTRY: 'registry.example.com',
    ALIBABA_CLOUD_ACCESS_KEY_ID: 'testid',
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'testsecret',
    // The operator's settings also determine what `kubectl vsgb diff` does.
    VSGB_REGION: 'cn-hangzhou',
    VSGB_VPC_ID: 'vpc-1',
    VSGB_SLB_ENDPOINT: simulator.url,
    VSGB_ECS_ENDPOINT: simulator.url,
  };
  const options = { cwd, env, timeout: COMMAND_MS, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve_, reject) => {
    execFile('/bin/sh', ['-c', line], options, (error, stdout, stderr) => {
      if (error === null) resolve_(stdout);
      else reject(new Error(`${line}: ${stderr || error.message}`, { cause: error }));
    });
  });
}

/** The only command in the docs that equals this or starts with it. */
function inDocs(start: string): string {
  if (documented.has(start)) return start;
  const found = [...documented].filter((command) => command.startsWith(start));
  if (found.length !== 1) throw new Error(`${found.length} commands in the docs start with ${start}`);
  return found[0]!;
}

/** Runs a command from the docs, found by its beginning. */
async function documentedly(start: string, cwd?: string): Promise<string> {
  const command = inDocs(start);
  const output = await shell(command, cwd);
  ran.add(command);
  return output;
}

const rows = () => simulator.state.group(GROUP).rows();
const upgraded = `helm upgrade ${NAME} deploy/helm/${NAME} --namespace ${NAME} --reset-then-reuse-values`;
const object = async (path: string) => await api.find<KubeObject>(path);
/** The environment variables that the overlay sets for the operator. */
const settings = async () => {
  const path = `/api/v1/namespaces/${NAME}/configmaps`;
  const configMaps = await api.list<KubeObject & { data: Record<string, string> }>(path);
  return configMaps.find(({ metadata }) => metadata.name.startsWith(NAME))?.data ?? {};
};
const deployment = `/apis/apps/v1/namespaces/${NAME}/deployments/${NAME}`;

describe('with kustomize', () => {
  test('the Secret with an access key', async () => {
    for (const file of ['access-key-id', 'access-key-secret']) await writeFile(join(dir, file), 'x');
    await documentedly(`kubectl create namespace ${NAME}`);
    const secret = await documentedly(`kubectl -n ${NAME} create secret generic`, dir);
    expect(secret).toBe(`secret/${NAME}-credentials created\n`);
  });

  test('the CRD alone, as files or by kustomize', async () => {
    expect(await documentedly('kubectl apply -f crds/')).toMatch(/^customresourcedefinition\S+ created\n$/);
    expect(await shell('kubectl apply -k crds')).toMatch(/^customresourcedefinition\S+ unchanged\n$/);
  });

  test('the overlay is applied and its Deployment rolls out', async () => {
    expect(await documentedly('kubectl apply -k deploy/overlays/example')).toContain(
      `deployment.apps/${NAME} created`,
    );
    expect(await documentedly(`kubectl -n ${NAME} rollout status deployment ${NAME}`)).toContain(
      'successfully rolled out',
    );
  });

  test('the first binding gets ready, and the group holds the pods of the sample', async () => {
    operator = await OperatorProcess.start({
      kubeconfig: await plane.kubeconfigForServiceAccount(NAME, NAME),
      apiUrl: simulator.url,
      env: await settings(),
      flags: ['--leader-elect', '--leader-elect-namespace', NAME],
    });
    await documentedly('kubectl apply -f deploy/samples/web.yaml -f deploy/samples/binding-eni.yaml');
    await documentedly('kubectl wait --for=condition=Ready vsgb/web');
    await shell('kubectl rollout status deployment web');
    await shell('kubectl wait --for=jsonpath={.status.registered}=4 vsgb/web');
    expect(rows()).toHaveLength(4);
  });

  test('what there is to see of it', async () => {
    expect(await documentedly('kubectl get vsgb')).toMatch(
      /^NAME +GROUP +SERVICE +.*\nweb +rsp-bp1exampleeni +web .* 4 +4 .*True/,
    );
    expect(await documentedly('kubectl get vsgb web')).toContain(GROUP);
    expect(await documentedly('kubectl describe vsgb web')).toMatch(/Type: +Ready[\s\S]*Events:/);
    expect(await documentedly('kubectl vsgb status -A')).toMatch(/default +web +rsp-bp1exampleeni .*4\/4/);
    expect(await documentedly('kubectl vsgb diff web')).toBe('');
  });

  test('the commands to look with that a sentence or a table names', async () => {
    const named = pages.flatMap((page) => page.match(/(?<=`)kubectl [^`\n]+(?=`)/g) ?? []);
    const looking = new Set(
      named.filter((one) => /^kubectl (-n \S+ )?(get|explain|describe|vsgb (status|diff)) [^[…]+$/.test(one)),
    );
    expect(looking.size).toBeGreaterThan(15);
    const real: Readonly<Record<string, string>> = {
      NAMESPACE: 'default',
      SERVICE: 'web',
      NODE: 'node0',
      NAME: 'web',
    };
    for (const one of looking)
      await shell(one.replace(/\b(NAMESPACE|SERVICE|NODE|NAME)\b/, (word) => real[word]!));
  });

  test('a readiness gate is opened by hand', async () => {
    const pods = '/api/v1/namespaces/default/pods';
    await api.create(pods, {
      metadata: { name: 'web-0' },
      spec: { nodeName: 'node0', containers: [{ name: 'app', image: 'app' }], ...GATED },
    });
    expect(await documentedly('kubectl vsgb ready web-0')).toMatch(/default +web-0 +opened/);
    await shell('kubectl wait --for=condition=Ready pod/web-0');
    await documentedly('kubectl patch pod web-0 --subresource=status');
    await api.delete(`${pods}/web-0`);
  });

  test('gate and hold are written into a manifest', async () => {
    const labels = { app: 'held' };
    const manifest = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'held', namespace: 'default' },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app' }] } },
      },
    };
    await writeFile(join(dir, 'deploy.yaml'), JSON.stringify(manifest));
    await documentedly('kubectl vsgb inject -f deploy.yaml', dir);
    const path = '/apis/apps/v1/namespaces/default/deployments/held';
    const preStop = { sleep: { seconds: 35 } };
    expect(await object(path)).toMatchObject({
      spec: {
        template: {
          spec: {
            ...GATED,
            terminationGracePeriodSeconds: 65,
            containers: [{ lifecycle: { preStop } }],
          },
        },
      },
    });
    await api.delete(path);
  });

  test('moving here and away: modes, suspension, and a binding that leaves its rows', async () => {
    await documentedly(`kubectl patch vsgb web --type merge -p '{"spec":{"mode":"Sync"}}'`);
    await documentedly(`kubectl patch vsgb web --type merge -p '{"spec":{"suspend":true}}'`);
    await documentedly("kubectl wait --for='jsonpath=");
    await documentedly('kubectl patch vsgb web --type merge -p \'{"spec":{"mode":"RemoveOnly"');
    await documentedly('kubectl delete vsgb web');
    expect(rows()).toHaveLength(4);
  });

  test('Argo CD is given its health check', async () => {
    await api.create('/api/v1/namespaces', { metadata: { name: 'argocd' } });
    const configMaps = '/api/v1/namespaces/argocd/configmaps';
    await api.create(configMaps, {
      metadata: { name: 'argocd-cm' },
      data: { url: 'https://argocd.example.com' },
    });
    await documentedly('kubectl -n argocd patch configmap argocd-cm');
    const key = 'resource.customizations.health.slb.alibabacloud.com_VServerGroupBinding';
    expect(await object(`${configMaps}/argocd-cm`)).toMatchObject({
      data: { url: 'https://argocd.example.com', [key]: expect.stringContaining('return health') },
    });
  });

  test("the namespace of managed Prometheus's agent is let in", async () => {
    await api.create('/api/v1/namespaces', { metadata: { name: 'arms-prom' } });
    await documentedly('kubectl label namespace arms-prom');
    expect(await object('/api/v1/namespaces/arms-prom')).toMatchObject({
      metadata: { labels: { metrics: 'enabled' } },
    });
  });

  test('a namespace asks for gate and hold', async () => {
    await api.create('/api/v1/namespaces', { metadata: { name: 'shop' } });
    await documentedly('kubectl label namespace shop');
    expect(await object('/api/v1/namespaces/shop')).toMatchObject({
      metadata: { labels: { [ZERO_DOWNTIME_LABEL]: 'enabled' } },
    });
  });

  test('a namespace is granted groups, and the policies for that are applied', async () => {
    expect(await documentedly('kubectl get vsgb -A -o custom-columns=')).toMatch(
      /^NAMESPACE +GROUP +OWNERSHIP\n/,
    );
    await documentedly('kubectl annotate namespace shop');
    expect(await object('/api/v1/namespaces/shop')).toMatchObject({
      metadata: { annotations: { [GRANTS_ANNOTATION]: expect.stringContaining(':Exclusive') } },
    });
    const applied = await documentedly('kubectl apply -f deploy/policies/');
    expect(applied.match(/^validatingadmissionpolicy\.\S+ created$/gm)).toHaveLength(3);
    // The sample's binding has no grant, and the API server enforces deleted policies for a moment longer.
    await shell('kubectl delete -f deploy/policies/');
    await waitUntil('the policies to be gone', () =>
      shell('kubectl apply --dry-run=server -f deploy/samples/binding-eni.yaml'),
    );
  });

  test('all bindings are deleted, and their backends leave the groups', async () => {
    await shell('kubectl apply -f deploy/samples/binding-eni.yaml');
    await shell('kubectl wait --for=jsonpath={.status.registered}=4 vsgb/web');
    await documentedly('kubectl delete vsgb --all --all-namespaces');
    expect(rows()).toEqual([]);
  });

  test('everything is stopped by a dry run, which a setting begins and ends, and an overlay does not', async () => {
    await documentedly(`kubectl -n ${NAME} set env deployment/${NAME} VSGB_DRY_RUN=true`);
    await shell(`kubectl -n ${NAME} rollout status deployment ${NAME}`);
    const pods = (await api.list(`/api/v1/namespaces/${NAME}/pods`)).filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
    expect(pods).toHaveLength(2);
    const env = expect.arrayContaining([{ name: 'VSGB_DRY_RUN', value: 'true' }]);
    for (const { spec } of pods) expect(spec).toMatchObject({ containers: [{ env }] });
    await shell('kubectl apply -k deploy/overlays/example');
    expect(await object(deployment)).toMatchObject({
      spec: { template: { spec: { containers: [{ env }] } } },
    });
    await shell(`kubectl -n ${NAME} set env deployment/${NAME} VSGB_DRY_RUN-`);
    expect(JSON.stringify(await object(deployment))).not.toContain('VSGB_DRY_RUN');
  });

  test('it is scaled to nothing', async () => {
    await documentedly(`kubectl -n ${NAME} scale deployment ${NAME} --replicas 0`);
    expect(await object(deployment)).toMatchObject({ spec: { replicas: 0 } });
  });

  test('then Helm takes the CRD over, once all else is deleted but the policies, which stay', async () => {
    await shell('kubectl apply -f deploy/policies/');
    await api.create('/api/v1/namespaces', { metadata: { name: 'web' } });
    const added = [
      'components/webhook/secret.yaml',
      'components/webhook/service.yaml',
      'components/webhook/rbac.yaml',
      'components/webhook/webhook.yaml',
      'components/webhook/label-policy.yaml',
      'components/readiness-gates/rbac.yaml',
      'components/readiness-gates/admission-policy.yaml',
      'overlays/example-namespaces/role-bindings.yaml',
    ].map((file) => `-f deploy/${file}`);
    await shell(`kubectl apply ${added.join(' ')}`);
    await documentedly(`kubectl -n ${NAME} delete deployment,service,`);
    await documentedly('kubectl delete rolebinding,clusterrole,');
    await documentedly('kubectl delete validatingadmissionpolicy,');
    expect(await object(deployment)).toBeUndefined();
    expect(await shell(`kubectl get --ignore-not-found ${added.join(' ')}`)).toBe('');
    await shell('kubectl get -f deploy/policies/');
    await shell(`kubectl -n ${NAME} get secret ${NAME}-credentials`);
    await shell(`${inDocs(`helm install ${NAME} `)} --take-ownership`);
    expect(await object(deployment)).toBeDefined();
    await shell('kubectl delete -f deploy/policies/');
  });
});

describe('with Helm', () => {
  test('uninstalled, and the CRD deleted, nothing is left', async () => {
    await documentedly(`helm uninstall ${NAME}`);
    expect(await object(CRD_PATH)).toBeDefined();
    await documentedly('kubectl delete crd vservergroupbindings.slb.alibabacloud.com');
    expect(await object(CRD_PATH)).toBeUndefined();
  });

  test('it is installed, gets its credentials injected, and rolls out', async () => {
    await documentedly(`helm install ${NAME} `);
    await documentedly(`kubectl label namespace ${NAME} pod-identity`);
    await documentedly(`kubectl -n ${NAME} rollout restart deployment ${NAME}`);
    expect(await shell(inDocs(`kubectl -n ${NAME} rollout status deployment ${NAME}`))).toContain(
      'successfully rolled out',
    );
  });

  test('it is upgraded, monitored, guarded and rolled back', async () => {
    await documentedly(upgraded);
    await applyObjects(api, ['ServiceMonitor', 'PrometheusRule'].map(anyObjectCrd));
    await documentedly(`${upgraded} --set metrics.serviceMonitor.enabled=true`);
    await documentedly(`${upgraded} --set metrics.auth=kubernetes`);
    const monitor = `/apis/monitoring.coreos.com/v1/namespaces/${NAME}/servicemonitors/${NAME}`;
    expect(await object(monitor)).toMatchObject({ spec: { endpoints: [{ scheme: 'https' }] } });
    await documentedly(`helm rollback ${NAME}`);
    expect(await object(monitor)).not.toMatchObject({ spec: { endpoints: [{ scheme: 'https' }] } });
  });
});

test('every kubectl and helm command of the docs has been run, or is named here with the reason', () => {
  expect([...documented].filter((command) => !ran.has(command)).sort()).toEqual(Object.keys(NOT_HERE).sort());
});
