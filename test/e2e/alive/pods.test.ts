import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import {
  bindBoth,
  createBothGroups,
  type GroupOfEach,
  SOURCES,
  startBoth,
} from '../../environment/both-sources.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let app: Workloads;
let groups: GroupOfEach;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  await startBoth(env);
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('alive');
  groups = createBothGroups(env);
}, 60_000);
afterAll(async () => {
  await env?.close();
});

async function untilBothHold(addresses: readonly string[]): Promise<void> {
  await Promise.all(SOURCES.map((source) => env.untilHolds(groups[source], addresses)));
}

/** A Deployment with this many replicas, behind both groups. */
async function serve(replicas: number, spec: Readonly<Record<string, unknown>> = {}) {
  await app.createApp('web', { replicas });
  await bindBoth(app, groups, 'web', spec);
  const addresses = await app.untilReady('web', replicas);
  await untilBothHold(addresses);
  return addresses;
}

const service = () => `${app.path('api/v1', 'services')}/web`;
const pod = (name: string) => `${app.path('api/v1', 'pods')}/${name}`;

async function untilNoPods(): Promise<void> {
  await waitUntil('the pods to be gone', async () => (await app.pods('web')).length === 0);
}

/** Runs while nothing writes endpoints, Deployments or pod conditions. */
async function whileControllersAreFrozen(run: () => Promise<void>): Promise<void> {
  await env.controlPlane.pause('kube-controller-manager');
  try {
    await run();
  } finally {
    env.controlPlane.resume('kube-controller-manager');
  }
}

scenario('the selector of a Service is removed and its pods are replaced: the old ones leave', async () => {
  const old = await serve(3);
  await env.api.patch(service(), { spec: { selector: null } });
  await app.restart('web');
  await waitUntil('other pods', async () => {
    const addresses = (await app.pods('web')).map(({ status }) => status.podIP);
    return addresses.length === 3 && !addresses.some((address) => old.includes(address ?? ''));
  });
  await untilBothHold([]);
  const late = env.createGroup();
  await app.bind('late', late, { serviceRef: { name: 'web', port: 80 } }, { source: 'endpointslices' });
  await app.untilCondition('late', 'True', 'Synced');
  expect(env.rows(late)).toEqual([]);
});

scenario('a Service becomes an ExternalName and its pods go: their rows go', async () => {
  await serve(3);
  await env.api.patch(service(), {
    spec: { type: 'ExternalName', externalName: 'example.com', clusterIP: null, clusterIPs: null },
  });
  await app.scale('web', 0);
  await untilBothHold([]);
});

scenario('a Service is deleted without its endpoints, and its pods go: their rows go', async () => {
  await serve(3);
  await env.api.delete(service(), { propagationPolicy: 'Orphan' });
  await app.scale('web', 0);
  await untilNoPods();
  await untilBothHold([]);
});

scenario('a pod is deleted while the controllers are frozen: it leaves', async () => {
  const addresses = await serve(3);
  await whileControllersAreFrozen(async () => {
    const [one] = await app.pods('web');
    await app.deletePod(one?.metadata.name ?? '');
    await untilBothHold(addresses.filter((address) => address !== one?.status.podIP));
  });
});

scenario('the same with drain: gone with the end of the pod', async () => {
  const addresses = await serve(3, { drain: { seconds: 3600 } });
  await whileControllersAreFrozen(async () => {
    const [one] = await app.pods('web');
    await app.deletePod(one?.metadata.name ?? '');
    await untilBothHold(addresses.filter((address) => address !== one?.status.podIP));
  });
});

scenario('the same with RemoveOnly', async () => {
  await app.createApp('web', { replicas: 3 });
  const addresses = await app.untilReady('web', 3);
  for (const source of SOURCES) {
    for (const serverIp of addresses)
      env.simulator.state.addRow(groups[source], { serverId: `eni-${serverIp}`, serverIp, port: 8080 });
  }
  await bindBoth(app, groups, 'web', { mode: 'RemoveOnly' });
  for (const source of SOURCES) await app.untilCondition(source, 'True', 'Synced');
  await whileControllersAreFrozen(async () => {
    const [one] = await app.pods('web');
    await app.deletePod(one?.metadata.name ?? '');
    await untilBothHold(addresses.filter((address) => address !== one?.status.podIP));
  });
});

