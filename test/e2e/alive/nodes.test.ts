import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { createNodes, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let app: Workloads;
let group: string;
let nodes: readonly [string, string, string, string];
let nodePort: number;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  await env.startOperator();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('nodes');
  group = env.createGroup();
  nodes = ['a', 'b', 'c', 'd'].map((letter) => `${app.namespace}-${letter}`) as unknown as typeof nodes;
  await createNodes(
    env.api,
    nodes.map((name) => ({ name, labels: { pool: app.namespace } })),
  );
  await untilNodesReady(env.api, nodes);
}, 60_000);
afterEach(async () => {
  await Promise.all(nodes.map((name) => env.api.delete(`/api/v1/nodes/${name}`)));
}, 60_000);
afterAll(async () => {
  await env?.close();
});

async function serve(service: Readonly<Record<string, unknown>> = {}): Promise<readonly string[]> {
  await app.createApp('web', {
    replicas: 4,
    podSpec: { nodeSelector: { pool: app.namespace } },
    service: { type: 'NodePort', ...service },
  });
  const path = `${app.path('api/v1', 'services')}/web`;
  const { spec } = await env.api.get<{ spec: { ports: { nodePort: number }[] } }>(path);
  nodePort = spec.ports[0]?.nodePort ?? 0;
  return await app.untilReady('web', 4);
}

const rowsOf = (...names: readonly string[]) => names.map((name) => `i-${name}:${nodePort}*100`).sort();
const pool = () => ({ matchLabels: { pool: app.namespace } });

async function setReady(status: 'True' | 'False', ...names: readonly string[]): Promise<void> {
  const condition = { type: 'Ready', status, reason: 'Test', message: 'by the test' };
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z/, 'Z');
  await Promise.all(
    names.map((name) =>
      env.api.patch(
        `/api/v1/nodes/${name}/status`,
        { status: { conditions: [{ ...condition, lastTransitionTime }] } },
        'strategic',
      ),
    ),
  );
}

/** Freezes kwok, which would report the nodes as Ready at once. */
async function whileKwokIsFrozen(run: () => Promise<void>): Promise<void> {
  await env.controlPlane.pause('kwok');
  try {
    await run();
  } finally {
    env.controlPlane.resume('kwok');
  }
}

scenario(
  'the heartbeats of all nodes are cut: nothing is taken out, told; all is well when they are back, one by one',
  async () => {
    const addresses = await serve();
    const pods = env.createGroup();
    await app.bind('web', group, { backendType: 'ecs', nodeSelector: pool() });
    await app.bind('pods', pods, { serviceRef: { name: 'web', port: 80 } });
    await env.untilRows(group, rowsOf(...nodes));
    await env.untilHolds(pods, addresses);
    const calls = [env.recordCalls(group), env.recordCalls(pods)];
    await whileKwokIsFrozen(async () => {
      const isNotReady = ({ type, status }: { type: string; status: string }) =>
        type === 'Ready' && status === 'False';
      await waitUntil(
        'the node controller to say that no pod is ready',
        async () => (await app.pods('web')).every(({ status }) => status.conditions?.some(isNotReady)),
        { timeoutMs: 90_000 },
      );
      for (const name of ['web', 'pods']) await app.untilCondition(name, 'False', 'NodesNotReady');
    });
    await waitUntil(
      'nodes and pods to be back',
      async () => {
        // As the kubelets do once they reach the API server.
        const conditions = [{ type: 'Ready', status: 'True' }];
        for (const { metadata } of await app.pods('web')) {
          const path = `${app.path('api/v1', 'pods')}/${metadata.name}/status`;
          await env.api.patch(path, { status: { conditions } }, 'strategic');
        }
        const bindings = await Promise.all(['web', 'pods'].map((name) => app.binding(name)));
        return bindings.every(({ status }) =>
          status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'Synced'),
        );
      },
      { timeoutMs: 90_000, intervalMs: 500 },
    );
    expect(calls.flatMap((recorder) => recorder.writes())).toEqual([]);
    for (const name of ['web', 'pods'])
      expect(await app.events(name)).toContainEqual(
        expect.stringMatching(/^NodesNotReady: \d backends? stays? in /),
      );
  },
  200_000,
);

