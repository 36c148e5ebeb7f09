import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import type { CallRecorder } from '../../../lab/environment/calls.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';
import { type ScriptedPod, ScriptedPods } from '../../environment/scripted-pods.ts';

let env: Environment;
let app: Workloads;
let web: ScriptedPods;
let group: string;
let calls: CallRecorder;
/** The address that passes from one pod to the next. */
let shared: string;
let old: ScriptedPod;
let other: ScriptedPod;
let tests = 0;
const scenario = scenarios(() => env);
const REMOVE = 'RemoveVServerGroupBackendServers';

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false } });
  await env.startOperator();
}, 120_000);
beforeEach(async () => {
  tests++;
  app = await env.createNamespace('reuse');
  web = await ScriptedPods.create(app, 'web');
  group = env.createGroup();
  shared = `10.91.${tests}.1`;
  old = await web.createPod(shared);
  other = await web.createPod(`10.91.${tests}.2`);
  await web.show([old, other]);
}, 60_000);
afterAll(async () => {
  env?.simulator.faults.clear();
  await env?.close();
});

async function bindWeb(spec: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await app.bind('web', group, spec);
  await untilMembers(old, other);
  calls = env.recordCalls(group);
}

const row = ({ address }: ScriptedPod, weight = 100) => `${address}:8080*${weight}`;
const leaving = (pod: ScriptedPod) => [pod, 'leaving'] as const;

/** Waits until the group holds exactly these pods, and the status names each of them rather than an earlier pod with its address. */
async function untilMembers(...pods: readonly ScriptedPod[]): Promise<void> {
  await env.untilRows(group, pods.map((pod) => row(pod)).sort());
  await untilNamed('web', pods);
  await env.untilStatusTrue(app, 'web', group, { desired: pods.length, registered: pods.length });
}

/** Waits until the binding's status names exactly these pods. */
async function untilNamed(binding: string, pods: readonly ScriptedPod[]): Promise<void> {
  const wanted = pods.map(({ address, name }) => `${address} ${name}`).sort();
  await waitUntil(`${binding} to name ${wanted.join(', ')}`, async () => {
    const { status } = await app.binding(binding);
    const named = (status?.backends ?? []).map(({ serverIp, pod }) => `${serverIp} ${pod}`).sort();
    if (named.join() !== wanted.join()) throw new Error(`it names ${named.join(', ')}`);
    return true;
  });
}

const eniOf = (address: string) =>
  env.simulator.state
    .group(group)
    .rows()
    .find(({ serverIp }) => serverIp === address)?.serverId;

scenario(
  'the next pod of the Service has the address in the same event: its row stays untouched',
  async () => {
    await bindWeb();
    const next = await web.createPod(shared);
    await web.show([next, other]);
    await web.end(old);
    await untilMembers(next, other);
    expect(calls.story()).toEqual([]);
  },
);

scenario('the next pod has the address behind another network interface: its row moves there', async () => {
  await bindWeb();
  const next = await web.createPod(shared);
  env.simulator.state.setEni(shared, 'eni-next');
  await web.show([next, other]);
  await untilMembers(next, other);
  expect(eniOf(shared)).toBe('eni-next');
  expect(calls.story().toSorted()).toEqual([`Add ${shared}:8080`, `Remove ${shared}:8080`]);
});

scenario('the address is free for a while: removed, then added for the next pod', async () => {
  await bindWeb();
  await web.show([other]);
  await env.untilRows(group, [row(other)]);
  await web.end(old);
  env.simulator.state.setEni(shared, 'eni-next');
  const next = await web.createPod(shared);
  await web.show([next, other]);
  await untilMembers(next, other);
  expect(eniOf(shared)).toBe('eni-next');
  expect(calls.story()).toEqual([`Remove ${shared}:8080`, `Add ${shared}:8080`]);
});

scenario(
  'during a drain: the next pod gets the weight back, and the end of the old one takes nothing out',
  async () => {
    await bindWeb({ drain: { seconds: 3600 } });
    await web.show([leaving(old), other]);
    await env.untilRows(group, [row(old, 0), row(other)].sort());
    const next = await web.createPod(shared);
    await web.show([leaving(old), next, other]);
    await untilMembers(next, other);
    await web.end(old);
    await web.show([next, other]);
    await untilMembers(next, other);
    expect(calls.of('Remove')).toEqual([]);
  },
);

scenario(
  'during a drain, behind another network interface: the old row goes, the new one is in',
  async () => {
    await bindWeb({ drain: { seconds: 3600 } });
    await web.show([leaving(old), other]);
    await env.untilRows(group, [row(old, 0), row(other)].sort());
    env.simulator.state.setEni(shared, 'eni-next');
    const next = await web.createPod(shared);
    await web.show([leaving(old), next, other]);
    await untilMembers(next, other);
    expect(eniOf(shared)).toBe('eni-next');
  },
);

