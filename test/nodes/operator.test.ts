import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { KubeApiError, type KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import { locateKubectl } from '../../lab/control-plane/build/build.ts';
import { untilNodesReady } from '../../lab/control-plane/nodes.ts';
import type { CallRecorder } from '../../lab/environment/calls.ts';
import { Environment } from '../../lab/environment/environment.ts';
import type { Pod, Workloads } from '../../lab/environment/workloads.ts';
import { TEST_SERVER_IMAGE } from '../../lab/nodes/programs/images.ts';
import type { RealNode } from '../../lab/nodes/real-node.ts';
import { FOR_REAL_NODES, type RealNodes, startRealNodes } from '../../lab/nodes/real-nodes.ts';
import { type TestServerOptions, testServerPod } from '../../lab/nodes/test-server.ts';
import { waitUntil } from '../../lab/time/wait-until.ts';
import type { Finding } from '../../src/plugin/check/finding.ts';
import { runPlugin } from '../environment/plugin-process.ts';
import { scenarios } from '../environment/scenario.ts';
import { TcpBalancer } from '../environment/tcp-balancer.ts';

const REPLICAS = 4;

let env: Environment;
let nodes: RealNodes;
let [first, second]: RealNode[] = [];
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: FOR_REAL_NODES, nodes: [] });
  nodes = await startRealNodes(env.controlPlane);
  [first, second] = nodes.all;
  await env.startOperator();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('real');
  group = env.createGroup();
});
afterAll(async () => {
  await nodes?.stop();
  await env?.close();
});

scenario(
  'rolling update: each pod of before leaves the group once, and each new one joins once',
  async () => {
    const before = await serve();
    const calls = env.recordCalls(group);
    await app.restart('web');
    const after = await app.untilReady('web', REPLICAS);
    expect(after.filter((address) => before.includes(address))).toEqual([]);
    await env.untilHolds(group, after);
    expect(backendsOf(calls, 'Remove')).toEqual(before);
    expect(backendsOf(calls, 'Add')).toEqual(after);
    await env.untilStatusTrue(app, 'web', group, { desired: REPLICAS, registered: REPLICAS, draining: 0 });
  },
);

scenario(
  'drain of a node, by the book of a PodDisruptionBudget: the group is the pods of the other node',
  async () => {
    await serve();
    await app.api.create(app.path('apis/policy/v1', 'poddisruptionbudgets'), {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web' },
      spec: { minAvailable: REPLICAS - 1, selector: { matchLabels: { app: 'web' } } },
    });
    await cordon(first!, true);
    for (const pod of await podsOn(first!)) await evict(pod);
    const gone = async () => (await podsOn(first!)).length === 0;
    await waitUntil(`${first!.name} to be empty`, gone, { timeoutMs: 60_000 });
    const addresses = await app.untilReady('web', REPLICAS);
    await cordon(first!, false);
    expect(addresses.every((address) => address.startsWith('10.30.2.'))).toBe(true);
    await env.untilHolds(group, addresses);
  },
);

scenario(
  'a container that crashes: its pod leaves once, and comes back at the same address once it is ready',
  async () => {
    const all = await serve();
    const calls = env.recordCalls(group);
    const [address = ''] = all;
    await fetch(`http://${address}:8080/crash`, { method: 'POST' }).catch(() => {});
    await waitUntil('the pod to be out and in again', () => backendsOf(calls, 'Add').length > 0);
    await env.untilHolds(group, all);
    expect(backendsOf(calls, 'Remove')).toEqual([address]);
    expect(backendsOf(calls, 'Add')).toEqual([address]);
  },
);

scenario(
  'graceful shutdown of a node: its pods get weight 0 as it begins, with no deletion in the API; all is well when it is on again',
  async () => {
    const leaving = (await serve({ preStopSeconds: 3 })).filter((address) => address.startsWith('10.30.2.'));
    const calls = env.recordCalls(group);
    await second!.shutDown();
    const sets = backendsOf(calls, 'Set');
    const weights = calls.of('Set').flatMap((call) => call.weights);
    // The kubelet's last status of its pods may not have arrived.
    await second!.powerOn();
    await untilNodesReady(env.api, [second!.name]);
    expect([sets, weights]).toEqual([leaving, leaving.map(() => 0)]);
    const isRight = async () => {
      const ready = await app.readyAddresses('web');
      return (
        ready.length === REPLICAS &&
        env.rows(group).join() === ready.map((address) => `${address}:8080*100`).join()
      );
    };
    await waitUntil('the group to be the ready pods', isRight, { timeoutMs: 60_000 });
  },
);

