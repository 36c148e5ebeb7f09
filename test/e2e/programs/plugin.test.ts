import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect } from '@jest/globals';
import { locateKubectl } from '../../../lab/control-plane/build/build.ts';
import { createNodes, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { DRAIN_LABEL, READINESS_GATE } from '../../../src/api/names.ts';
import { createGatedApp, untilGates } from '../../environment/gated-pods.ts';
import { type PluginResult, runPlugin, runPluginUnread } from '../../environment/plugin-process.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('plugin');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const credentials = {
  ALIBABA_CLOUD_ACCESS_KEY_ID: 'testid',
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'testsecret',
};

async function vsgb(...args: readonly string[]): Promise<PluginResult> {
  return await runPlugin([...args, '--kubeconfig', env.controlPlane.kubeconfig]);
}

/** The flags that a command needs to call the cloud. */
function cloudFlags(): readonly string[] {
  const { url } = env.simulator;
  return ['--region', 'cn-hangzhou', '--slb-endpoint', url, '--ecs-endpoint', url];
}

async function diff(...flags: readonly string[]): Promise<PluginResult> {
  const kubeconfig = ['--kubeconfig', env.controlPlane.kubeconfig];
  const args = ['diff', 'web', '-n', app.namespace, ...kubeconfig, ...cloudFlags(), '--vpc-id', 'vpc-1'];
  return await runPlugin([...args, ...flags], credentials);
}

/** The cells of a table, line by line. */
function cells(stdout: string): readonly (readonly string[])[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {3,}/));
}

async function changes(...flags: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await diff('-o', 'json', ...flags);
  const { changes } = JSON.parse(stdout) as {
    changes: readonly { action: string; serverIp: string; from?: number; to?: number; why: string }[];
  };
  return changes.map(
    ({ action, serverIp, from, to, why }) => `${action} ${serverIp} ${from ?? '-'}→${to ?? '-'}: ${why}`,
  );
}

/** This many pods behind a binding, all in the group. */
async function web(
  replicas: number,
  spec: Readonly<Record<string, unknown>> = {},
  podSpec = {},
): Promise<readonly string[]> {
  await app.createApp('web', { replicas, podSpec });
  await app.bind('web', group, spec);
  const addresses = await app.untilReady('web', replicas);
  await env.untilHolds(group, addresses);
  await env.untilStatusTrue(app, 'web', group, { registered: replicas });
  return addresses;
}

scenario('a reader that is gone ends the plugin as SIGPIPE would, without a stack trace', async () => {
  expect(await runPluginUnread(['--help'])).toEqual({ code: 141, stderr: '' });
});

describe('while no operator runs', () => {
  scenario(
    'status says that nobody has looked; diff says what an operator would do, and nothing is written',
    async () => {
      await app.createApp('web', { replicas: 2 });
      await app.bind('web', group);
      const addresses = await app.untilReady('web', 2);
      const calls = env.recordCalls(group);
      const before = await app.binding('web');

      const shown = await vsgb('status', '-n', app.namespace);
      expect(shown).toMatchObject({ code: 0, stderr: '' });
      expect(cells(shown.stdout)[1]?.slice(0, 11)).toEqual([
        app.namespace,
        'web',
        group,
        'web:80',
        '0/0',
        '0',
        '0',
        ...['-', '-', '-'],
        'Unknown',
      ]);

      const { code, stdout } = await diff();
      expect(code).toBe(1);
      const [titles, ...rows] = cells(stdout);
      expect(titles).toEqual(['ACTION', 'BACKEND', 'WEIGHT', 'BINDING', 'WHY']);
      expect(rows.map(([action, backend, weight]) => [action, backend?.split(':').at(-1), weight])).toEqual(
        [...addresses].sort().map((address) => ['add', address, '-→100']),
      );
      expect(rows.every((row) => /^pod web-.* joined$/.test(row[4] ?? ''))).toBe(true);
      expect(calls.writes()).toEqual([]);
      expect(await app.binding('web')).toEqual(before);
    },
  );

  scenario('diff gives each change its reason, and exit 0 when there is none', async () => {
    const operator = await env.startOperator();
    await web(3, { ownership: 'Exclusive' });
    await operator.stop();
    expect(await diff()).toEqual({ code: 0, stdout: '', stderr: `nothing to change in ${group}\n` });

    const before = await app.pods('web');
    await app.scale('web', 2);
    const kept = await app.untilReady('web', 2);
    const gone = before.find(({ status }) => !kept.includes(status.podIP ?? ''));
    await waitUntil('the pod to be gone', async () => (await app.pods('web')).length === 2);
    const strange = { serverId: 'eni-strange', serverIp: '10.200.0.9', port: 8080, description: 'by-hand' };
    env.simulator.state.addRow(group, strange);
    await app.patchBinding('web', { spec: { weight: 70 } });
    const calls = env.recordCalls(group);
    expect([...(await changes())].sort()).toEqual(
      [
        `remove ${gone?.status.podIP} 100→-: pod ${gone?.metadata.name} is gone`,
        'remove 10.200.0.9 100→-: stranger in an Exclusive group (by-hand)',
        ...kept.map((address) => `weigh ${address} 100→70: its weight should be 70`),
      ].sort(),
    );

    await app.createApp('other', { replicas: 0 });
    await app.patchBinding('web', { spec: { serviceRef: { name: 'other' }, drain: { seconds: 30 } } });
    const drains = kept.map((address) => `drain ${address} 100→0: drains: pod .* is no endpoint any more`);
    expect(await changes()).toEqual(
      expect.arrayContaining(drains.map((line) => expect.stringMatching(`^${line}$`))),
    );
    expect(calls.writes()).toEqual([]);
  });
});

