import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { conditionOf, createGatedApp, untilGates } from '../../environment/gated-pods.ts';
import { scenarios } from '../../environment/scenario.ts';

// kwok's pods serve no requests. A pod with hostNetwork is its node's instance, which the simulator reaches here.

const ADD = 'AddVServerGroupBackendServers';
const HEALTH = 'DescribeHealthStatus';
/** Long enough for a wait of 15 s, whatever else the machine does. */
const PATIENCE_MS = 60_000;

let env: Environment;
let app: Workloads;
let group: string;
const servers = new Set<Server>();
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ simulator: { instanceAddresses: () => '127.0.0.1' } });
  await allowGates(env.api);
  await env.startOperator({ flags: ['--readiness-gates'] });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('healthy');
  group = env.createGroup();
}, 60_000);
afterEach(() => env.simulator.faults.clear());
afterAll(async () => {
  for (const server of servers) server.close();
  await env?.close();
});

/** A server that answers the health checks of a node's pods. */
async function startBackend(): Promise<{ port: number; passes: boolean }> {
  const backend = { port: 0, passes: false };
  const server = createServer((_, response) => response.writeHead(backend.passes ? 200 : 503).end());
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  backend.port = (server.address() as AddressInfo).port;
  return backend;
}

/** A binding that requires healthy pods, with one pod on this node, behind a listener with health checks. */
async function createChecked(node: string, port: number, readiness: object = {}): Promise<void> {
  const healthCheck = { intervalMs: 200, healthyThreshold: 2, unhealthyThreshold: 2 };
  await env.simulator.dataPlane.open({ protocol: 'http', group, healthCheck, propagationMs: 0 });
  await app.bind('web', group, { readiness: { gate: 'Healthy', ...readiness } });
  await createGatedApp(app, 'web', {
    replicas: 1,
    service: { ports: [{ name: 'http', port: 80, targetPort: port }] },
    podSpec: { hostNetwork: true, nodeSelector: { 'kubernetes.io/hostname': node } },
  });
}

/** Calls that query the health of this group's load balancer. */
const asked = (of = group) =>
  env.simulator.journal.filter(
    ({ action, loadBalancer }) => action === HEALTH && loadBalancer === of.replace('rsp-', 'lb-'),
  );

scenario('a pod is let in once the data plane finds it healthy, and not before', async () => {
  const backend = await startBackend();
  await createChecked('node0', backend.port);
  await env.untilRows(group, [`i-node0:${backend.port}*100`]);
  await waitUntil('its load balancer to be asked', () => asked().length >= 3);
  const [pod] = await app.pods('web');
  expect(pod && conditionOf(pod)?.status).not.toBe('True');
  backend.passes = true;
  await untilGates(app, 'web', 1, 'True Registered', PATIENCE_MS);
  await app.untilReady('web', 1);
});

scenario('a pod whose check fails is told so, and let in after its time-out', async () => {
  const backend = await startBackend();
  await createChecked('node1', backend.port, { timeoutSeconds: 30 });
  const [pod] = await untilGates(app, 'web', 1, 'False Unhealthy', PATIENCE_MS);
  expect(pod && conditionOf(pod)?.message).toMatch(
    /health check of listener http:\d+ of load balancer lb-test\d+ fails/,
  );
  await untilGates(app, 'web', 1, 'True TimedOut', PATIENCE_MS);
});

scenario(
  'pods behind no listener are let in after 15 s; who waits for nothing is not asked about meanwhile',
  async () => {
    await app.bind('web', group, { readiness: { gate: 'Healthy' } });
    const [other, plain] = [env.createGroup(), env.createGroup()];
    env.simulator.state.addListener(other.replace('rsp-', 'lb-'), {
      ...{ protocol: 'tcp', port: 80, vServerGroupId: other, status: 'running' },
    });
    await app.bind('other', other, { readiness: { gate: 'Healthy' } });
    await app.bind('plain', plain);
    await createGatedApp(app, 'other', { replicas: 2 });
    await untilGates(app, 'other', 2, 'True Registered', PATIENCE_MS);
    await createGatedApp(app, 'plain', { replicas: 2 });
    const before = asked(other).length;
    expect(before).toBeGreaterThan(0);

    await createGatedApp(app, 'web', { replicas: 3 });
    await untilGates(app, 'web', 3, 'True Registered', PATIENCE_MS);
    const added = env.simulator.journal.find((call) => call.action === ADD && call.group === group);
    const last = asked().at(-1);
    expect((last?.arrivedAt ?? 0) - (added?.time ?? 0)).toBeGreaterThanOrEqual(15_000);
    // One call every two seconds for all pods, and none unless a pod is waiting.
    expect(asked().length).toBeLessThanOrEqual(((last?.time ?? 0) - (added?.time ?? 0)) / 2_000 + 2);
    expect([asked(other).length, asked(plain).length]).toEqual([before, 0]);
  },
);

scenario('an account that may not ask: told on the pod, which is let in once it may', async () => {
  env.simulator.faults.add({ kind: 'error', code: 'Forbidden.RAM', action: HEALTH });
  await app.bind('web', group, { readiness: { gate: 'Healthy' } });
  await createGatedApp(app, 'web', { replicas: 1 });
  const [pod] = await untilGates(app, 'web', 1, 'False AccessDenied', PATIENCE_MS);
  expect(pod && conditionOf(pod)?.message).toContain(`${HEALTH} failed with Forbidden.RAM`);
  await env.untilRows(group, [`${pod?.status.podIP}:8080*100`]);
  env.simulator.faults.clear();
  await untilGates(app, 'web', 1, 'True Registered', PATIENCE_MS);
});