scenario(
  'a spot node that is about to be released: its pods get weight 0 while others take requests, and have it again if it stays',
  async () => {
    const all = await serve();
    const resting = all.map((address) => `${address}:8080*${address.startsWith('10.30.2.') ? 0 : 100}`);
    await setExpired(second!, 'True');
    await env.untilRows(group, resting);
    await setExpired(first!, 'True');
    await env.untilHolds(group, all);
    await setExpired(first!, 'False');
    await env.untilRows(group, resting);
    await setExpired(second!, 'False');
    await env.untilHolds(group, all);
  },
);

scenario(
  'check: kubectl exec runs it in a pod of the operator, with that pod’s settings, credentials and rights',
  async () => {
    await using way = await TcpBalancer.start(OUTSIDE);
    way.endpoints = [env.simulator.port];
    const url = `http://${OUTSIDE}:${way.port}`;
    const { namespace } = app;
    for (const role of ['vservergroup-operator', 'vservergroup-operator-cluster'])
      await app.api.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: `${namespace}-${role}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
      });
    const { controlPlane } = env;
    const file = await controlPlane.kubeconfigForServiceAccount(
      namespace,
      'default',
      controlPlane.advertisedServer,
    );
    await app.api.create(app.path('api/v1', 'secrets'), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'kubeconfig' },
      stringData: { config: await readFile(file, 'utf8') },
    });
    await app.api.create(app.path('apis/apps/v1', 'deployments'), operatorWithout(url));
    const isReady = async () => {
      const path = `${app.path('apis/apps/v1', 'deployments')}/vservergroup-operator`;
      const { status } = await app.api.get<KubeObject & { status: { readyReplicas?: number } }>(path);
      return status.readyReplicas === 1;
    };
    await waitUntil('the pod to be ready', isReady, { timeoutMs: 60_000 });
    const { code, stdout } = await runPlugin(
      [
        ...['check', '--kubeconfig', env.controlPlane.kubeconfig, '--operator-namespace', namespace],
        ...['--group', group, '-o', 'json'],
      ],
      { PATH: `${dirname(await locateKubectl())}:${process.env['PATH']}` },
    );
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const levels = new Map(findings.map(({ check, level, message }) => [check, `${level} ${message}`]));
    expect(levels.get('cloud')).toBeUndefined();
    expect(levels.get('SLB endpoint')).toBe(`ok ${url} answers`);
    expect(levels.get('region')).toBe('ok cn-hangzhou, as the nodes');
    expect(levels.get('VPC')).toBe('ok vpc-1 has the nodes');
    expect(levels.get('vServer group')).toMatch(/^ok /);
    expect(levels.get('API server clock')).toMatch(/^ok /);
    // With a kubeconfig the operator takes part in no election.
    expect(levels.get('leader')).toMatch(/^ok /);
    expect([findings.filter(({ level }) => level === 'failed'), code]).toEqual([[], 0]);
  },
);

scenario(
  'killed kubelet: the pods of its node leave when it is NotReady, and come back with it',
  async () => {
    const all = await serve();
    await second!.killKubelet();
    const left = all.filter((address) => !address.startsWith('10.30.2.'));
    await env.untilHolds(group, left);
    await second!.startKubelet();
    await env.untilHolds(group, all);
  },
);

scenario(
  'ecs: the group is the nodes by their node port; one that is deleted leaves, and comes back',
  async () => {
    await app.createApp('web', {
      replicas: REPLICAS,
      podSpec: spread(),
      service: { type: 'NodePort' },
    });
    const { spec } = await env.api.get<{ spec: { ports: { nodePort: number }[] } }>(
      `${app.path('api/v1', 'services')}/web`,
    );
    const row = ({ name }: RealNode) => `i-${name}:${spec.ports[0]!.nodePort}*100`;
    await app.bind('web', group, { backendType: 'ecs' });
    await env.untilRows(group, nodes.all.map(row));
    await second!.powerOff();
    await env.api.delete(`/api/v1/nodes/${second!.name}`);
    await env.untilRows(group, [row(first!)]);
    await second!.powerOn();
    await env.untilRows(group, nodes.all.map(row));
  },
);

/** The addresses in calls of one kind, with repeats. */
function backendsOf(calls: CallRecorder, action: 'Add' | 'Remove' | 'Set'): readonly string[] {
  const backends = calls.of(action).flatMap((call) => call.backends);
  return backends.map((backend) => backend.replace(':8080', '')).sort();
}

/** Starts pods on both nodes and waits until they are in the group; returns their addresses. */
async function serve(options: TestServerOptions = {}): Promise<readonly string[]> {
  await app.createApp('web', { replicas: REPLICAS, podSpec: spread(options) });
  const addresses = await app.untilReady('web', REPLICAS);
  for (const node of nodes.all) expect(await podsOn(node)).toHaveLength(REPLICAS / 2);
  await app.bind('web', group);
  await env.untilHolds(group, addresses);
  return addresses;
}

function spread(options: TestServerOptions = {}): Readonly<Record<string, unknown>> {
  return {
    ...testServerPod({ atSigterm: 'drain', gracePeriodSeconds: 5, ...options }),
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'DoNotSchedule',
        // A cordoned node does not count.
        nodeTaintsPolicy: 'Honor',
        labelSelector: { matchLabels: { app: 'web' } },
      },
    ],
  };
}

async function podsOn(node: RealNode): Promise<readonly Pod[]> {
  return (await app.pods('web')).filter(({ spec }) => spec.nodeName === node.name);
}

async function cordon(node: RealNode, unschedulable: boolean): Promise<void> {
  await env.api.patch(`/api/v1/nodes/${node.name}`, { spec: { unschedulable } });
}

/** Sets the condition with which ack-node-problem-detector reports that a spot instance expires. */
async function setExpired({ name }: RealNode, status: 'True' | 'False'): Promise<void> {
  const conditions = [{ type: 'InstanceExpired', status, reason: 'Test', message: 'by the test' }];
  await env.api.patch(`/api/v1/nodes/${name}/status`, { status: { conditions } }, 'strategic');
}

/** As `kubectl drain` does: retries while the disruption budget does not allow the eviction. */
async function evict({ metadata }: KubeObject): Promise<void> {
  const path = `${app.path('api/v1', 'pods')}/${metadata.name}/eviction`;
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: metadata.name } };
  const evicted = async () => {
    try {
      await env.api.create(path, eviction);
      return true;
    } catch (error) {
      if (error instanceof KubeApiError && error.status === 429) return false;
      throw error;
    }
  };
  await waitUntil(`${metadata.name} to be evicted`, evicted);
}

/** The address at which pods reach servers outside their nodes. */
const OUTSIDE = '10.20.0.1';

/** A Deployment like the operator's: the container has the plugin and node as in the image, but does not run the operator. */
function operatorWithout(cloudUrl: string): object {
  const labels = { 'app.kubernetes.io/name': 'vservergroup-operator' };
  const settings = {
    PATH: '/nodejs/bin',
    ALIBABA_CLOUD_ACCESS_KEY_ID: 'testid',
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'testsecret',
    // Without the ServiceAccount admission plugin, pods get no token.
    VSGB_KUBECONFIG: '/kubeconfig/config',
    VSGB_REGION: 'cn-hangzhou',
    VSGB_VPC_ID: 'vpc-1',
    VSGB_SLB_ENDPOINT: cloudUrl,
    VSGB_ECS_ENDPOINT: cloudUrl,
    VSGB_ALLOW_INSECURE_ENDPOINTS: 'true',
  };
  const folders = {
    app: [resolve(import.meta.dirname, '../../dist'), '/app'],
    node: [dirname(process.execPath), '/nodejs/bin'],
    lib: ['/lib', '/lib'],
    lib64: ['/lib64', '/lib64'],
    'usr-lib': ['/usr/lib', '/usr/lib'],
  } as const;
  const mounts = Object.entries(folders);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'vservergroup-operator', labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: 'operator',
              image: TEST_SERVER_IMAGE,
              env: Object.entries(settings).map(([name, value]) => ({ name, value })),
              volumeMounts: [
                { name: 'kubeconfig', mountPath: '/kubeconfig' },
                ...mounts.map(([name, [, mountPath]]) => ({ name, mountPath, readOnly: true })),
              ],
            },
          ],
          volumes: [
            { name: 'kubeconfig', secret: { secretName: 'kubeconfig' } },
            ...mounts.map(([name, [path]]) => ({ name, hostPath: { path } })),
          ],
        },
      },
    },
  };
}
