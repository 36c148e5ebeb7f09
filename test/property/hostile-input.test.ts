import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { transformBinding } from '../../src/controller/cluster/cluster-caches.ts';
import {
  transformEndpointSlice,
  transformNode,
  transformPod,
  transformService,
} from '../../src/kubernetes/objects/objects.ts';
import { backendKey } from '../../src/membership/backend.ts';
import { GROUP, ownRow, TestCluster } from '../unit/controller/group/cluster.ts';

const LIVE = '10.0.0.1';
const FOREIGN = {
  serverId: 'i-foreign',
  port: 30_999,
  type: 'ecs',
  weight: 50,
  description: 'by hand',
} as const;

/** Any JSON value, including long texts and odd numbers. */
const junk = fc.oneof(
  { withCrossShrink: true },
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '\0', '\u202e', '…'.repeat(20_000), '__proto__', '-1', 'NaN', '1e9', '../..', '%00'),
  fc.constantFrom(-1, 0, 0.5, 65_536, 2 ** 53, -0, 1e308),
);

/** An object with most of these fields, most of them valid. */
function shapeOf(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>) {
  const odd = Object.entries(fields).map(([name, good]) => [name, mostly(good)] as const);
  return fc
    .tuple(
      fc.record(Object.fromEntries(odd)),
      fc.array(fc.constantFrom(...Object.keys(fields)), { maxLength: 1 }),
    )
    .map(([whole, missing]) =>
      Object.fromEntries(Object.entries(whole).filter(([name]) => !missing.includes(name))),
    );
}

function mostly(good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: junk });
}

const some = (of: fc.Arbitrary<unknown>) => fc.array(mostly(of), { maxLength: 4 });
const address = fc.constantFrom(
  LIVE,
  '10.0.0.2',
  '::1',
  '0.0.0.0',
  '300.1.1.1',
  'web.example',
  'fe80::1%eth0',
);
const uid = fc.constantFrom('pod-a', 'pod-b', '');

const backend = shapeOf({
  serverId: fc.constantFrom(`eni-${LIVE}`, 'eni-x', 'i-node-0', ''),
  serverIp: address,
  port: fc.constantFrom(8080, 1, 0),
  type: fc.constantFrom('eni', 'ecs', 'eci'),
  weight: fc.constantFrom(0, 100),
  state: fc.constantFrom('Registered', 'Draining', 'Removing', 'Held', 'Pending', 'Refused'),
  podUID: uid,
  drainingSince: fc.constantFrom('2026-01-01T00:00:00Z', '0000-00-00T00:00:00Z', 'yesterday'),
});

const status = shapeOf({
  observedGeneration: fc.constant(1),
  conditions: some(shapeOf({ type: fc.constant('Ready'), status: fc.constant('True') })),
  backends: some(backend),
  desired: fc.constant(1),
  loadBalancerId: fc.constant('lb-1'),
  vServerGroupId: fc.constantFrom(GROUP, 'rsp-other', ''),
  lastRemovalTime: fc.constant('2026-01-01T00:00:00Z'),
});

const port = shapeOf({
  name: fc.constantFrom('http', 'x'),
  port: fc.constantFrom(80, 8080),
  protocol: fc.constantFrom('TCP', 'UDP'),
  targetPort: fc.constantFrom(8080, 'http'),
  nodePort: fc.constantFrom(30_080),
});

const endpoint = shapeOf({
  addresses: some(address),
  conditions: shapeOf({ ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() }),
  nodeName: fc.constantFrom('node-0', 'nowhere'),
  targetRef: shapeOf({ kind: fc.constant('Pod'), namespace: fc.constant('shop'), name: uid, uid }),
});

const slice = shapeOf({
  addressType: fc.constantFrom('IPv4', 'IPv6', 'FQDN'),
  endpoints: some(endpoint),
  ports: some(port),
});

const group = fc.constantFrom(
  { vServerGroupId: GROUP },
  { vServerGroup: { loadBalancerId: 'lb-1', name: 'web' } },
  { vServerGroup: { loadBalancerId: 'lb-1' } },
  { vServerGroup: [], vServerGroupId: GROUP },
  { vServerGroup: null },
);

const otherFields = shapeOf({
  serviceRef: shapeOf({ name: fc.constantFrom('web', 'none'), port: fc.constantFrom(80, 'http') }),
  backendType: fc.constant('eni'),
  mode: fc.constantFrom('Sync', 'RemoveOnly'),
  weight: fc.constant(100),
  nodeSelector: fc.constant(undefined),
  drain: shapeOf({ seconds: fc.constantFrom(0, 3600) }),
  minBackends: fc.constantFrom(0, 1000),
  deletionPolicy: fc.constantFrom('Remove', 'Retain'),
  suspend: fc.boolean(),
});

