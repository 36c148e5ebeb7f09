import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { applyFolder } from '../../../lab/control-plane/api/apply.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { addressesOf, ScriptedService } from '../../../lab/environment/scripted-service.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { API_VERSION, PLURAL } from '../../../src/api/names.ts';
import { type Hook, KubeProxy } from '../../environment/kube-proxy.ts';
import { scenarios } from '../../environment/scenario.ts';

const SLICES = '/apis/discovery.k8s.io/v1/endpointslices';
const WATCHED = ['vservergroupbindings', 'services', 'endpoints', 'nodes', 'pods'];

let env: Environment;
let proxy: KubeProxy;
let kubeconfig: string;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
let service: ScriptedService;
let foreign: readonly string[];
let net = 110;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
  proxy = await KubeProxy.start(env.controlPlane);
  kubeconfig = await proxy.kubeconfig(env.operatorKubeconfig);
}, 120_000);
beforeEach(async () => {
  // A new operator for each test: pauses grow with the failures of the last half minute.
  operator = await env.startOperator({ kubeconfig, flags: ['--resync', '1s'] });
  ({ app, group, service, foreign } = await bound());
}, 60_000);
afterEach(async () => {
  proxy.restore();
  await operator.kill();
}, 60_000);
afterAll(async () => {
  await env?.close();
  await proxy?.close();
});

/** A binding with its own group, which holds four addresses besides foreign rows. */
async function bound(spec: Readonly<Record<string, unknown>> = {}) {
  const app = await env.createNamespace('kubernetes');
  const group = env.createGroup();
  const foreign = env.addForeignRows(group);
  const service = await ScriptedService.create(app, addressesOf(++net, 4));
  await app.bind('web', group, spec);
  await env.untilHolds(group, service.addresses, foreign);
  await env.untilStatusTrue(app, 'web', group, { desired: 4, registered: 4 });
  return { app, group, foreign, service };
}

const watchUp = (resource: string) => operator.metric(`vsgb_watch_up{resource="${resource}"}`);

async function untilWatches(up: 0 | 1): Promise<void> {
  const all = async () => (await Promise.all(WATCHED.map(watchUp))).every((value) => value === up);
  await waitUntil(`all watches to be ${up === 1 ? 'up' : 'down'}`, all, { timeoutMs: 60_000 });
}

async function untilRight(): Promise<void> {
  await env.untilHolds(group, service.addresses, foreign);
  const members = service.addresses.length;
  await env.untilStatusTrue(app, 'web', group, { desired: members, registered: members });
}

/** Rows of addresses that still exist are never touched. */
function expectNoneRemovedBut(
  ...ips: readonly string[]
): (calls: ReturnType<Environment['recordCalls']>) => void {
  return (calls) => {
    const removed = calls.of('Remove').flatMap(({ backends }) => backends);
    expect([...new Set(removed)].sort()).toEqual(ips.map((ip) => `${ip}:8080`).sort());
  };
}

scenario('the API server killed and started again: watches come back, and who left is removed', async () => {
  const calls = env.recordCalls(group);
  const [left] = service.addresses;
  await env.controlPlane.stopComponent('kube-apiserver', 'SIGKILL');
  await untilWatches(0);
  await env.controlPlane.startComponent('kube-apiserver');
  await waitUntil('the API server to take the change', async () => {
    await service.remove(left!);
    return true;
  });

  await untilRight();
  await untilWatches(1);
  expectNoneRemovedBut(left!)(calls);
});

scenario(
  'the API server frozen: groups are kept right from the caches, and it goes on where it was',
  async () => {
    const calls = env.recordCalls(group);
    const { state } = env.simulator;
    const [left, lost] = service.addresses;
    await env.controlPlane.pause('kube-apiserver');
    try {
      state.removeRow(
        group,
        state
          .group(group)
          .rows()
          .find(({ serverIp }) => serverIp === lost)!,
      );
      await env.untilHolds(group, service.addresses, foreign);
    } finally {
      env.controlPlane.resume('kube-apiserver');
    }
    await waitUntil('the API server to take the change', async () => {
      await service.remove(left!);
      return true;
    });

    await untilRight();
    expectNoneRemovedBut(left!)(calls);
  },
);

scenario('out of reach, etcd compacted meanwhile: the relist finds everyone who left', async () => {
  const others = await Promise.all([bound(), bound(), bound()]);
  const [shrunk, emptied, deleted] = others;
  const calls = env.recordCalls(group);
  const [left, ...stay] = service.addresses;
  proxy.cut();
  await untilWatches(0);
  await service.set([...stay, addressesOf(net + 50, 1)[0]!]);
  await shrunk!.service.set(shrunk!.service.addresses.slice(2));
  await env.api.delete(`${emptied!.app.path('apis/discovery.k8s.io/v1', 'endpointslices')}/web-1`);
  await deleted!.app.deleteBinding('web');
  // The cache of a newly started server has no earlier events, and etcd has no earlier versions.
  await env.controlPlane.compactEtcd();
  await env.controlPlane.restart('kube-apiserver');
  proxy.restore();

  await untilRight();
  await env.untilHolds(shrunk!.group, shrunk!.service.addresses, shrunk!.foreign);
  await env.untilRows(emptied!.group, emptied!.foreign);
  await env.untilRows(deleted!.group, deleted!.foreign);
  const gone = async () => (await env.api.find(`${deleted!.app.bindings()}/web`)) === undefined;
  await waitUntil('the deleted binding to be gone', gone);
  expectNoneRemovedBut(left!)(calls);
});

