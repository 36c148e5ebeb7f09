import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { startSimulator } from '../../../simulator/simulator.ts';
import { API_VERSION, KIND, PLURAL } from '../../../src/api/names.ts';
import { applyFolder, applyObjects } from '../../control-plane/api/apply.ts';
import { KubeApi, KubeApiError, type KubeObject } from '../../control-plane/api/kube-api.ts';
import { moveTo, readManifests } from '../../control-plane/api/manifest.ts';
import { OPERATOR_ACCOUNT } from '../../environment/environment.ts';
import { OperatorProcess } from '../../environment/operator-process.ts';
import { waitUntil } from '../../time/wait-until.ts';
import { SIMULATOR_OPTIONS, type Stage, type Tell } from './stage.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const CRD = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${PLURAL}.${API_VERSION.split('/')[0]}`;
const TOKEN_LIFETIME_SECONDS = 24 * 3600;
const NAMESPACE_GONE_WITHIN_MS = 120_000;
const BINDINGS_GONE_WITHIN_MS = 10_000;

/**
 * A user's cluster. Everything is created in a dedicated namespace, except a ClusterRole and its binding of the same name and, if
 * missing, the CRD; all of it is removed at the end. The operator sees only that namespace.
 */
export async function borrowedStage(
  context: string,
  cleanup: AsyncDisposableStack,
  tell: Tell,
): Promise<Stage> {
  const kubeconfig = findKubeconfig(context);
  const api = await KubeApi.fromKubeconfig(kubeconfig, context);
  cleanup.defer(() => api.close());
  await refuseSecondOperator(api, context);
  const simulator = await startSimulator({ backendsPerLoadBalancer: 0, ...SIMULATOR_OPTIONS });
  cleanup.defer(() => simulator.close());
  await bringCrd(api, cleanup, tell);
  const namespace = await makeNamespace(api, cleanup, tell);
  await bringAccount(api, namespace, cleanup);
  const operator = await OperatorProcess.start({
    kubeconfig: await operatorKubeconfig(api, kubeconfig, context, namespace, cleanup),
    apiUrl: simulator.url,
    flags: ['--namespace', namespace],
  });
  cleanup.defer(() => operator.kill());
  // Runs first, because the finalizer of a binding needs the operator.
  cleanup.defer(() => deleteBindings(api, namespace));
  tell('the operator runs (dist/main.js) outside of the cluster, sees only this namespace, and is ready');
  return {
    api,
    kubeconfig,
    context,
    namespace,
    simulator,
    operator,
    ownNodes: false,
    patienceMs: 180_000,
  };
}

function findKubeconfig(context: string): string {
  const listed = process.env['KUBECONFIG']?.split(delimiter).filter((file) => file !== '') ?? [];
  const files = listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')];
  const seen = files.filter(existsSync).map((file) => ({ file, contexts: contextsOf(file) }));
  const found = seen.find(({ contexts }) => contexts.includes(context));
  if (found) return found.file;
  const known = seen.flatMap(({ contexts }) => contexts).join(', ') || 'none';
  throw new Error(`CONTEXT=${context}: ${files.join(', ')} has no such context; there are: ${known}`);
}

function contextsOf(file: string): string[] {
  const config = new KubeConfig();
  config.loadFromFile(file);
  return config.getContexts().map(({ name }) => name);
}

/** Another operator would also see the binding, query the real cloud for the group, and write the result to the binding's status. */
async function refuseSecondOperator(api: KubeApi, context: string): Promise<void> {
  const label = `app.kubernetes.io/name=${OPERATOR_ACCOUNT}`;
  const deployments = await api.list<KubeObject & { spec: { replicas?: number } }>(
    '/apis/apps/v1/deployments',
    label,
  );
  const running = deployments.find(({ spec }) => spec.replicas !== 0);
  if (!running) return;
  const { namespace, name } = running.metadata;
  throw new Error(
    `the operator is installed in ${context} (Deployment ${namespace}/${name}) and would act on the demo's binding: ` +
      'scale it to 0 or take another cluster',
  );
}

async function bringCrd(api: KubeApi, cleanup: AsyncDisposableStack, tell: Tell): Promise<void> {
  if (await api.find(CRD)) {
    tell(`the cluster has the CRD of ${KIND} already: used as it is`);
    return;
  }
  cleanup.defer(async () => {
    const bindings = await api.list(`/apis/${API_VERSION}/${PLURAL}`);
    if (bindings.length === 0) await deleteIfThere(api, CRD);
  });
  await applyFolder(api, resolve(ROOT, 'crds'), { fieldManager: 'demo' });
  tell('crds/ is applied, and deleted again at the end');
}

