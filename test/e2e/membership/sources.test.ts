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
  app = await env.createNamespace('src');
  groups = createBothGroups(env);
}, 60_000);
afterAll(async () => {
  await env?.close();
});

/** Waits until both groups hold exactly these rows, and both statuses say so. */
async function untilBothHold(rows: readonly string[]): Promise<void> {
  const sorted = [...rows].sort();
  await Promise.all(
    SOURCES.map(async (source) => {
      await env.untilRows(groups[source], sorted);
      await app.untilCondition(source, 'True', 'Synced');
      await env.untilStatusTrue(app, source, groups[source], {
        desired: rows.length,
        registered: rows.length,
      });
    }),
  );
}

async function untilBothTold(reason: string, sentence: RegExp): Promise<void> {
  for (const source of SOURCES) {
    const { status } = await app.untilCondition(source, 'False', reason);
    expect(status?.conditions?.[0]?.message).toMatch(sentence);
  }
}

const rowsOf = (addresses: readonly string[], port = 8080) =>
  addresses.map((address) => `${address}:${port}*100`);
const path = (service: string) => `${app.path('api/v1', 'services')}/${service}`;

scenario('pods come, are replaced and go: the same members by either source', async () => {
  await app.createApp('web', { replicas: 6 });
  await bindBoth(app, groups, 'web');
  await untilBothHold(rowsOf(await app.untilReady('web', 6)));
  await app.restart('web');
  await untilBothHold(rowsOf(await app.untilReady('web', 6)));
  await app.scale('web', 2);
  await untilBothHold(rowsOf(await app.untilReady('web', 2)));
  await app.scale('web', 0);
  await untilBothHold([]);
});

scenario('pods that are not ready are no members, unless the Service publishes them', async () => {
  await app.createApp('web', { replicas: 2 });
  await bindBoth(app, groups, 'web');
  const addresses = await app.untilReady('web', 2);
  await untilBothHold(rowsOf(addresses));
  const [pod] = await app.pods('web');
  const notReady = { conditions: [{ type: 'Ready', status: 'False' }] };
  await env.api.request(
    'PATCH',
    `${app.path('api/v1', 'pods')}/${pod?.metadata.name}/status`,
    { status: notReady },
    'application/strategic-merge-patch+json',
  );
  await untilBothHold(rowsOf(addresses.filter((address) => address !== pod?.status.podIP)));
  await env.api.patch(path('web'), { spec: { publishNotReadyAddresses: true } });
  await untilBothHold(rowsOf(addresses));
});

scenario('a headless Service has the same members as any other', async () => {
  await app.createApp('web', { replicas: 3, service: { clusterIP: 'None' } });
  await bindBoth(app, groups, 'web');
  await untilBothHold(rowsOf(await app.untilReady('web', 3)));
});

scenario(
  'two named ports: each binding has its own; a name stands for another number in another pod',
  async () => {
    const container = (ports: object) => ({ containers: [{ name: 'app', image: 'app', ports }] });
    const ports = (web: number) => [
      { name: 'web', containerPort: web },
      { name: 'admin', containerPort: 9000 },
    ];
    await app.createApp('web', {
      replicas: 1,
      podSpec: container(ports(8080)),
      service: {
        ports: [
          { name: 'http', port: 80, targetPort: 'web' },
          { name: 'admin', port: 81, targetPort: 'admin' },
        ],
      },
    });
    const labels = { app: 'web', version: 'two' };
    await env.api.create(app.path('apis/apps/v1', 'deployments'), {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web-two' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { version: 'two' } },
        template: { metadata: { labels }, spec: container(ports(8081)) },
      },
    });
    await waitUntil('two ready endpoints', async () => (await app.readyAddresses('web')).length === 2);
    const pods = await app.pods('web');
    const addressOf = (two: boolean) =>
      pods.find(({ metadata }) => (metadata.labels?.['version'] === 'two') === two)?.status.podIP as string;
    await bindBoth(app, groups, 'web');
    await untilBothHold([...rowsOf([addressOf(false)], 8080), ...rowsOf([addressOf(true)], 8081)]);
    for (const source of SOURCES) await app.patchBinding(source, { spec: { serviceRef: { port: 'admin' } } });
    await untilBothHold(rowsOf([addressOf(false), addressOf(true)], 9000));
  },
);

scenario('a Service without selector, and Endpoints made by hand', async () => {
  await app.createService('byhand', { selector: undefined });
  const endpoints = (...ips: readonly string[]) => ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'byhand' },
    subsets: [{ addresses: ips.map((ip) => ({ ip })), ports: [{ name: 'http', port: 8080 }] }],
  });
  const address = `${app.path('api/v1', 'endpoints')}/byhand`;
  await env.api.apply(address, endpoints('10.90.0.1', '10.90.0.2'));
  await bindBoth(app, groups, 'byhand');
  await untilBothHold(rowsOf(['10.90.0.1', '10.90.0.2']));
  await env.api.apply(address, endpoints('10.90.0.2', '10.90.0.3'));
  await untilBothHold(rowsOf(['10.90.0.2', '10.90.0.3']));
  await env.api.delete(address);
  await untilBothHold([]);
});

scenario(
  'Endpoints that Kubernetes has cut: the user is told by an event, and only of this source',
  async () => {
    await app.createService('byhand', { selector: undefined });
    await env.api.apply(`${app.path('api/v1', 'endpoints')}/byhand`, {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'byhand', annotations: { 'endpoints.kubernetes.io/over-capacity': 'truncated' } },
      subsets: [{ addresses: [{ ip: '10.90.1.1' }], ports: [{ name: 'http', port: 8080 }] }],
    });
    await bindBoth(app, groups, 'byhand');
    await untilBothHold(rowsOf(['10.90.1.1']));
    await waitUntil('an event', async () =>
      (await app.events('endpoints')).some((event) =>
        /^EndpointsTruncated: .*--endpoints-source=endpointslices/.test(event),
      ),
    );
    expect(await app.events('endpointslices')).not.toContainEqual(
      expect.stringMatching(/^EndpointsTruncated/),
    );
  },
);

scenario('a Service deleted and made again with another target port: the rows move', async () => {
  await app.createApp('web', { replicas: 2 });
  await bindBoth(app, groups, 'web');
  const addresses = await app.untilReady('web', 2);
  await untilBothHold(rowsOf(addresses));
  await env.api.delete(path('web'));
  await app.createService('web', { ports: [{ name: 'http', port: 80, targetPort: 9090 }] });
  await untilBothHold(rowsOf(addresses, 9090));
});

scenario('a Service deleted: told, and nothing is left in the group', async () => {
  await app.createApp('web', { replicas: 2 });
  await bindBoth(app, groups, 'web');
  await untilBothHold(rowsOf(await app.untilReady('web', 2)));
  await env.api.delete(path('web'));
  await untilBothTold('ServiceNotFound', /create it, or correct spec\.serviceRef\.name/);
  for (const source of SOURCES) {
    await env.untilRows(groups[source], []);
    await env.untilStatusTrue(app, source, groups[source], { desired: 0, registered: 0 });
  }
});

scenario('ExternalName: refused with a reason; right once it selects pods', async () => {
  await app.createApp('web', { replicas: 1, service: { type: 'ExternalName', externalName: 'example.com' } });
  await bindBoth(app, groups, 'web');
  await untilBothTold(
    'ServiceNotSupported',
    /is of type ExternalName and has no endpoints: use a Service that selects pods/,
  );
  await env.api.patch(path('web'), { spec: { type: 'ClusterIP', externalName: null } });
  await untilBothHold(rowsOf(await app.untilReady('web', 1)));
});
