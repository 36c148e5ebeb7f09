// Starts a control plane, one real node and one pod on it; then prints "ready" and stays until it is killed.
import { KubeApi } from '../../lab/control-plane/api/kube-api.ts';
import { startControlPlane } from '../../lab/control-plane/control-plane.ts';
import { FOR_REAL_NODES, startRealNodes } from '../../lab/nodes/real-nodes.ts';
import { testServerPod } from '../../lab/nodes/test-server.ts';
import { waitUntil } from '../../lab/time/wait-until.ts';

const controlPlane = await startControlPlane(FOR_REAL_NODES);
await startRealNodes(controlPlane, { names: ['lonely'] });
const api = await KubeApi.fromKubeconfig(controlPlane.kubeconfig);
const pods = '/api/v1/namespaces/default/pods';
await api.create(pods, {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: { ...testServerPod({ atSigterm: 'ignore' }), nodeName: 'lonely' },
});
await waitUntil('the pod to run', async () => {
  const pod = await api.get<{ status: { phase: string } }>(`${pods}/web`);
  return pod.status.phase === 'Running';
});
process.stderr.write('ready\n');
setInterval(() => undefined, 1_000);
