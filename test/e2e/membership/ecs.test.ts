import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { createNodes, type Node, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let app: Workloads;
let group: string;
/** The nodes of the test, by name; their instances are named `i-` followed by the node's name. */
let nodes: readonly [string, string, string];
let nodePort: number;
const scenario = scenarios(() => env);
/** Selects the operator that runs with --exclude-cordoned-nodes and --local-weights. */
const other = { operator: 'other' };

beforeAll(async () => {
  env = await Environment.start();
  await env.startOperator({ flags: ['--binding-selector', 'operator!=other'] });
  const flags = ['--exclude-cordoned-nodes', '--local-weights', '--binding-selector', 'operator=other'];
  await env.startOperator({ flags });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('ecs');
  group = env.createGroup();
  nodes = ['a', 'b', 'c'].map((letter) => `${app.namespace}-${letter}`) as unknown as typeof nodes;
  await createNodes(
    env.api,
    nodes.map((name) => ({ name, labels: { pool: app.namespace } })),
  );
  await untilNodesReady(env.api, nodes);
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const pool = () => ({ matchLabels: { pool: app.namespace } });

/** A NodePort Service, its pods on the test's nodes, and a binding that selects only these nodes. */
async function bindNodes(
  service: Readonly<Record<string, unknown>> = {},
  labels: Readonly<Record<string, string>> = {},
  spec: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await app.createApp('web', {
    replicas: 0,
    podSpec: { nodeSelector: { pool: app.namespace } },
    service: { type: 'NodePort', ...service },
  });
  nodePort = await portOf('web');
  await app.bind('web', group, { backendType: 'ecs', nodeSelector: pool(), ...spec }, labels);
}

/** Creates a pod of the Service on this node. */
async function createPod(name: string, node: string): Promise<void> {
  await env.api.create(app.path('api/v1', 'pods'), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: { nodeName: node, containers: [{ name: 'app', image: 'app' }] },
  });
}

async function portOf(service: string): Promise<number> {
  const { spec } = await env.api.get<{ spec: { ports: { nodePort: number }[] } }>(
    `${app.path('api/v1', 'services')}/${service}`,
  );
  return spec.ports[0]?.nodePort ?? 0;
}

/** Waits until the group holds these nodes, and the status says so. */
async function untilNodes(...names: readonly string[]): Promise<void> {
  await env.untilRows(group, names.map((name) => `i-${name}:${nodePort}*100`).sort());
  await env.untilStatusTrue(app, 'web', group, { desired: names.length, registered: names.length });
}

async function patchNode(name: string, patch: object): Promise<void> {
  await env.api.patch(`/api/v1/nodes/${name}`, patch);
}

const instance = (name: string) => `i-${name}:${nodePort}`;

scenario('externalTrafficPolicy Cluster: every node that the selector takes, pods or not', async () => {
  await bindNodes();
  await untilNodes(...nodes);
  const { status } = await app.untilCondition('web', 'True', 'Synced');
  expect(status?.backends?.map(({ node }) => node)).toEqual([...nodes]);
});

scenario('externalTrafficPolicy Local: the nodes with a ready pod, as pods come and go', async () => {
  const [a, b] = nodes;
  await bindNodes({ externalTrafficPolicy: 'Local' });
  await app.untilCondition('web', 'True', 'Synced');
  expect(env.rows(group)).toEqual([]);
  await createPod('one', a);
  await createPod('two', b);
  await untilNodes(a, b);
  const calls = env.recordCalls(group);
  await app.deletePod('one');
  await untilNodes(b);
  expect(calls.story()).toEqual([`Remove ${instance(a)}`]);
});

scenario('a node is deleted: one Remove call; it is back with its node', async () => {
  const [a, b, c] = nodes;
  await bindNodes();
  await untilNodes(...nodes);
  const calls = env.recordCalls(group);
  await env.api.delete(`/api/v1/nodes/${b}`);
  await untilNodes(a, c);
  expect(calls.story()).toEqual([`Remove ${instance(b)}`]);
  await createNodes(env.api, [{ name: b, labels: { pool: app.namespace } }]);
  await untilNodes(...nodes);
  expect(calls.story()).toEqual([`Remove ${instance(b)}`, `Add ${instance(b)}`]);
});

scenario('a node is NotReady: it leaves, and returns when it is Ready', async () => {
  const [a, b, c] = nodes;
  await bindNodes();
  await untilNodes(...nodes);
  const ready = (status: 'True' | 'False') =>
    env.api.request(
      'PATCH',
      `/api/v1/nodes/${a}/status`,
      { status: { conditions: [{ type: 'Ready', status, reason: 'Test', message: 'by the test' }] } },
      'application/strategic-merge-patch+json',
    );
  // kwok would report the node as Ready at once.
  await env.controlPlane.pause('kwok');
  try {
    await ready('False');
    await untilNodes(b, c);
    await ready('True');
    await untilNodes(...nodes);
  } finally {
    env.controlPlane.resume('kwok');
  }
});

scenario('a node is excluded by its label: it leaves, and returns without it', async () => {
  const [a, b, c] = nodes;
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
  await bindNodes();
  await untilNodes(...nodes);
  await patchNode(c, { metadata: { labels: { [label]: '' } } });
  await untilNodes(a, b);
  await patchNode(c, { metadata: { labels: { [label]: null } } });
  await untilNodes(...nodes);
});

scenario('the cluster autoscaler is about to delete a node: it leaves', async () => {
  const [a, b, c] = nodes;
  await bindNodes();
  await untilNodes(...nodes);
  const taint = { key: 'ToBeDeletedByClusterAutoscaler', value: '1', effect: 'NoSchedule' };
  await patchNode(a, { spec: { taints: [taint] } });
  await untilNodes(b, c);
  await patchNode(a, { spec: { taints: [] } });
  await untilNodes(...nodes);
});

scenario('a node is cordoned: it stays, for its pods go on', async () => {
  const [a, , c] = nodes;
  await bindNodes();
  await untilNodes(...nodes);
  const calls = env.recordCalls(group);
  await patchNode(a, { spec: { unschedulable: true } });
  // The change without effect is followed by one that has an effect.
  await patchNode(c, { metadata: { labels: { pool: null } } });
  await untilNodes(...nodes.slice(0, 2));
  expect(calls.story()).toEqual([`Remove ${instance(c)}`]);
});

scenario('--exclude-cordoned-nodes: a cordoned node leaves, and returns when it is uncordoned', async () => {
  const [a, b, c] = nodes;
  await bindNodes({}, other);
  await untilNodes(...nodes);
  await patchNode(a, { spec: { unschedulable: true } });
  await untilNodes(b, c);
  await patchNode(a, { spec: { unschedulable: false } });
  await untilNodes(...nodes);
});

scenario('--local-weights: with policy Local a node weighs by its ready pods', async () => {
  const [a, b] = nodes;
  await bindNodes({ externalTrafficPolicy: 'Local' }, other);
  await createPod('one', a);
  await createPod('two', a);
  await createPod('three', b);
  await env.untilRows(group, [`${instance(a)}*100`, `${instance(b)}*50`]);
  await app.deletePod('one');
  await env.untilRows(group, [`${instance(a)}*100`, `${instance(b)}*100`]);
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2 });
});