const spec = fc.tuple(group, otherFields).map(([by, others]) => ({ ...by, ...others }));

const metadata = shapeOf({
  labels: fc.dictionary(fc.string(), junk),
  annotations: fc.dictionary(fc.constantFrom('slb.alibabacloud.com/weight', 'x'), junk),
  finalizers: some(fc.constant('slb.alibabacloud.com/backends')),
  deletionTimestamp: fc.constantFrom(undefined, '2026-01-01T00:00:00Z'),
});

const node = shapeOf({
  spec: shapeOf({
    providerID: fc.constantFrom('cn-hangzhou.i-1', 'i-', '.'),
    unschedulable: fc.boolean(),
    taints: some(junk),
  }),
  status: shapeOf({ conditions: some(junk), addresses: some(junk) }),
});

const world = fc.record({
  status,
  servicePorts: some(port),
  slices: fc.array(fc.tuple(slice, metadata), { maxLength: 3 }),
  bindings: fc.array(fc.tuple(spec, metadata, status), { maxLength: 3 }),
  nodes: fc.array(fc.tuple(node, metadata), { maxLength: 2 }),
  pods: fc.array(metadata, { maxLength: 2 }),
});

type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

let version = 1_000;
const named = (name: string, more: object = {}) => ({
  ...more,
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
  resourceVersion: String(version++),
});

/** A valid binding with one live backend in the group, surrounded by junk. */
async function liveWith(junkAround: World): Promise<TestCluster> {
  const { servicePorts, slices, bindings, nodes, pods } = junkAround;
  const cluster = new TestCluster();
  const { caches } = cluster;
  cluster.groups.rows = [ownRow(LIVE), FOREIGN];
  const good = { name: 'http', port: 80, targetPort: 8080 };
  caches.services.set(transformService({ metadata: named('web'), spec: { ports: [good, ...servicePorts] } }));
  cluster.endpoints([LIVE]);
  for (const [i, [content, meta]] of slices.entries()) {
    const labels = { 'kubernetes.io/service-name': 'web' };
    const trimmed = transformEndpointSlice({ ...content, metadata: { ...named(`junk-${i}`, meta), labels } });
    if (trimmed !== undefined) caches.endpoints.set(trimmed);
  }
  for (const [i, [content, meta]] of nodes.entries())
    caches.nodes.set(transformNode({ ...content, metadata: named(`junk-${i}`, meta) }));
  for (const [i, meta] of pods.entries())
    cluster.setPod(transformPod({ metadata: named(`junk-${i}`, meta) }));
  for (const [i, [content, meta, status]] of bindings.entries())
    caches.bindings.set(transformBinding({ metadata: named(`junk-${i}`, meta), spec: content, status }));
  cluster.bind('web', {}, {}, junkAround.status);
  cluster.start();
  await cluster.after(1_000);
  return cluster;
}

test('whatever bindings, Services, slices, nodes and statuses say, a live backend and those of others stay as they are', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (junkAround) => {
      const cluster = await liveWith(junkAround);
      expect(cluster.groups.shown).toEqual(
        expect.arrayContaining([`${LIVE}:8080*100`, 'i-foreign:30999*50']),
      );
      const touched = cluster.groups.writes
        .filter(({ action }) => action !== 'add')
        .flatMap(({ rows }) => rows.map(backendKey));
      expect(touched).not.toContain(backendKey(FOREIGN));
      expect(touched).not.toContain(backendKey(ownRow(LIVE)));
      await cluster.stop();
    }),
    { numRuns: 300 },
  );
}, 120_000);

test('a status of 100,000 backends that never were costs one call, and harms none that is there', async () => {
  const cluster = new TestCluster();
  cluster.groups.rows = [ownRow(LIVE), FOREIGN];
  cluster.endpoints([LIVE]);
  const backends = Array.from({ length: 100_000 }, (_, i) => ({
    serverId: `eni-${i}`,
    serverIp: `10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`,
    port: 8080,
    type: 'eni',
    weight: 100,
    state: 'Registered',
  }));
  cluster.bind('web', {}, {}, { backends });
  cluster.start();
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual([`${LIVE}:8080*100`, 'i-foreign:30999*50']);
  expect(cluster.groups.calls.map(({ action }) => action)).toEqual(['describe']);
  await cluster.stop();
}, 120_000);
