import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ nodes: ['node0', 'node1'] });
  await env.startOperator();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('services');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const service = () => `${app.path('api/v1', 'services')}/web`;
const HTTP = { name: 'http', port: 80, targetPort: 8080 };
const ADMIN = { name: 'admin', port: 81, targetPort: 9000 };

/** Binds a NodePort Service and waits until its nodes are in the group; returns the node port. */
async function bindNodes(spec: Readonly<Record<string, unknown>> = {}): Promise<number> {
  await app.createApp('web', { replicas: 2, service: { type: 'NodePort', ...spec } });
  await app.untilReady('web', 2);
  const { ports } = (await env.api.get<{ spec: { ports: readonly { nodePort: number }[] } }>(service())).spec;
  const nodePort = ports[0]?.nodePort ?? 0;
  await app.bind('web', group, { backendType: 'ecs' });
  await env.untilRows(group, rowsOf(nodePort));
  return nodePort;
}

const rowsOf = (nodePort: number) => ['node0', 'node1'].map((node) => `i-${node}:${nodePort}*100`);

scenario('ecs: a Service that is of type ClusterIP now gives its node port back', async () => {
  await bindNodes();
  await env.api.patch(service(), { spec: { type: 'ClusterIP' } });
  await env.untilRows(group, []);
  await app.untilCondition('web', 'False', 'ServiceNotSupported');
});

scenario('ecs: a Service that is an ExternalName now gives its node port back', async () => {
  await bindNodes();
  const none = { clusterIP: null, clusterIPs: null, selector: null, ports: null };
  await env.api.patch(service(), { spec: { type: 'ExternalName', externalName: 'example.com', ...none } });
  await env.untilRows(group, []);
});

scenario('ecs, policy Local: node ports that are taken away are given back', async () => {
  await bindNodes({ externalTrafficPolicy: 'Local' });
  await env.api.patch(service(), { spec: { type: 'ClusterIP', externalTrafficPolicy: null } });
  await env.untilRows(group, []);
});

scenario('ecs: a port that the Service has no more gives its node port back', async () => {
  await bindNodes({ ports: [HTTP, ADMIN] });
  await env.api.patch(service(), { spec: { ports: [ADMIN] } });
  await env.untilRows(group, []);
  await app.untilCondition('web', 'False', 'PortNotFound');
});

scenario('ecs: a port with another number and node port: the old node port is given back', async () => {
  const before = await bindNodes();
  const other = before === 32_767 ? before - 1 : before + 1;
  await env.api.patch(service(), { spec: { ports: [{ ...HTTP, port: 8000, nodePort: other }] } });
  await waitUntil('the old node port to be free', () =>
    env.rows(group).every((row) => !row.includes(`:${before}*`)),
  );
  await app.untilCondition('web', 'False', 'PortNotFound');
});

scenario('ecs: a typing error in the binding keeps the rows, and what leaves meanwhile leaves', async () => {
  const nodePort = await bindNodes({ ports: [HTTP, ADMIN] });
  await app.patchBinding('web', { spec: { serviceRef: { name: 'web', port: 8 } } });
  await app.untilCondition('web', 'False', 'PortNotFound');
  expect(env.rows(group)).toEqual(rowsOf(nodePort));
  await app.patchBinding('web', { spec: { serviceRef: { name: 'web', port: 80 } } });
  await app.untilCondition('web', 'True', 'Synced');
  await app.patchBinding('web', { spec: { serviceRef: { name: 'wbe', port: 80 } } });
  await app.untilCondition('web', 'False', 'ServiceNotFound');
  expect(env.rows(group)).toEqual(rowsOf(nodePort));
  await env.api.delete(service());
  await env.untilRows(group, []);
});

scenario('eni: a Service is deleted whose slice was made by hand: its rows leave', async () => {
  await app.createService('web', { selector: undefined });
  await app.applySlice('web', [{ addresses: ['10.78.0.1'] }, { addresses: ['10.78.0.2'] }]);
  await app.bind('web', group);
  await env.untilHolds(group, ['10.78.0.1', '10.78.0.2']);
  await env.api.delete(service(), { propagationPolicy: 'Orphan' });
  await env.untilRows(group, []);
});

scenario('a port number that the Service has twice: the first is used, and an event says so', async () => {
  const ports = [
    { name: 'dns', port: 80, targetPort: 8080, protocol: 'UDP' },
    { name: 'dns-tcp', port: 80, targetPort: 9090, protocol: 'TCP' },
  ];
  await app.createApp('web', { replicas: 1, service: { ports } });
  const addresses = await app.untilReady('web', 1);
  await app.bind('web', group);
  await env.untilHolds(group, addresses);
  await waitUntil('an event', async () =>
    (await app.events('web')).some((event) => /^AmbiguousPort: .*dns \(UDP\), dns-tcp \(TCP\)/.test(event)),
  );
});
