import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import type { KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import { isReady, type Node } from '../../lab/control-plane/nodes.ts';
import { Environment } from '../../lab/environment/environment.ts';
import type { Workloads } from '../../lab/environment/workloads.ts';
import type { RealNode } from '../../lab/nodes/real-node.ts';
import { FOR_REAL_NODES, type RealNodes, startRealNodes } from '../../lab/nodes/real-nodes.ts';
import { type TestServerOptions, testServerPod } from '../../lab/nodes/test-server.ts';
import { waitUntil } from '../../lab/time/wait-until.ts';

interface PodStatus extends KubeObject {
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly podIP?: string;
    readonly reason?: string;
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly restartCount: number;
      readonly state: { readonly terminated?: { readonly exitCode: number } };
      readonly lastState: { readonly terminated?: { readonly exitCode: number; readonly reason?: string } };
    }[];
  };
}

jest.setTimeout(90_000);

/** A finalizer that keeps a finished pod, so that its last status can be read; removed with the namespace after the last test. */
const HELD = 'tests/held';

let env: Environment;
let nodes: RealNodes;
let [first, second]: RealNode[] = [];
let app: Workloads;

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { ...FOR_REAL_NODES, kwok: true }, nodes: ['played'] });
  nodes = await startRealNodes(env.controlPlane, { maxContainerRestartPeriod: '1s' });
  [first, second] = nodes.all;
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('nodes');
});
afterAll(async () => {
  await nodes?.stop();
  await env?.close();
});

test('pods answer at their addresses, and at the node port of every node, wherever they run', async () => {
  await app.createService('web', { type: 'NodePort' });
  const pods = [await createPod('one', first!), await createPod('two', second!)];
  for (const { metadata, status } of pods) expect(await get(status.podIP!)).toBe(metadata.name);
  const port = await nodePortOf('web');
  for (const node of nodes.all) {
    const answers = async () => {
      const names = new Set<string>();
      while (names.size < 2) names.add(await get(node.address, '/', port));
      return names;
    };
    await waitUntil(`both pods behind ${node.name}:${port}`, answers);
  }
});

test('a pod on a node that kwok plays stands beside them, and each is left to its own', async () => {
  const real = await createPod('real', first!);
  const played = await createPod('played', { name: 'played' });
  expect(real.status.podIP).toMatch(/^10\.30\.1\./);
  expect(played.status.podIP).toMatch(/^172\./);
});

test('a pod answers until its preStop is over; SIGTERM comes then, and SIGKILL after the grace period', async () => {
  await createPod('stops', first!, { atSigterm: 'stop', preStopSeconds: 5 });
  await createPod('drains', first!, { atSigterm: 'drain', preStopSeconds: 5 });
  const { status } = await createPod('ignores', first!, { atSigterm: 'ignore', gracePeriodSeconds: 2 });
  const drains = await pod('drains');
  const inFlight = get(drains.status.podIP!, '/slow?ms=8000');
  await Promise.all(['stops', 'drains', 'ignores'].map((name) => app.deletePod(name)));
  expect(await get((await pod('stops')).status.podIP!)).toBe('stops');
  expect(await get(status.podIP!)).toBe('ignores');
  expect(await inFlight).toBe('drains');
  expect(await exitCode('stops')).toBe(0);
  expect(await exitCode('drains')).toBe(0);
  expect(await exitCode('ignores')).toBe(128 + 9);
});

test('what becomes unready is no endpoint; what fails its liveness, crashes or takes too much memory starts anew', async () => {
  await app.createService('web');
  const { status } = await createPod('web', first!, { memoryLimit: '64Mi' });
  const ip = status.podIP!;
  await waitUntil('the endpoint', async () => (await app.readyAddresses('web')).length === 1);
  await post(ip, '/readyz?status=503');
  await waitUntil('no endpoint', async () => (await app.readyAddresses('web')).length === 0);
  await post(ip, '/readyz?status=200');
  await waitUntil('the endpoint again', async () => (await app.readyAddresses('web')).length === 1);

  await post(ip, '/livez?status=500');
  await untilRestarted('web', 1);
  await post(ip, '/crash').catch(() => undefined);
  await untilRestarted('web', 2);
  await post(ip, '/oom').catch(() => undefined);
  const last = await untilRestarted('web', 3);
  expect(last.status.containerStatuses?.[0]?.lastState.terminated?.reason).toBe('OOMKilled');
});