describe('while ECS does not tell the network interfaces of pods', () => {
  const fails = async (fault: { readonly kind: 'error' | 'hang'; readonly code?: string }) => {
    await app.createApp('web', { replicas: 1 });
    await app.bind('web', group);
    await app.untilReady('web', 1);
    const id = env.simulator.faults.add({ ...fault, action: 'DescribeNetworkInterfaces' });
    try {
      return await diff('--timeout', '2s');
    } finally {
      env.simulator.faults.remove(id);
    }
  };

  scenario('because it refuses: diff ends with exit 2 and says why', async () => {
    const { code, stdout, stderr } = await fails({ kind: 'error', code: 'Forbidden.RAM' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: DescribeNetworkInterfaces .*Forbidden\.RAM/);
  });

  scenario('because it does not answer: diff ends with exit 2 when time is up', async () => {
    const { code, stdout, stderr } = await fails({ kind: 'hang' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .*(no answer in time|DescribeNetworkInterfaces)/);
  });
});

describe('after an operator', () => {
  scenario('diff knows a pod that went meanwhile by what the status says of it', async () => {
    const operator = await env.startOperator();
    await app.createApp('web', { replicas: 2 });
    await app.untilReady('web', 2);
    const before = await app.pods('web');
    await app.createService('by-hand', { selector: undefined });
    await app.applySlice(
      'by-hand',
      before.map(({ metadata, status }) => ({
        addresses: [status.podIP ?? ''],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: metadata.name, namespace: app.namespace, uid: '' },
      })),
    );
    await app.bind('web', group, { serviceRef: { name: 'by-hand', port: 80 } });
    await env.untilStatusTrue(app, 'web', group, { registered: 2 });
    await operator.stop();
    await app.scale('web', 1);
    await waitUntil('the pod to be gone', async () => (await app.pods('web')).length === 1);
    const [kept] = await app.pods('web');
    const gone = before.find(({ metadata }) => metadata.name !== kept?.metadata.name);
    expect(await changes()).toEqual([
      `remove ${gone?.status.podIP} 100→-: pod ${gone?.metadata.name} is gone`,
    ]);
  });
});

describe('with pods that wait at their readiness gates', () => {
  scenario(
    'diff plans as the operator does: they are added, and stay while their gates are closed',
    async () => {
      await allowGates(env.api);
      await createGatedApp(app, 'web', { replicas: 2 });
      await app.bind('web', group, { readiness: { settleSeconds: 3600 } });
      const planned = await waitUntil('diff to add both pods', async () => {
        const lines = await changes('--readiness-gates');
        return lines.length === 2 && lines;
      });
      const waiting = (await app.pods('web')).map(({ status }) => status.podIP ?? '');
      expect([...planned].sort()).toEqual(
        [...waiting].sort().map((ip) => expect.stringMatching(`^add ${ip} -→100: pod web-.* joined$`)),
      );
      expect((await diff()).code).toBe(0);

      const operator = await env.startOperator({ flags: ['--readiness-gates'] });
      await env.untilHolds(group, waiting);
      await env.untilStatusTrue(app, 'web', group, { registered: 2 });
      await untilGates(app, 'web', 2, 'none');
      expect(await diff('--readiness-gates')).toEqual({
        code: 0,
        stdout: '',
        stderr: `nothing to change in ${group}\n`,
      });
      await operator.stop();
    },
  );
});

describe('beside an operator', () => {
  beforeAll(async () => {
    await env.startOperator();
  }, 60_000);

  scenario('status shows members, the last removal and why one is not ready, in three formats', async () => {
    await web(2);
    await app.scale('web', 1);
    await env.untilHolds(group, await app.untilReady('web', 1));
    await env.untilStatusTrue(app, 'web', group, { registered: 1 });
    await app.bind('bad', group, { serviceRef: { name: 'none', port: 80 } });
    await app.untilCondition('bad', 'False', 'ServiceNotFound');

    const table = cells((await vsgb('status', '-n', app.namespace)).stdout);
    expect(table.map((row) => row[1])).toEqual(['NAME', 'bad', 'web']);
    expect(table[2]).toMatchObject({ 3: 'web:80', 4: '1/1', 7: '15s, 1 without', 8: '-', 10: 'True' });
    expect(table[2]?.[9]).toMatch(/^\d+s ago$/);
    expect(table[1]?.slice(10)).toEqual([
      'False',
      expect.stringMatching(/^ServiceNotFound: Service .* does not exist: create it/),
    ]);

    const all = JSON.parse((await vsgb('status', '-A', '-o', 'json')).stdout) as {
      namespace: string;
      name: string;
    }[];
    expect(all.filter(({ namespace }) => namespace === app.namespace).map(({ name }) => name)).toEqual([
      'bad',
      'web',
    ]);
    const one = await vsgb('status', 'web', '-n', app.namespace, '-o', 'yaml');
    expect(one.stdout).toContain(`group: ${group}\n`);
    expect(await vsgb('status', 'none', '-n', app.namespace)).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: there is no binding none in namespace ${app.namespace}; kubectl vsgb status -A lists them\n`,
    });
  });

  scenario(
    'drain: all of the backends of a node get weight 0 while its pods stay, in one call a group; undo gives it back',
    async () => {
      const node = `${app.namespace}-node`;
      await createNodes(
        env.api,
        [node, `${node}-2`].map((name) => ({
          name,
          labels: { pool: app.namespace, 'kubernetes.io/hostname': name },
        })),
      );
      await untilNodesReady(env.api, [node, `${node}-2`]);
      const spread = {
        nodeSelector: { pool: app.namespace },
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: 'web' } },
          },
        ],
      };
      await web(6, {}, spread);
      const onNode = (await app.pods('web')).filter(({ spec }) => spec.nodeName === node);
      const addresses = onNode.map(({ status }) => `${status.podIP}:8080`).sort();
      const calls = env.recordCalls(group);

      const drained = await vsgb('drain', node, '-o', 'json');
      expect(drained.code).toBe(0);
      expect(
        (JSON.parse(drained.stdout) as { backends: { backend: string; weight: number }[] }).backends
          .map(({ backend, weight }) => `${backend}*${weight}`)
          .sort(),
      ).toEqual(addresses.map((address) => `${address}*0`));
      expect(env.rows(group).filter((row) => row.endsWith('*0'))).toEqual(
        addresses.map((address) => `${address}*0`),
      );
      expect(calls.story()).toEqual([`Set ${addresses.join(' ')}`]);
      await env.untilStatusTrue(app, 'web', group, {
        desired: 6,
        registered: 6 - onNode.length,
        draining: onNode.length,
      });
      await app.untilCondition('web', 'True', 'Synced');
      expect((await diff()).code).toBe(0);

      await app.deletePod(onNode[0]!.metadata.name);
      await app.untilReady('web', 6);
      const undone = await vsgb('drain', node, '--undo');
      expect(undone.code).toBe(0);
      await env.untilHolds(group, await app.untilReady('web', 6));
      const { metadata } = await env.api.get<{ metadata: { labels: object } }>(`/api/v1/nodes/${node}`);
      expect(metadata.labels).not.toHaveProperty(DRAIN_LABEL);
    },
  );

  scenario('drain: works for RemoveOnly too, and tells what it can not do', async () => {
    const node = `${app.namespace}-node`;
    await createNodes(env.api, [{ name: node, labels: { pool: app.namespace } }]);
    await untilNodesReady(env.api, [node]);
    await app.createApp('web', { replicas: 2, podSpec: { nodeSelector: { pool: app.namespace } } });
    const addresses = await app.untilReady('web', 2);
    for (const serverIp of addresses) {
      env.simulator.state.addRow(group, {
        serverId: `eni-${serverIp}`,
        serverIp,
        port: 8080,
        weight: 40,
        description: 'by others',
      });
    }
    await app.bind('web', group, { mode: 'RemoveOnly' });
    await env.untilStatusTrue(app, 'web', group, { registered: 2, foreign: 0 });

    const refused = await vsgb('drain', node);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(`all backends of ${group} that take requests are on node ${node}`);
    expect(env.rows(group)).toEqual(addresses.map((address) => `${address}:8080*40`).sort());

    expect((await vsgb('drain', node, '--force')).code).toBe(0);
    expect(env.rows(group)).toEqual(addresses.map((address) => `${address}:8080*0`).sort());
    expect((await vsgb('drain', node, '--undo')).code).toBe(0);
    expect(env.rows(group)).toEqual(addresses.map((address) => `${address}:8080*40`).sort());

    await app.patchBinding('web', { spec: { suspend: true } });
    await app.untilCondition('web', 'False', 'Suspended');
    const suspended = await vsgb('drain', node, '--force');
    expect(suspended.code).toBe(1);
    expect(suspended.stdout).toContain('Suspended: ');
    await vsgb('drain', node, '--undo');
    expect(await vsgb('drain', 'no-such-node')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no node'),
    });
  });

  scenario('completion offers the names of bindings and nodes of the cluster', async () => {
    await app.bind('web', group);
    const complete = async (...words: readonly string[]) =>
      (
        await runPlugin(
          ['__complete', '--', ...words].filter((word) => word !== '--'),
          { KUBECONFIG: env.controlPlane.kubeconfig },
        )
      ).stdout.split('\n');
    expect(await complete('diff', '-n', app.namespace, '')).toContain('web');
    expect(await complete('drain', '')).toContain('node0');
    expect(await complete('status', '-n', '')).toContain(app.namespace);
    expect(await complete('status', '-o', '')).toEqual(['table', 'json', 'yaml', ':4', '']);
  });
});

describe('remove', () => {
  const addRows = (count: number) =>
    Array.from({ length: count }, (_, i) => {
      const serverIp = `10.99.0.${i + 1}`;
      env.simulator.state.addRow(group, { serverId: 'eni-many', serverIp, port: 80, description: 'by hand' });
      return serverIp;
    });
  const remove = async (...args: readonly string[]) =>
    await runPlugin(['remove', '--group', group, ...args, ...cloudFlags().slice(0, 4)], credentials);

  scenario('removes what was named, twenty a call, and shows what is left', async () => {
    addRows(45);
    env.simulator.state.addRow(group, { serverId: 'i-kept', port: 30080, weight: 7, description: 'kept' });
    const calls = env.recordCalls(group);
    const { code, stdout } = await remove('--backend', 'eni-many:80');
    expect(code).toBe(0);
    expect(calls.of('Remove').map(({ backends }) => backends.length)).toEqual([20, 20, 5]);
    expect(cells(stdout)).toEqual([
      ['SERVER', 'IP', 'PORT', 'TYPE', 'WEIGHT', 'DESCRIPTION'],
      ['i-kept', '-', '30080', 'ecs', '7', 'kept'],
    ]);
  });

  scenario('one address of a network interface is told apart from the others', async () => {
    addRows(2);
    expect((await remove('--backend', 'eni-many:80:10.99.0.2')).code).toBe(0);
    expect(env.rows(group)).toEqual(['10.99.0.1:80*100']);
  });

  scenario('tries again while the load balancer is busy, and says which call did it', async () => {
    addRows(1);
    env.simulator.faults.add({
      kind: 'error',
      code: 'BackendServer.configuring',
      group,
      times: 2,
      action: 'RemoveVServerGroupBackendServers',
    });
    const calls = env.recordCalls(group);
    const { code, stderr } = await remove('--backend', 'eni-many:80');
    expect(code).toBe(0);
    expect(calls.of('Remove').map((call) => call.code)).toEqual([
      'BackendServer.configuring',
      'BackendServer.configuring',
      'OK',
    ]);
    expect(stderr).toMatch(/removed 10\.99\.0\.1:80 \(request [0-9A-F-]+\)/);
  });

  scenario('a call of unknown outcome is looked at before it is repeated', async () => {
    addRows(1);
    env.simulator.faults.add({
      kind: 'applied-no-reply',
      group,
      times: 1,
      action: 'RemoveVServerGroupBackendServers',
    });
    const calls = env.recordCalls(group);
    expect((await remove('--backend', 'eni-many:80')).code).toBe(0);
    expect(calls.all().map(({ action }) => action)).toEqual(['Describe', 'Remove', 'Describe']);
  });

  scenario('still busy when time is up: exit 1, and what is left', async () => {
    addRows(1);
    env.simulator.faults.add({
      kind: 'error',
      code: 'BackendServer.configuring',
      group,
      action: 'RemoveVServerGroupBackendServers',
    });
    const { code, stdout, stderr } = await remove(
      '--backend',
      'eni-many:80',
      '--timeout',
      '300ms',
      '-o',
      'json',
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ group, left: [{ serverIp: '10.99.0.1' }] });
    expect(stderr).toContain('BackendServer.configuring');
  });

  scenario(
    'a group that can not be read before time is up: exit 2, and nothing about its backends',
    async () => {
      const nobody = ['--region', 'cn-hangzhou', '--slb-endpoint', 'http://127.0.0.1:1'];
      const unread = await runPlugin(
        ['remove', '--group', group, '--backend', 'i-a:80', '--timeout', '300ms', ...nobody],
        credentials,
      );
      expect(unread).toMatchObject({ code: 2, stdout: '' });
      expect(unread.stderr).toMatch(/^error: DescribeVServerGroupAttribute .* failed with ECONNREFUSED/m);
      expect(unread.stderr).not.toContain('is empty');
    },
  );

  scenario('no such group, and no right: exit 2, told with code and what to do', async () => {
    const missing = await runPlugin(
      ['remove', '--group', 'rsp-none', '--backend', 'i-a:80', ...cloudFlags().slice(0, 4)],
      credentials,
    );
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toMatch(
      /^error: DescribeVServerGroupAttribute on vServer group rsp-none .* failed with/m,
    );
    const wrong = await runPlugin(
      ['remove', '--group', group, '--backend', 'i-a:80', ...cloudFlags().slice(0, 4)],
      {
        ...credentials,
        ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'no-such-secret',
      },
    );
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('SignatureDoesNotMatch');
    expect(wrong.stderr).not.toContain('no-such-secret');
  });
});

/** A Deployment in the style of a hand-written file. */
const DEPLOYMENT = `# the shop
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: "web" } }
    spec:
      terminationGracePeriodSeconds: 0   # at once
      securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
      initContainers:
      - { name: sidecar, image: x, restartPolicy: Always, securityContext: &restricted {
          allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } } }
      containers:
      - name: web
        image: x   # none
        securityContext: *restricted
      - name: own
        image: x
        securityContext: *restricted
        lifecycle: { preStop: { exec: { command: [/stop] } } }
`;

scenario(
  'inject: the API server takes what was added, strictly read and with restricted Pod Security, and the pods have it',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vsgb-inject-'));
    try {
      const file = join(dir, 'web.yaml');
      await writeFile(file, DEPLOYMENT);
      const { code, stdout } = await runPlugin(['inject', '-f', file, '--drain-seconds', '20']);
      expect(code).toBe(1);
      await writeFile(file, stdout);
      expect(await runPlugin(['inject', '-f', file, '--drain-seconds', '20'])).toMatchObject({ stdout });

      const restricted = { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } };
      await env.api.patch(`/api/v1/namespaces/${app.namespace}`, { metadata: restricted });
      const { kubeconfig } = env.controlPlane;
      const where = [`--kubeconfig=${kubeconfig}`, '--namespace', app.namespace];
      const kubectl = promisify(execFile);
      const args = ['apply', '--validate=strict', ...where, '--filename', file];
      expect(await kubectl(await locateKubectl(), args)).toEqual({
        stdout: 'deployment.apps/web created\n',
        stderr: '',
      });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
    await waitUntil('the pod of the Deployment', async () => (await app.pods('web')).length === 1);
    const preStop = { sleep: { seconds: 35 } };
    expect((await app.pods('web'))[0]?.spec).toMatchObject({
      readinessGates: [{ conditionType: READINESS_GATE }],
      terminationGracePeriodSeconds: 35,
      containers: [{ lifecycle: { preStop } }, { lifecycle: { preStop: { exec: { command: ['/stop'] } } } }],
      initContainers: [expect.not.objectContaining({ lifecycle: expect.anything() })],
    });
  },
);

scenario('an older Node is told in one sentence', async () => {
  const pretend = "Object.defineProperty(process, 'version', { value: 'v22.18.0' })";
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(pretend)}`;
  expect(await runPlugin(['status'], { NODE_OPTIONS })).toEqual({
    code: 2,
    stdout: '',
    stderr: 'Node 22.19 or newer is needed; this is v22.18.0\n',
  });
});
