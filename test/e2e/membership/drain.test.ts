import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import type { CallRecorder } from '../../../lab/environment/calls.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';
import { type ScriptedPod, ScriptedPods } from '../../environment/scripted-pods.ts';

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
let web: ScriptedPods;
let group: string;
let calls: CallRecorder;
let tests = 0;
const scenario = scenarios(() => env);

const startOperator = () => env.startOperator({ flags: ['--default-drain-seconds', '3600'] });
const forAnHour = { drain: { seconds: 3600 } };

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false } });
  operator = await startOperator();
}, 120_000);
beforeEach(async () => {
  tests++;
  app = await env.createNamespace('drain');
  web = await ScriptedPods.create(app, 'web');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

/** Waits until `count` pods are all in the group; later calls are in `calls`. */
async function bindPods(
  count: number,
  spec: Readonly<Record<string, unknown>>,
): Promise<readonly ScriptedPod[]> {
  const pods = await web.createPods(`80.${tests}`, count);
  await web.show(pods);
  await app.bind('web', group, spec);
  await env.untilStatusTrue(app, 'web', group, { desired: count, registered: count });
  calls = env.recordCalls(group);
  return pods;
}

const leaving = (pod: ScriptedPod) => [pod, 'leaving'] as const;
const row = ({ address }: ScriptedPod, weight = 100) => `${address}:8080*${weight}`;
const place = ({ address }: ScriptedPod) => `${address}:8080`;
const call = (action: string, ...pods: readonly ScriptedPod[]) =>
  [action, ...pods.map(place).sort()].join(' ');

async function untilHolds(...pods: readonly ScriptedPod[]): Promise<void> {
  await env.untilRows(group, pods.map((pod) => row(pod)).sort());
}

async function untilGone(name: string): Promise<void> {
  await waitUntil(`${name} to be gone`, async () => !(await env.api.find(`${app.bindings()}/${name}`)));
}

scenario(
  'what leaves gets weight 0 in one call at once, and is removed in one call when its time is over',
  async () => {
    const [a, b, c, d] = (await bindPods(4, { drain: { seconds: 2 } })) as [
      ScriptedPod,
      ScriptedPod,
      ScriptedPod,
      ScriptedPod,
    ];
    await web.show([leaving(a), leaving(b), [c, 'serving'], d]);
    await env.untilRows(group, [row(a, 0), row(b, 0), row(c, 0), row(d)].sort());
    const { status } = await env.untilStatusTrue(app, 'web', group, {
      desired: 1,
      registered: 1,
      draining: 3,
    });
    expect(status?.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Reconciling']);
    expect(status?.conditions?.[0]).toMatchObject({ status: 'True', reason: 'Synced' });
    await untilHolds(d);
    expect(calls.story()).toEqual([call('Set', a, b, c), call('Remove', a, b, c)]);
    expect(calls.of('Set')[0]?.weights).toEqual([0, 0, 0]);
    await env.untilStatusTrue(app, 'web', group, { desired: 1, registered: 1, draining: 0 });
  },
);

scenario('the end of a pod ends its drain, by the operator’s default time too', async () => {
  const [a, b, c] = (await bindPods(3, {})) as [ScriptedPod, ScriptedPod, ScriptedPod];
  await web.show([leaving(a), leaving(b), c]);
  await env.untilRows(group, [row(a, 0), row(b, 0), row(c)].sort());
  await web.end(a);
  await env.untilRows(group, [row(b, 0), row(c)].sort());
  expect(calls.story()).toEqual([call('Set', a, b), call('Remove', a)]);
  await env.untilStatusTrue(app, 'web', group, { registered: 1, draining: 1 });
});

scenario('a pod that is gone already has nothing to drain, whatever its slice says', async () => {
  const [a, b] = (await bindPods(2, forAnHour)) as [ScriptedPod, ScriptedPod];
  await web.end(a);
  await untilHolds(b);
  // The pod is terminating before it is gone, if only for a moment.
  expect(calls.of('Remove')).toMatchObject([{ backends: [`${a.address}:8080`] }]);
  expect(calls.of('Add')).toEqual([]);
});

scenario('drain.seconds 0 removes at once, whatever the operator’s default', async () => {
  const [a, b] = (await bindPods(2, { drain: { seconds: 0 } })) as [ScriptedPod, ScriptedPod];
  await web.show([leaving(a), b]);
  await untilHolds(b);
  expect(calls.story()).toEqual([call('Remove', a)]);
});

scenario('a member that returns gets its weight back and stays', async () => {
  const [a, b] = (await bindPods(2, { ...forAnHour, weight: 40 })) as [ScriptedPod, ScriptedPod];
  await web.show([leaving(a), b]);
  await env.untilRows(group, [row(a, 0), row(b, 40)].sort());
  await web.show([a, b]);
  await env.untilRows(group, [row(a, 40), row(b, 40)].sort());
  await env.untilStatusTrue(app, 'web', group, { desired: 2, registered: 2, draining: 0 });
  expect(calls.story()).toEqual([call('Set', a), call('Set', a)]);
});

scenario('a drain goes on where it was after a restart of the operator', async () => {
  const [a, b] = (await bindPods(2, forAnHour)) as [ScriptedPod, ScriptedPod];
  await web.show([leaving(a), b]);
  await env.untilRows(group, [row(a, 0), row(b)].sort());
  const since = async () => {
    const { status } = await env.untilStatusTrue(app, 'web', group, { registered: 1, draining: 1 });
    return status?.backends?.find(({ state }) => state === 'Draining')?.drainingSince;
  };
  const before = await since();
  expect(before).toBeDefined();
  expect(await operator.stop()).toBe(0);
  operator = await startOperator();
  await app.patchBinding('web', { spec: { weight: 99 } });
  await env.untilRows(group, [row(a, 0), row(b, 99)].sort());
  expect(await since()).toBe(before);
  await app.patchBinding('web', { spec: { drain: { seconds: 1 } } });
  await env.untilRows(group, [row(b, 99)]);
  expect(calls.story()).toEqual([call('Set', a), call('Set', b), call('Remove', a)]);
});

scenario('what ended while no operator ran is removed from its drain after the start', async () => {
  const [a, b] = (await bindPods(2, forAnHour)) as [ScriptedPod, ScriptedPod];
  await web.show([leaving(a), b]);
  await env.untilStatusTrue(app, 'web', group, { registered: 1, draining: 1 });
  await operator.stop();
  await web.end(a);
  operator = await startOperator();
  await untilHolds(b);
  expect(calls.story()).toEqual([call('Set', a), call('Remove', a)]);
});

scenario(
  'minBackends: what would leave too few behind is held, told, and released when others are there',
  async () => {
    const [a, b, c] = (await bindPods(3, { minBackends: 2, drain: { seconds: 0 } })) as [
      ScriptedPod,
      ScriptedPod,
      ScriptedPod,
    ];
    await web.show([]);
    const binding = await app.untilCondition('web', 'False', 'HeldByMinBackends');
    const message = binding.status?.conditions?.[0]?.message ?? '';
    expect(message).toMatch(/because spec\.minBackends is 2/);
    await waitUntil('an event that says the same', async () =>
      (await app.events('web')).some((event) => event === `HeldByMinBackends: ${message}`),
    );
    await env.untilStatusTrue(app, 'web', group, { desired: 0, registered: 0 });
    expect(env.rows(group)).toHaveLength(2);
    expect(calls.of('Remove').flatMap(({ backends }) => backends)).toHaveLength(1);
    const [d] = (await web.createPods(`80.${tests}`, 1)) as [ScriptedPod];
    await web.show([a, d]);
    await untilHolds(a, d);
    await app.untilCondition('web', 'True', 'Synced');
    const removed = calls.of('Remove').flatMap(({ backends }) => backends);
    expect(removed).toEqual(expect.arrayContaining([place(b), place(c)]));
  },
);

scenario('minBackends does not hold a binding that is deleted', async () => {
  await bindPods(2, { minBackends: 2, drain: { seconds: 0 } });
  await app.deleteBinding('web');
  await untilGone('web');
  expect(env.rows(group)).toEqual([]);
  expect(calls.of('Remove')).toHaveLength(1);
});

scenario('a binding that is deleted drains its backends first', async () => {
  const [a, b] = (await bindPods(2, { drain: { seconds: 2 } })) as [ScriptedPod, ScriptedPod];
  await app.deleteBinding('web');
  await env.untilRows(group, [row(a, 0), row(b, 0)].sort());
  await app.untilCondition('web', 'False', 'Deleting');
  await untilGone('web');
  expect(env.rows(group)).toEqual([]);
  expect(calls.story()).toEqual([call('Set', a, b), call('Remove', a, b)]);
});

scenario('all pods of a node leave: full batches, in each group', async () => {
  const second = env.createGroup();
  await app.bind('other', second, { serviceRef: { name: 'web', port: 80 }, drain: { seconds: 0 } });
  const pods = await bindPods(45, forAnHour);
  const [stays, ...others] = pods as readonly [ScriptedPod, ...ScriptedPod[]];
  await env.untilRows(second, pods.map((pod) => row(pod)).sort());
  const secondCalls = env.recordCalls(second);
  await web.show([stays, ...others.map(leaving)]);
  await env.untilRows(second, [row(stays)]);
  await env.untilRows(group, [row(stays), ...others.map((pod) => row(pod, 0))].sort());
  expect(calls.writes().map(({ action, backends }) => [action, backends.length])).toEqual([
    ['Set', 20],
    ['Set', 20],
    ['Set', 4],
  ]);
  expect(secondCalls.writes().map(({ action, backends }) => [action, backends.length])).toEqual([
    ['Remove', 20],
    ['Remove', 20],
    ['Remove', 4],
  ]);
  await env.untilStatusTrue(app, 'web', group, { registered: 1, draining: 44 });
  await env.untilStatusTrue(app, 'other', second, { registered: 1, draining: 0 });
});