test.each([
  ['killed', (node: RealNode) => node.killKubelet(), (node: RealNode) => node.startKubelet()],
  ['frozen', (node: RealNode) => node.freezeKubelet(), async (node: RealNode) => node.thawKubelet()],
])(
  'a kubelet that is %s: the node becomes NotReady, its pods go on; it comes back to the same pods',
  async (_, end, begin) => {
    const before = await createPod('web', second!);
    await end(second!);
    await untilReady(second!, false);
    expect(await get(before.status.podIP!)).toBe('web');
    await begin(second!);
    await untilReady(second!, true);
    const after = await pod('web');
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(after.status.containerStatuses?.[0]?.restartCount).toBe(0);
  },
);

test('a node whose network is cut is NotReady and nobody reaches its pods, until it is restored', async () => {
  const { status } = await createPod('web', second!);
  await second!.cutNetwork();
  await expect(get(status.podIP!)).rejects.toThrow();
  await untilReady(second!, false);
  await second!.restoreNetwork();
  await untilReady(second!, true);
  await waitUntil('the pod to answer', async () => (await get(status.podIP!)) === 'web');
});

test('a node that shuts down says so, and lets its pods end in peace; it can be switched on again', async () => {
  const { status } = await createPod('web', second!, { atSigterm: 'drain' });
  const inFlight = get(status.podIP!, '/slow?ms=3000');
  const isOff = second!.shutDown();
  await untilReady(second!, false);
  const { conditions = [] } = (await env.api.get<Node>(`/api/v1/nodes/${second!.name}`)).status;
  expect(conditions.find(({ type }) => type === 'Ready')).toMatchObject({ message: 'node is shutting down' });
  expect(await inFlight).toBe('web');
  await isOff;
  await expect(get(status.podIP!)).rejects.toThrow();
  await second!.powerOn();
  await untilReady(second!, true);
  await createPod('next', second!);
});

async function createPod(
  name: string,
  node: { readonly name: string },
  options: TestServerOptions = {},
): Promise<PodStatus> {
  await env.api.create(app.path('api/v1', 'pods'), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' }, finalizers: [HELD] },
    spec: { ...testServerPod(options), nodeName: node.name },
  });
  return await waitUntil(`pod ${name} to be ready`, async () => {
    const created = await pod(name);
    const isUp = created.status.containerStatuses?.every(({ ready }) => ready) && created.status.podIP;
    if (!isUp) throw new Error(JSON.stringify(created.status));
    return created;
  });
}

async function pod(name: string): Promise<PodStatus> {
  return await env.api.get<PodStatus>(`${app.path('api/v1', 'pods')}/${name}`);
}

async function exitCode(name: string): Promise<number> {
  const ended = async () => (await pod(name)).status.containerStatuses?.[0]?.state.terminated;
  return (await waitUntil(`pod ${name} to end`, ended)).exitCode;
}

async function untilRestarted(name: string, count: number): Promise<PodStatus> {
  return await waitUntil(
    `pod ${name} to be ready after start ${count + 1}`,
    async () => {
      const restarted = await pod(name);
      const container = restarted.status.containerStatuses?.[0];
      return container?.restartCount === count && container.ready && restarted;
    },
    { timeoutMs: 60_000 },
  );
}

async function untilReady(node: RealNode, wanted: boolean): Promise<void> {
  const is = async () => isReady(await env.api.get<Node>(`/api/v1/nodes/${node.name}`)) === wanted;
  await waitUntil(`${node.name} to be ${wanted ? 'Ready' : 'NotReady'}`, is, { timeoutMs: 60_000 });
}

async function nodePortOf(service: string): Promise<number> {
  const { spec } = await env.api.get<{ spec: { ports: { nodePort: number }[] } }>(
    `${app.path('api/v1', 'services')}/${service}`,
  );
  return spec.ports[0]!.nodePort;
}

/** Uses a new connection. */
async function get(address: string, path = '/', port = 8080): Promise<string> {
  return (await ask('GET', address, path, port)).trim();
}

async function post(address: string, path: string): Promise<void> {
  await ask('POST', address, path, 8080);
}

async function ask(method: string, address: string, path: string, port: number): Promise<string> {
  const response = await fetch(`http://${address}:${port}${path}`, {
    method,
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(15_000),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  return await response.text();
}