async function makeNamespace(api: KubeApi, cleanup: AsyncDisposableStack, tell: Tell): Promise<string> {
  const name = `vsgb-demo-${randomBytes(3).toString('hex')}`;
  const path = `/api/v1/namespaces/${name}`;
  cleanup.defer(async () => {
    await deleteIfThere(api, path);
    await waitUntil(`namespace ${name} to be gone`, async () => !(await api.find(path)), {
      timeoutMs: NAMESPACE_GONE_WITHIN_MS,
      intervalMs: 250,
    });
  });
  await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await waitUntil(`the ServiceAccount that pods in ${name} need`, () =>
    api.find(`${path}/serviceaccounts/default`),
  );
  tell(`namespace ${name} is made, and deleted again at the end`);
  return name;
}

/** Creates the account and the rights of deploy/base, under names that no other installation uses. */
async function bringAccount(api: KubeApi, namespace: string, cleanup: AsyncDisposableStack): Promise<void> {
  const files = ['service-account.yaml', 'rbac.yaml'].map((file) => resolve(ROOT, 'deploy/base', file));
  const manifests = (await Promise.all(files.map(readManifests))).flat();
  const objects = manifests.map((manifest) => renamed(moveTo(namespace, manifest).object, namespace));
  const roles = '/apis/rbac.authorization.k8s.io/v1';
  cleanup.defer(async () => {
    await deleteIfThere(api, `${roles}/clusterrolebindings/${namespace}`);
    await deleteIfThere(api, `${roles}/clusterroles/${namespace}`);
  });
  await applyObjects(api, objects, { namespace, fieldManager: 'demo' });
}

function renamed(object: KubeObject, name: string): KubeObject {
  if (object.kind === 'ClusterRole') return { ...object, metadata: { ...object.metadata, name } };
  if (object.kind !== 'ClusterRoleBinding') return object;
  const { roleRef } = object as KubeObject & { roleRef: object };
  return { ...object, metadata: { ...object.metadata, name }, roleRef: { ...roleRef, name } } as KubeObject;
}

async function operatorKubeconfig(
  api: KubeApi,
  kubeconfig: string,
  context: string,
  namespace: string,
  cleanup: AsyncDisposableStack,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${OPERATOR_ACCOUNT}/token`;
  const review = await api.create<{ status: { token: string } }>(path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: TOKEN_LIFETIME_SECONDS },
  });
  const users = new KubeConfig();
  users.loadFromFile(kubeconfig);
  users.setCurrentContext(context);
  const cluster = users.getCurrentCluster();
  if (!cluster) throw new Error(`${kubeconfig} has no cluster for the context "${context}"`);
  const operators = new KubeConfig();
  operators.loadFromOptions({
    clusters: [cluster],
    users: [{ name: OPERATOR_ACCOUNT, token: review.status.token }],
    contexts: [{ name: 'demo', cluster: cluster.name, user: OPERATOR_ACCOUNT }],
    currentContext: 'demo',
  });
  const dir = await mkdtemp(join(tmpdir(), 'demo-'));
  cleanup.defer(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'kubeconfig');
  await writeFile(file, operators.exportConfig(), { mode: 0o600 });
  return file;
}

/** An operator that does not finish its work must not leave a namespace that cannot be deleted. */
async function deleteBindings(api: KubeApi, namespace: string): Promise<void> {
  const collection = `/apis/${API_VERSION}/namespaces/${namespace}/${PLURAL}`;
  const names = async () => (await api.list(collection)).map(({ metadata }) => metadata.name);
  for (const name of await names()) await deleteIfThere(api, `${collection}/${name}`);
  try {
    await waitUntil('the bindings to be gone', async () => (await names()).length === 0, {
      timeoutMs: BINDINGS_GONE_WITHIN_MS,
    });
  } catch {
    for (const name of await names())
      await api.patch(`${collection}/${name}`, { metadata: { finalizers: null } });
  }
}

async function deleteIfThere(api: KubeApi, path: string): Promise<void> {
  try {
    await api.delete(path);
  } catch (error) {
    if (!(error instanceof KubeApiError && error.status === 404)) throw error;
  }
}