scenario('a list of endpoints that comes back empty is read again before it is believed', async () => {
  const others = await Promise.all([bound(), bound()]);
  const recorders = [group, ...others.map((other) => other.group)].map((id) => env.recordCalls(id));
  const doubted = 'vsgb_cache_doubted_lists_total{resource="endpoints"}';
  const before = (await operator.metric(doubted)) ?? 0;
  let lists = 0;
  proxy.hook(({ path, isWatch }) => {
    if (path !== SLICES) return undefined;
    if (isWatch) {
      const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410 };
      return lists === 0 ? { do: 'answer', status: 410, body } : undefined;
    }
    lists++;
    return lists > 1 ? undefined : { do: 'rewrite', body: (list) => emptied(list) };
  });
  proxy.dropConnections();

  await waitUntil('the second list', () => lists >= 2, { timeoutMs: 60_000 });
  await untilWatches(1);
  expect(await operator.metric(doubted)).toBe(before + 1);
  for (const calls of recorders) expect(calls.writes()).toEqual([]);
  await service.remove(service.addresses[0]!);
  await untilRight();
});

function emptied(list: string): string {
  return JSON.stringify({ ...(JSON.parse(list) as object), items: [] });
}

const answering =
  (status: number, reason: string): Hook =>
  () => ({
    do: 'answer',
    status,
    body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message: reason, code: status },
  });

/** Including the following list, a watch is back within two seconds of the end of a fault. */
const LONGEST_PAUSE_MS = 1_500;
/** After this many rejections, a watch has reached its longest pause and waited for it more than once. */
const REFUSED = 7;

for (const [title, hook] of [
  ['a token that is refused (401)', answering(401, 'Unauthorized')],
  ['rights that are taken away (403)', answering(403, 'Forbidden')],
  ['a gateway that finds nothing (404)', answering(404, 'NotFound')],
  ['throttling (429)', answering(429, 'TooManyRequests')],
  ['an API server that fails (500)', answering(500, 'InternalError')],
] as const) {
  scenario(`${title}: watches come back by themselves once it is over, and who left is removed`, async () => {
    const calls = env.recordCalls(group);
    const [left] = service.addresses;
    let refused = 0;
    proxy.hook((request) => {
      if (request.path === SLICES) refused++;
      return hook(request);
    });
    proxy.dropConnections();
    await untilWatches(0);
    await service.remove(left!);
    await waitUntil('the longest pause to be reached', () => refused >= REFUSED);
    proxy.restore();

    await untilRight();
    await untilWatches(1);
    const failures = (await operator.lines()).filter(({ message }) =>
      /^The (list|watch) failed/.test(message),
    );
    const pauses = failures.map(({ retryInMs }) => Number(retryInMs));
    expect(pauses.length).toBeGreaterThanOrEqual(REFUSED);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(LONGEST_PAUSE_MS);
    expectNoneRemovedBut(left!)(calls);
  });
}

scenario('a status that cannot be written holds no removal back, and is written later', async () => {
  const isStatus = (path: string) => path.includes(`/${PLURAL}/`) && path.endsWith('/status');
  proxy.hook((asked) => (isStatus(asked.path) ? answering(500, 'InternalError')(asked) : undefined));
  const calls = env.recordCalls(group);
  for (const left of service.addresses.slice(0, 3)) {
    await service.remove(left);
    await env.untilHolds(group, service.addresses, foreign);
  }
  expect(calls.of('Remove')).toHaveLength(3);
  proxy.restore();
  await untilRight();
});

scenario(
  'a finalizer that may not be written: told, and the backends of a deleted binding leave all the same',
  async () => {
    const isWrite = new RegExp(`/${PLURAL}/[^/]+$`);
    proxy.hook((asked) =>
      asked.method === 'PATCH' && isWrite.test(asked.path) ? answering(403, 'Forbidden')(asked) : undefined,
    );
    const fresh = env.createGroup();
    await app.bind('new', fresh, { serviceRef: { name: 'web', port: 80 } });
    const { status } = await app.untilCondition('new', 'False', 'FinalizerNotWritten');
    expect(status?.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Stalled']);
    await app.deleteBinding('web');
    await env.untilHolds(group, [], foreign);
    const deleted = await app.untilCondition('web', 'False', 'FinalizerNotWritten');
    expect(deleted.status).toMatchObject({ registered: 0, backends: [] });
    expect(env.rows(fresh)).toEqual([]);
    proxy.restore();
    await env.untilHolds(fresh, service.addresses);
    await waitUntil('web to be gone', async () => !(await env.api.find(`${app.bindings()}/web`)));
    expect((await app.events('web')).filter((event) => event.startsWith('FinalizerNotWritten'))).toHaveLength(
      1,
    );
  },
);

scenario(
  'the CRD deleted: every binding ends as if deleted; made again: new bindings work at once',
  async () => {
    const retained = await bound({ deletionPolicy: 'Retain' });
    const crd = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${PLURAL}.${API_VERSION.split('/')[0]}`;
    await env.api.delete(crd);

    await env.untilRows(group, foreign);
    await env.untilHolds(retained.group, retained.service.addresses, retained.foreign);
    await waitUntil('the CRD to be gone', async () => (await env.api.find(crd)) === undefined);
    await applyFolder(env.api, resolve(import.meta.dirname, '../../../deploy/base'));
    await waitUntil('the CRD to be served', async () => {
      await app.bind('web', group);
      return true;
    });
    await untilRight();
    expect(await operator.metric('vsgb_watch_up{resource="vservergroupbindings"}')).toBe(1);
  },
);
