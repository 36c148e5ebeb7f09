import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { type ControlPlane, startControlPlane } from '../../../lab/control-plane/control-plane.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { systemClock } from '../../../src/clock.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kubeconfig.ts';
import {
  createTransport,
  type KubeTransport,
  type RequestRecord,
} from '../../../src/kubernetes/client/transport.ts';
import { Reflector, type ReflectorOptions } from '../../../src/kubernetes/informer/reflector.ts';
import { Store, type Stored } from '../../../src/kubernetes/informer/store.ts';
import { keyOf, resourceVersionOf } from '../../../src/kubernetes/objects/metadata.ts';
import {
  type EndpointsObject,
  paths,
  transformEndpointSlice,
} from '../../../src/kubernetes/objects/objects.ts';
import { DarkProxy } from '../../environment/dark-proxy.ts';

const BUILD_MS = 30 * 60_000;
const slices = paths.endpointSlices('default');

jest.setTimeout(120_000);

let plane: ControlPlane;
let admin: KubeTransport;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: false, scheduler: false, kwok: false });
  admin = createTransport(loadKubeConfig(plane.kubeconfig));
}, BUILD_MS);

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await until('the API server', () => admin.request('DELETE', slices).then(() => true));
});

afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});

const until = <T>(what: string, probe: () => T | Promise<T>) =>
  waitUntil(what, probe, { timeoutMs: 60_000, intervalMs: 5 });

function slice(name: string, ip = '10.0.0.1', labels: object = { 'kubernetes.io/service-name': 'web' }) {
  const endpoints = [{ addresses: [ip], conditions: { ready: true } }];
  const ports = [{ name: '', port: 80, protocol: 'TCP' }];
  return { metadata: { name, labels }, addressType: 'IPv4', endpoints, ports };
}

/** A separate transport, so that its requests can be counted; uses the port of a proxy if given. */
function connection(port?: number) {
  const config = loadKubeConfig(plane.kubeconfig);
  const records: RequestRecord[] = [];
  if (port !== undefined)
    config.clusters = config.clusters.map((c) => ({ ...c, server: `https://127.0.0.1:${port}` }));
  const transport = createTransport(config, { onRequest: (record) => records.push(record) });
  cleanups.push(() => transport.close());
  return { transport, lists: () => records.filter(({ method }) => method === 'GET').length };
}

async function reflect<T extends Stored>(
  options: Pick<ReflectorOptions<T>, 'transport' | 'path' | 'transform'> & Partial<ReflectorOptions<T>>,
) {
  const store = new Store<T>();
  const changes: string[] = [];
  store.onChange(({ type, old, new: now }) => changes.push(`${type} ${(now ?? old)?.key}`));
  const reflector = new Reflector<T>({ name: 'test', store, clock: systemClock, ...options });
  const stop = new AbortController();
  const stopped = reflector.start(stop.signal);
  cleanups.push(async () => {
    stop.abort();
    await stopped;
  });
  return { reflector, store, changes };
}

const reflectSlices = (transport: KubeTransport, more: Partial<ReflectorOptions<EndpointsObject>> = {}) =>
  reflect<EndpointsObject>({ transport, path: slices, transform: transformEndpointSlice, ...more });

const create = (name: string, ip?: string) =>
  admin.request<{ metadata: { resourceVersion: string } }>('POST', slices, { body: slice(name, ip) });
const remove = (name: string) => admin.request('DELETE', `${slices}/${name}`);

test('lists in pages, then follows additions, changes and removals', async () => {
  await Promise.all(Array.from({ length: 1_100 }, (_, index) => create(`s-${index}`)));
  const { transport, lists } = connection();
  const { reflector, store, changes } = await reflectSlices(transport);
  await reflector.waitForSync(AbortSignal.timeout(30_000));
  expect([store.size, lists()]).toEqual([1_100, 11]);
  changes.length = 0;
  await create('new', '10.0.0.9');
  await until('the addition', () => store.get('default/new')?.subsets[0]?.addresses[0]?.ip === '10.0.0.9');
  const ready = { endpoints: [{ addresses: ['10.0.0.9'], conditions: { ready: false } }] };
  await admin.request('PATCH', `${slices}/new`, { body: ready, contentType: 'application/merge-patch+json' });
  await until('the change', () => store.get('default/new')?.subsets[0]?.addresses[0]?.ready === false);
  await remove('new');
  await until('the removal', () => store.get('default/new') === undefined);
  expect(changes).toEqual(['added default/new', 'modified default/new', 'removed default/new']);
});

test('a restart of the API server loses nothing that happened meanwhile and tells nothing twice', async () => {
  await create('stays');
  await create('leaves');
  const { transport } = connection();
  const { reflector, changes } = await reflectSlices(transport);
  await until('the watch', () => reflector.healthy.up);
  changes.length = 0;
  await plane.stopComponent('kube-apiserver', 'SIGKILL');
  await until('the loss is noticed', () => !reflector.healthy.up);
  await plane.startComponent('kube-apiserver');
  await remove('leaves');
  await until('the removal', () => changes.includes('removed default/leaves'));
  expect(changes).toEqual(['removed default/leaves']);
});