scenario('while its removal is under way and not yet done: the live pod ends up in the group', async () => {
  await bindWeb();
  const gate = env.simulator.faults.pause({ action: REMOVE, group });
  await web.show([other]);
  await gate.waitForHeld();
  const next = await web.createPod(shared);
  await web.show([next, other]);
  await web.end(old);
  gate.release();
  await untilMembers(next, other);
  expect(calls.story()).toEqual([`Remove ${shared}:8080`, `Add ${shared}:8080`]);
});

scenario('while its removal is done and not yet answered: the live pod ends up in the group', async () => {
  await bindWeb();
  const gate = env.simulator.faults.pause({ action: REMOVE, group, at: 'after' });
  await web.show([other]);
  await gate.waitForHeld();
  const next = await web.createPod(shared);
  await web.show([next, other]);
  gate.release();
  await untilMembers(next, other);
  expect(calls.story()).toEqual([`Remove ${shared}:8080`, `Add ${shared}:8080`]);
});

scenario('the answer to its removal is lost: the live pod ends up in the group', async () => {
  await bindWeb();
  env.simulator.faults.add({ kind: 'applied-no-reply', action: REMOVE, group, times: 1 });
  await web.show([other]);
  const next = await web.createPod(shared);
  await web.show([next, other]);
  await untilMembers(next, other);
});

scenario('a pod of another Service has the address, in another group: it is there and not here', async () => {
  await bindWeb();
  const api = await ScriptedPods.create(app, 'api');
  const elsewhere = env.createGroup();
  await app.bind('api', elsewhere);
  const next = await api.createPod(shared);
  // The new pod is seen before the old one leaves: for a moment both have the address.
  await api.show([next]);
  await env.untilRows(elsewhere, [row(next)]);
  await web.show([other]);
  await web.end(old);
  await untilMembers(other);
  await untilNamed('api', [next]);
  expect(env.rows(elsewhere)).toEqual([row(next)]);
});

scenario(
  'a pod of another Service has the address, in the same group: the row goes from one binding to the other',
  async () => {
    await bindWeb();
    const api = await ScriptedPods.create(app, 'api');
    await app.bind('api', group);
    await app.untilCondition('api', 'True', 'Synced');
    const next = await api.createPod(shared);
    await api.show([next]);
    await web.show([other]);
    await web.end(old);
    await env.untilRows(group, [row(next), row(other)].sort());
    await untilNamed('api', [next]);
    await untilNamed('web', [other]);
    await api.show([]);
    await untilMembers(other);
  },
);

scenario('one address in two slices is one row; gone from one of them, it stays', async () => {
  await bindWeb();
  await web.show([old], { name: 'web-more' });
  await untilMembers(old, other);
  await web.show([other]);
  await untilMembers(old, other);
  await web.show([], { name: 'web-more' });
  await untilMembers(other);
  expect(calls.story()).toEqual([`Remove ${shared}:8080`]);
});

scenario(
  'two slices tell of one address, in one it leaves and in the other it is ready: it stays',
  async () => {
    await bindWeb();
    await web.show([old], { name: 'web-more' });
    await web.show([leaving(old), other]);
    const third = await web.createPod(`10.91.${tests}.3`);
    await web.show([leaving(old), other, third]);
    await untilMembers(old, other, third);
    expect(calls.story()).toEqual([`Add ${third.address}:8080`]);
  },
);

scenario(
  'endpoints that all terminate but serve stay until something better is there, and do not come back',
  async () => {
    await bindWeb();
    await web.show([[old, 'serving'], other]);
    await untilMembers(other);
    await web.show([
      [old, 'serving'],
      [other, 'serving'],
    ]);
    const api = await ScriptedPods.create(app, 'api');
    await app.bind('api', group);
    const sign = await api.createPod(`10.91.${tests}.9`);
    await api.show([sign]);
    await env.untilRows(group, [row(other), row(sign)].sort());
    await env.untilStatusTrue(app, 'web', group, { desired: 1, registered: 1 });
    const next = await web.createPod(`10.91.${tests}.3`);
    await web.show([[old, 'serving'], [other, 'serving'], next]);
    await env.untilRows(group, [row(next), row(sign)].sort());
    expect(calls.of('Add').flatMap(({ backends }) => backends)).toEqual([
      `${sign.address}:8080`,
      `${next.address}:8080`,
    ]);
  },
);

scenario(
  'pods with IPv4 and IPv6 addresses are members by one of them: IPv4, or what the binding says',
  async () => {
    const v6 = (pod: ScriptedPod, n: number) => ({ ...pod, address: `fd00:91:${tests}::${n}` });
    const [oldV6, otherV6] = [v6(old, 1), v6(other, 2)];
    for (const { address } of [oldV6, otherV6])
      env.simulator.state.setEni(address, `eni-v6-${address.replaceAll(':', '-')}`);
    await bindWeb();
    await web.show([oldV6, otherV6], { name: 'web-v6', addressType: 'IPv6' });
    await untilMembers(old, other);
    await app.patchBinding('web', { spec: { addressFamily: 'IPv6' } });
    await untilMembers(oldV6, otherV6);
    await app.patchBinding('web', { spec: { addressFamily: null } });
    await untilMembers(old, other);
  },
);
