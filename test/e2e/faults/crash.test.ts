import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { addressesOf, ScriptedService } from '../../../lab/environment/scripted-service.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { API_VERSION, PLURAL } from '../../../src/api/names.ts';
import { KubeProxy } from '../../environment/kube-proxy.ts';
import { scenarios } from '../../environment/scenario.ts';

const ACTIONS = {
  Add: 'AddVServerGroupBackendServers',
  Remove: 'RemoveVServerGroupBackendServers',
  Set: 'SetVServerGroupAttribute',
  Describe: 'DescribeVServerGroupAttribute',
} as const;
const KILLED = 128 + 9;
const PROMPTLY_MS = 1_000;

let env: Environment;
let proxy: KubeProxy;
let kubeconfig: string;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
let service: ScriptedService;
let foreign: readonly string[];
let net = 50;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
  proxy = await KubeProxy.start(env.controlPlane);
  kubeconfig = await proxy.kubeconfig(env.operatorKubeconfig);
}, 120_000);
beforeEach(async () => {
  operator = await env.startOperator({ kubeconfig });
  app = await env.createNamespace('crash');
  group = env.createGroup();
  foreign = env.addForeignRows(group);
  service = await ScriptedService.create(app, addressesOf(++net, 4));
  await app.bind('web', group);
  await untilRight();
}, 60_000);
afterEach(async () => {
  env.simulator.faults.clear();
  proxy.restore();
  await operator.kill();
  await app.deleteBinding('web');
}, 60_000);
afterAll(async () => {
  await env?.close();
  await proxy?.close();
});

async function untilRight(weight = 100): Promise<void> {
  await env.untilRows(group, [...service.addresses.map((ip) => `${ip}:8080*${weight}`), ...foreign]);
  const members = service.addresses.length;
  await env.untilStatusTrue(app, 'web', group, { desired: members, registered: members, foreign: 2 });
}

/** Kills the operator before the call takes effect, after that but before the reply, or as soon as the reply is sent. */
function killAt(action: string, moment: 'before' | 'during' | 'after'): void {
  const { faults, journal } = env.simulator;
  if (moment === 'after') {
    const stop = journal.onEntry((entry) => {
      if (entry.group !== group || entry.action !== action) return;
      stop();
      setImmediate(() => operator.signal('SIGKILL'));
    });
    return;
  }
  const die = async () => {
    stop();
    operator.signal('SIGKILL');
    await operator.exited;
    return { kind: 'reset' } as const;
  };
  const stop = faults.hook(
    moment === 'before'
      ? { action, group, before: die }
      : {
          action,
          group,
          after: async () => {
            await die();
          },
        },
  );
}

/**
 * While no operator was running, `leaver`, which the status names, and `unknown`, which the status need not name, have left. The
 * new process removes `leaver` promptly without reading the group, changes nothing else, and leaks nothing.
 */
async function expectRecovery({ unknown, weight = 100 }: { unknown?: string; weight?: number } = {}) {
  const [, leaver, ...others] = addressesOf(net, 4);
  await service.remove(leaver!, ...(unknown === undefined ? [] : [unknown]));
  const calls = env.recordCalls(group);
  operator = await env.startOperator({ kubeconfig });
  const removed = () => env.rows(group).every((row) => !row.startsWith(`${leaver}:`));
  await waitUntil('the removal of what left meanwhile', removed, { timeoutMs: PROMPTLY_MS, intervalMs: 5 });
  await untilRight(weight);
  const [first] = calls.all();
  expect(first).toMatchObject({ action: 'Remove', code: 'OK' });
  expect(first?.backends).toContain(`${leaver}:8080`);
  const removals = calls.of('Remove').flatMap(({ backends }) => backends);
  for (const ip of others) expect(removals).not.toContain(`${ip}:8080`);
}

