import { Environment, OPERATOR_NAMESPACE } from '../../environment/environment.ts';
import { waitUntil } from '../../time/wait-until.ts';
import { NODES, SIMULATOR_OPTIONS, type Stage, type Tell } from './stage.ts';

const NAMESPACE = 'demo';

/** A control plane for this run only. */
export async function ownStage(cleanup: AsyncDisposableStack, tell: Tell): Promise<Stage> {
  const environment = await Environment.start({
    controlPlane: { onProgress: tell },
    simulator: SIMULATOR_OPTIONS,
    nodes: NODES,
  });
  cleanup.defer(() => environment.close());
  const { api, simulator, controlPlane } = environment;
  tell(`${NODES.length} nodes are Ready; crds/ and deploy/base are applied`);
  await standDown(environment);
  await api.create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE },
  });
  const account = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`;
  await waitUntil(`the ServiceAccount that pods in ${NAMESPACE} need`, () => api.find(account));
  const operator = await environment.startOperator();
  tell(`the operator runs (dist/main.js) with the rights of its ServiceAccount, and is ready`);
  return {
    api,
    kubeconfig: controlPlane.kubeconfig,
    namespace: NAMESPACE,
    simulator,
    operator,
    ownNodes: true,
    patienceMs: 60_000,
  };
}

/** The operator runs as a process here; the Deployment's pods, which kwok only simulates, would get in the way. */
async function standDown({ api }: Environment): Promise<void> {
  const namespace = `${OPERATOR_NAMESPACE}`;
  const deployment = `/apis/apps/v1/namespaces/${namespace}/deployments/vservergroup-operator`;
  await api.patch(deployment, { spec: { replicas: 0 } });
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await waitUntil('the pods of the operator to go', async () => (await api.list(pods)).length === 0);
}