scenario(
  'ecs: one node of four is not Ready: it leaves, and no more than the share when others follow',
  async () => {
    const [a, b, c, d] = nodes;
    await serve();
    await app.bind('web', group, { backendType: 'ecs', nodeSelector: pool() });
    await env.untilRows(group, rowsOf(...nodes));
    await whileKwokIsFrozen(async () => {
      await setReady('False', a);
      await env.untilRows(group, rowsOf(b, c, d));
      await setReady('False', b);
      await env.untilRows(group, rowsOf(c, d));
      await setReady('False', c);
      await app.untilCondition('web', 'False', 'NodesNotReady');
      expect(env.rows(group)).toEqual(rowsOf(c, d));
      await setReady('True', a, b, c);
      await env.untilRows(group, rowsOf(...nodes));
    });
  },
);

scenario('ecs: a node that flaps costs nothing', async () => {
  const [a] = nodes;
  await serve();
  await app.bind('web', group, { backendType: 'ecs', nodeSelector: pool() });
  await env.untilRows(group, rowsOf(...nodes));
  await app.untilCondition('web', 'True', 'Synced');
  const calls = env.recordCalls(group);
  await whileKwokIsFrozen(async () => {
    for (let flap = 0; flap < 20; flap++) {
      await setReady('False', a);
      await setReady('True', a);
    }
    // The operator has then seen every flap: whatever it writes next comes after the last one.
    await env.api.patch(`/api/v1/nodes/${nodes[3]}`, { metadata: { labels: { pool: 'none' } } });
    await env.untilRows(group, rowsOf(...nodes.slice(0, 3)));
  });
  expect(calls.story()).toEqual([`Remove i-${nodes[3]}:${nodePort}`]);
});

scenario('ecs: the exclude labels of the cloud and of older Kubernetes take a node out', async () => {
  const [a, b, c, d] = nodes;
  await serve();
  await app.bind('web', group, { backendType: 'ecs', nodeSelector: pool() });
  await env.untilRows(group, rowsOf(...nodes));
  const label = (name: string, key: string) =>
    env.api.patch(`/api/v1/nodes/${name}`, { metadata: { labels: { [key]: 'true' } } });
  await label(a, 'service.alibabacloud.com/exclude-node');
  await label(b, 'service.beta.kubernetes.io/exclude-node');
  await label(c, 'alpha.service-controller.kubernetes.io/exclude-balancer');
  await env.untilRows(group, rowsOf(d));
});

scenario(
  'ecs: a hybrid node is no backend and no problem; the pods of a virtual node are backends by address',
  async () => {
    const hybrid = `${app.namespace}-hybrid`;
    const virtual = `${app.namespace}-virtual`;
    await env.api.create('/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: hybrid,
        labels: { pool: app.namespace },
        annotations: { 'kwok.x-k8s.io/node': 'fake' },
      },
      spec: { providerID: `ack-hybrid://${hybrid}`, unschedulable: true },
    });
    const excluded = { 'alpha.service-controller.kubernetes.io/exclude-balancer': 'true' };
    const labels = { pool: app.namespace, type: 'virtual-kubelet', ...excluded };
    await createNodes(env.api, [{ name: virtual, labels }]);
    await untilNodesReady(env.api, [hybrid, virtual]);
    await serve();
    await env.api.create(app.path('api/v1', 'pods'), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'elastic', labels: { app: 'web' } },
      spec: { nodeName: virtual, containers: [{ name: 'app', image: 'app' }] },
    });
    await app.bind('web', group, { backendType: 'ecs', nodeSelector: pool() });
    const elastic = await waitUntil('the pods of the virtual node to be ready', async () => {
      const ready = await app.readyAddresses('web');
      const there = (await app.pods('web')).filter(({ spec }) => spec.nodeName === virtual);
      return there.every(({ status }) => ready.includes(status.podIP ?? '')) && there;
    });
    const byAddress = elastic.map(({ status }) => `${status.podIP}:8080*100`);
    expect(byAddress.length).toBeGreaterThan(0);
    await env.untilRows(group, [...rowsOf(...nodes), ...byAddress].sort());
    await app.untilCondition('web', 'True', 'Synced');
    await Promise.all([hybrid, virtual].map((name) => env.api.delete(`/api/v1/nodes/${name}`)));
  },
);