test('a handler that throws at everything: the others are told of all, before and after a restart of the API server', async () => {
  await create('leaves');
  const { transport } = connection();
  const { reflector, store, changes } = await reflectSlices(transport);
  const seen: string[] = [];
  store.onChange(({ new: now, old }) => {
    throw new Error(`no ${(now ?? old)?.key}`);
  });
  store.onChange(({ type, new: now, old }) => seen.push(`${type} ${(now ?? old)?.key}`));
  await until('the watch', () => reflector.healthy.up);
  await create('comes');
  await until('the addition', () => seen.includes('added default/comes'));
  await plane.stopComponent('kube-apiserver', 'SIGKILL');
  await plane.startComponent('kube-apiserver');
  await remove('leaves');
  await until('the removal', () => seen.includes('removed default/leaves'));
  expect(seen.slice(-2)).toEqual(['added default/comes', 'removed default/leaves']);
  expect(changes.slice(-2)).toEqual(seen.slice(-2));
  expect(reflector.healthy.up).toBe(true);
});

test('etcd is restored from a backup: what the store had before is there again, also when the versions have caught up', async () => {
  await create('a', '10.0.0.1');
  const data = join(plane.dir, 'etcd');
  const backup = `${data}-backup`;
  await offline(() => cp(data, backup, { recursive: true }));
  const { transport } = connection();
  const { reflector, store } = await reflectSlices(transport);
  await reflector.waitForSync();
  await admin.request('DELETE', `${slices}/a`);
  await create('b', '10.0.0.2');
  await until(
    'the new state',
    () => store.get('default/a') === undefined && store.get('default/b') !== undefined,
  );
  const version = Number(reflector.version);
  await offline(async () => {
    await rm(data, { recursive: true });
    await cp(backup, data, { recursive: true });
  });
  await until('versions that have caught up', async () => {
    const { metadata } = await create(`more-${crypto.randomUUID().slice(0, 8)}`);
    return Number(metadata.resourceVersion) > version;
  });
  await until(
    'the state of the backup',
    () => store.get('default/a') !== undefined && store.get('default/b') === undefined,
  );
  await rm(backup, { recursive: true });
});

/** Runs while both the API server and its etcd are down. */
async function offline(run: () => Promise<void>): Promise<void> {
  await plane.stopComponent('kube-apiserver');
  await plane.stopComponent('etcd');
  await run();
  await plane.startComponent('etcd');
  await plane.startComponent('kube-apiserver');
}

test('a version that the server has forgotten: the newest list is read, and what was missed is told', async () => {
  await create('leaves');
  await create('stays');
  await using proxy = await DarkProxy.start(Number(new URL(plane.server).port));
  const { transport, lists } = connection(proxy.port);
  const statuses: unknown[] = [];
  const failed = (_name: string, { error }: { error: unknown }) =>
    statuses.push((error as { status?: number }).status);
  // The shortest watch, because the dark is noticed when it is over.
  const { reflector, changes } = await reflectSlices(transport, { hooks: { failed }, random: () => 0 });
  await until('the watch', () => reflector.healthy.up);
  changes.length = 0;
  // Not cut: after an outage that it notices, the reflector requests the newest list automatically.
  proxy.darken();
  await remove('leaves');
  // The cache of a newly started server has no earlier events.
  await plane.stopComponent('kube-apiserver', 'SIGKILL');
  await plane.startComponent('kube-apiserver');
  await until('the removal', () => changes.length > 0);
  expect(changes).toEqual(['removed default/leaves']);
  expect(statuses).toContain(410);
  expect(lists()).toBe(2);
});

test('a connection that goes dark is noticed within 45 s; the removal that happened meanwhile is told, without a list', async () => {
  await create('leaves');
  await create('stays');
  await using proxy = await DarkProxy.start(Number(new URL(plane.server).port));
  const { transport, lists } = connection(proxy.port);
  const { reflector, changes } = await reflectSlices(transport);
  await until('the watch', () => reflector.healthy.up);
  changes.length = 0;
  proxy.darken();
  const darkAt = performance.now();
  await remove('leaves');
  await until('the removal', () => changes.length > 0);
  expect(changes).toEqual(['removed default/leaves']);
  expect(performance.now() - darkAt).toBeLessThan(45_000);
  expect(lists()).toBe(1);
});

test('a CRD that is deleted and made again: its objects go and come back by themselves', async () => {
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const things = '/apis/example.com/v1/namespaces/default/things';
  const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
  const schema = { openAPIV3Schema: { type: 'object' } };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  const crd = {
    metadata: { name: 'things.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names, versions },
  };
  const install = async (name: string) => {
    await until('no CRD of that name', () => admin.request('POST', crds, { body: crd }));
    const body = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name } };
    await until('the CRD is served', () => admin.request('POST', things, { body }));
  };
  const { store, reflector } = await reflect<Stored>({
    transport: connection().transport,
    path: things,
    transform: (object) => ({ key: keyOf(object) ?? '', resourceVersion: resourceVersionOf(object) }),
  });
  expect(reflector.hasSynced).toBe(false);
  await install('first');
  await until('the first', () => store.get('default/first'));
  await admin.request('DELETE', `${crds}/things.example.com`);
  await until('it is gone', () => store.size === 0);
  await install('second');
  await until('the second', () => store.get('default/second'));
});