scenario('the labels of a node, or the selector, change: the group follows', async () => {
  const [a, b, c] = nodes;
  await bindNodes();
  await untilNodes(...nodes);
  await patchNode(b, { metadata: { labels: { pool: 'other' } } });
  await untilNodes(a, c);
  await app.patchBinding('web', {
    spec: {
      nodeSelector: {
        matchLabels: null,
        matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [b, c] }],
      },
    },
  });
  await untilNodes(b, c);
});

scenario(
  'a selector that no node satisfies keeps the rows of nodes that are there; that is told',
  async () => {
    const [a, b, c] = nodes;
    await bindNodes();
    await untilNodes(...nodes);
    const calls = env.recordCalls(group);
    await app.patchBinding('web', { spec: { nodeSelector: { matchLabels: { typo: 'x' } } } });
    await app.untilCondition('web', 'False', 'NodesNotFound');
    expect(calls.writes()).toEqual([]);
    await env.api.delete(`/api/v1/nodes/${c}`);
    await untilNodes(a, b);
    await app.patchBinding('web', { spec: { nodeSelector: { matchLabels: { typo: null } } } });
    await app.untilCondition('web', 'True', 'Synced');
    await untilNodes(a, b);
  },
);

scenario('the node port changes: every row moves, and the group is at no time empty', async () => {
  await bindNodes();
  await untilNodes(...nodes);
  const old = nodes.map((name) => instance(name));
  let fewest = env.rows(group).length;
  const stop = env.simulator.state.onChange(() => {
    fewest = Math.min(fewest, env.rows(group).length);
  });
  const other = await env.api.create<{ spec: { ports: { nodePort: number }[] } }>(
    app.path('api/v1', 'services'),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'spare' },
      spec: { type: 'NodePort', ports: [{ port: 80 }] },
    },
  );
  const free = other.spec.ports[0]?.nodePort;
  await env.api.delete(`${app.path('api/v1', 'services')}/spare`);
  const calls = env.recordCalls(group);
  await env.api.request(
    'PATCH',
    `${app.path('api/v1', 'services')}/web`,
    [{ op: 'replace', path: '/spec/ports/0/nodePort', value: free }],
    'application/json-patch+json',
  );
  nodePort = await portOf('web');
  await untilNodes(...nodes);
  stop();
  expect(fewest).toBeGreaterThan(0);
  expect(calls.story()).toEqual([
    ['Add', ...nodes.map((name) => instance(name))].join(' '),
    ['Remove', ...old].join(' '),
  ]);
});

