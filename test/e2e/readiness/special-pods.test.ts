import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import { GATED, type Workloads } from '../../../lab/environment/workloads.ts';
import { createGatedApp, untilGates } from '../../environment/gated-pods.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  await allowGates(env.api);
  for (const shard of ['a', 'b'])
    await env.startOperator({ flags: ['--readiness-gates', '--binding-selector', `shard=${shard}`] });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('special');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

scenario('two operators that share a pod: the first that has it in its groups lets it in', async () => {
  const full = env.createGroup();
  env.simulator.faults.add({
    kind: 'error',
    code: 'InstanceBackendServerNumberOverLimit',
    action: 'AddVServerGroupBackendServers',
    group: full,
  });
  await createGatedApp(app, 'unwanted', { replicas: 1 });
  await app.bind('web', group, {}, { shard: 'a' });
  await app.bind('full', full, { serviceRef: { name: 'web', port: 80 } }, { shard: 'b' });
  await createGatedApp(app, 'web', { replicas: 2 });
  await untilGates(app, 'web', 2, 'True Registered');
  await env.untilHolds(group, await app.untilReady('web', 2));
  expect(env.rows(full)).toEqual([]);
  // Neither operator sees all bindings, so neither can tell that no binding wants the pod.
  await untilGates(app, 'unwanted', 1, 'none');
});

scenario('a pod with hostNetwork is let in once its node’s instance is in the group', async () => {
  await app.bind('web', group, {}, { shard: 'a' });
  const podSpec = { hostNetwork: true, nodeSelector: { 'kubernetes.io/hostname': 'node0' } };
  await createGatedApp(app, 'web', { replicas: 1, podSpec });
  await untilGates(app, 'web', 1, 'True Registered');
  await env.untilRows(group, ['i-node0:8080*100']);
});

scenario('a mirror pod is let in as any other', async () => {
  await app.createService('web');
  await app.bind('web', group, {}, { shard: 'a' });
  await env.api.create(app.path('api/v1', 'pods'), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-node0',
      labels: { app: 'web' },
      annotations: { 'kubernetes.io/config.mirror': 'd41d8cd98f00b204e9800998ecf8427e' },
    },
    spec: { nodeName: 'node0', containers: [{ name: 'app', image: 'app' }], ...GATED },
  });
  await untilGates(app, 'web', 1, 'True Registered');
  expect(env.rows(group)).toHaveLength(1);
});