scenario('a pod has failed while the controllers are frozen, and its object stays: it leaves', async () => {
  const addresses = await serve(3);
  await whileControllersAreFrozen(async () => {
    const [one] = await app.pods('web');
    await env.api.patch(`${pod(one?.metadata.name ?? '')}/status`, { status: { phase: 'Failed' } });
    await untilBothHold(addresses.filter((address) => address !== one?.status.podIP));
  });
});

scenario('a pod that is not ready leaves while the controllers are frozen', async () => {
  const addresses = await serve(2);
  await whileControllersAreFrozen(async () => {
    const [one] = await app.pods('web');
    const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'False' }));
    await env.api.patch(`${pod(one?.metadata.name ?? '')}/status`, { status: { conditions } }, 'strategic');
    await untilBothHold(addresses.filter((address) => address !== one?.status.podIP));
  });
});

scenario(
  'publishNotReadyAddresses: a pod that is held in Terminating by a finalizer drains and leaves',
  async () => {
    await app.createApp('web', { replicas: 2, service: { publishNotReadyAddresses: true } });
    await bindBoth(app, groups, 'web', { drain: { seconds: 1 } });
    const addresses = await app.untilReady('web', 2);
    await untilBothHold(addresses);
    const names = (await app.pods('web')).map(({ metadata }) => metadata.name);
    for (const name of names)
      await env.api.patch(pod(name), { metadata: { finalizers: ['example.com/held'] } });
    await app.scale('web', 1);
    const terminating = await waitUntil('a pod to terminate', async () =>
      (await app.pods('web')).find(({ metadata }) => metadata.deletionTimestamp !== undefined),
    );
    await untilBothHold(addresses.filter((address) => address !== terminating.status.podIP));
    for (const name of names) await env.api.patch(pod(name), { metadata: { finalizers: null } });
  },
);

scenario('a slice made by hand names a pod that is deleted: it leaves', async () => {
  await app.createService('web', { selector: undefined });
  const names = ['one', 'two'];
  for (const name of names) {
    await env.api.create(app.path('api/v1', 'pods'), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'web' } },
      spec: { nodeName: 'node0', containers: [{ name: 'app', image: 'app' }] },
    });
  }
  const pods = await waitUntil('both pods to have an address', async () => {
    const found = await app.pods('web');
    return found.length === 2 && found.every(({ status }) => status.podIP !== undefined) ? found : undefined;
  });
  await app.applySlice(
    'web',
    pods.map(({ metadata, status }) => ({
      addresses: [status.podIP ?? ''],
      conditions: { ready: true },
      nodeName: 'node0',
      targetRef: { kind: 'Pod', name: metadata.name, namespace: app.namespace, uid: metadata.uid ?? '' },
    })),
  );
  const group = groups.endpointslices;
  await app.bind('hand', group, { serviceRef: { name: 'web', port: 80 } }, { source: 'endpointslices' });
  await env.untilHolds(
    group,
    pods.map(({ status }) => status.podIP ?? ''),
  );
  const [one, two] = pods;
  await app.deletePod(one?.metadata.name ?? '');
  await env.untilHolds(group, [two?.status.podIP ?? '']);
});

scenario('a slice made by hand names pods and nodes of other clusters: they are members', async () => {
  await app.createService('web', { selector: undefined });
  await app.applySlice('web', [
    {
      addresses: ['10.77.0.1'],
      conditions: { ready: true },
      nodeName: 'node-of-elsewhere',
      targetRef: { kind: 'Pod', name: 'elsewhere', namespace: app.namespace, uid: crypto.randomUUID() },
    },
    { addresses: ['10.77.0.2'], conditions: { ready: true } },
  ]);
  const group = groups.endpointslices;
  await app.bind('hand', group, { serviceRef: { name: 'web', port: 80 } }, { source: 'endpointslices' });
  await env.untilHolds(group, ['10.77.0.1', '10.77.0.2']);
});