scenario('two ports of one Service in one group: an instance stands in it once for each', async () => {
  await bindNodes({
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'https', port: 443, targetPort: 8443 },
    ],
  });
  await untilNodes(...nodes);
  const { spec } = await env.api.get<{ spec: { ports: { nodePort: number }[] } }>(
    `${app.path('api/v1', 'services')}/web`,
  );
  const second = spec.ports[1]?.nodePort;
  await app.bind('tls', group, {
    backendType: 'ecs',
    nodeSelector: pool(),
    serviceRef: { name: 'web', port: 'https' },
  });
  const rows = (port: number | undefined) => nodes.map((name) => `i-${name}:${port}*100`);
  await env.untilRows(group, [...rows(nodePort), ...rows(second)].sort());
  await env.untilStatusTrue(app, 'tls', group, { registered: 3, foreign: 3 });
  const calls = env.recordCalls(group);
  await app.deleteBinding('tls');
  await env.untilRows(group, rows(nodePort).sort());
  expect(calls.of('Remove')).toHaveLength(1);
  expect(calls.writes()).toHaveLength(1);
});

scenario('RemoveOnly: a row that nobody saw, added for a node that then left, leaves', async () => {
  const [a, b, c] = nodes;
  await bindNodes({}, {}, { mode: 'RemoveOnly' });
  await env.untilStatusTrue(app, 'web', group, { desired: 3, registered: 0 });
  const calls = env.recordCalls(group);
  for (const name of nodes) env.simulator.state.addRow(group, { serverId: `i-${name}`, port: nodePort });
  await env.api.delete(`/api/v1/nodes/${b}`);
  await env.untilRows(group, [a, c].map((name) => `${instance(name)}*100`).sort());
  expect(calls.story()).toEqual([`Remove ${instance(b)}`]);
});

scenario('eni: a pod with hostNetwork is its node’s instance', async () => {
  const [a] = nodes;
  await app.createApp('web', {
    replicas: 1,
    podSpec: { hostNetwork: true, nodeSelector: { 'kubernetes.io/hostname': a } },
  });
  await app.bind('web', group);
  await app.untilReady('web', 1);
  await env.untilRows(group, [`i-${a}:8080*100`]);
  const { status } = await env.untilStatusTrue(app, 'web', group, { desired: 1, registered: 1 });
  expect(status?.backends?.[0]).toMatchObject({ serverId: `i-${a}`, node: a });
});

scenario(
  'eni: a pod with hostNetwork that others wrote by its node’s address is not added beside it',
  async () => {
    const [a] = nodes;
    const { status: node } = await env.api.get<Node>(`/api/v1/nodes/${a}`);
    const serverIp = node.addresses?.[0]?.address ?? '';
    env.simulator.state.setEni(serverIp, `eni-${a}`);
    env.simulator.state.addRow(group, {
      serverId: `eni-${a}`,
      serverIp,
      port: 8080,
      description: 'k8s/80/web',
    });
    await app.createApp('web', {
      replicas: 1,
      podSpec: { hostNetwork: true, nodeSelector: { 'kubernetes.io/hostname': a } },
    });
    await app.untilReady('web', 1);
    const calls = env.recordCalls(group);
    await app.bind('web', group);
    await env.untilStatusTrue(app, 'web', group, { desired: 1, registered: 0, foreign: 1 });
    await app.patchBinding('web', { spec: { mode: 'RemoveOnly' } });
    await env.untilStatusTrue(app, 'web', group, { desired: 1, registered: 1, foreign: 0 });
    await app.scale('web', 0);
    await env.untilRows(group, []);
    expect(calls.story()).toEqual([`Remove ${serverIp}:8080`]);
  },
);

scenario('a Service without node ports: told; right once it is of type NodePort', async () => {
  await app.createApp('web', { replicas: 0 });
  await app.bind('web', group, { backendType: 'ecs', nodeSelector: pool() });
  const { status } = await app.untilCondition('web', 'False', 'ServiceNotSupported');
  expect(status?.conditions?.[0]?.message).toMatch(
    /make it a NodePort Service, or use spec\.backendType eni/,
  );
  await env.api.patch(`${app.path('api/v1', 'services')}/web`, { spec: { type: 'NodePort' } });
  nodePort = await portOf('web');
  await untilNodes(...nodes);
});