for (const moment of ['before', 'during', 'after'] as const) {
  scenario(`killed ${moment} an Add: what was added and has left since is found by its tag`, async () => {
    const added = addressesOf(net, 5)[4]!;
    killAt(ACTIONS.Add, moment);
    await service.add(added);
    expect(await operator.exited).toBe(KILLED);
    expect(env.rows(group).some((row) => row.startsWith(`${added}:`))).toBe(moment !== 'before');
    await expectRecovery({ unknown: added });
  });

  scenario(`killed ${moment} an Add: what was added and is still there is kept`, async () => {
    const added = addressesOf(net, 5)[4]!;
    killAt(ACTIONS.Add, moment);
    await service.add(added);
    expect(await operator.exited).toBe(KILLED);
    await expectRecovery();
  });

  scenario(`killed ${moment} a Remove`, async () => {
    killAt(ACTIONS.Remove, moment);
    await service.remove(addressesOf(net, 1)[0]!);
    expect(await operator.exited).toBe(KILLED);
    await expectRecovery();
  });

  scenario(`killed ${moment} a Remove: an address that has come back is in the group again`, async () => {
    const [back] = addressesOf(net, 1);
    killAt(ACTIONS.Remove, moment);
    await service.remove(back!);
    expect(await operator.exited).toBe(KILLED);
    await service.add(back!);
    await expectRecovery();
  });

  scenario(`killed ${moment} a Set`, async () => {
    killAt(ACTIONS.Set, moment);
    await app.patchBinding('web', { spec: { weight: 50 } });
    expect(await operator.exited).toBe(KILLED);
    await expectRecovery({ weight: 50 });
  });

  scenario(`killed ${moment} the first Describe`, async () => {
    await operator.kill();
    killAt(ACTIONS.Describe, moment);
    operator = await env.startOperator({ kubeconfig, untilReady: false });
    expect(await operator.exited).toBe(KILLED);
    await expectRecovery();
  });

  scenario(`killed ${moment} the status write behind an Add and a Remove`, async () => {
    const [left, , , , added] = addressesOf(net, 5);
    const stop = proxy.hook(({ method, path }) => {
      if (method !== 'PATCH' || path !== `${bindingPath()}/status`) return undefined;
      if (!env.rows(group).some((row) => row.startsWith(`${added}:`))) return undefined;
      stop();
      if (moment === 'before') operator.signal('SIGKILL');
      else void operator.exited;
      if (moment === 'during') setImmediate(() => operator.signal('SIGKILL'));
      return moment === 'before' ? { do: 'reset-before' } : undefined;
    });
    await service.set([...service.addresses.filter((ip) => ip !== left), added!]);
    if (moment === 'after') {
      await untilRight();
      operator.signal('SIGKILL');
    }
    expect(await operator.exited).toBe(KILLED);
    await expectRecovery({ unknown: added! });
  });
}

scenario('killed before the finalizer is written: nothing was added yet', async () => {
  const other = await env.createNamespace('crash');
  const otherGroup = env.createGroup();
  const finalizes = (method: string, path: string) => method === 'PATCH' && path.endsWith(`${PLURAL}/late`);
  const stop = proxy.hook(({ method, path }) => {
    if (!finalizes(method, path)) return undefined;
    stop();
    operator.signal('SIGKILL');
    return { do: 'reset-before' };
  });
  const late = await ScriptedService.create(other, addressesOf(net + 100, 3), 'late');
  await other.bind('late', otherGroup);
  expect(await operator.exited).toBe(KILLED);
  expect(env.rows(otherGroup)).toEqual([]);
  operator = await env.startOperator({ kubeconfig });
  await env.untilHolds(otherGroup, late.addresses);
});

scenario(
  'killed between the last removal and the end of a deleted binding: it ends after the restart',
  async () => {
    killAt(ACTIONS.Remove, 'during');
    await app.deleteBinding('web');
    expect(await operator.exited).toBe(KILLED);
    operator = await env.startOperator({ kubeconfig });
    await env.untilRows(group, foreign);
    await waitUntil(
      'the binding to be gone',
      async () => (await env.api.find(`${app.bindings()}/web`)) === undefined,
    );
    await app.bind('web', group);
  },
);

function bindingPath(): string {
  return `/apis/${API_VERSION}/namespaces/${app.namespace}/${PLURAL}/web`;
}
