import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { type Binding, GATED, type Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { HOLD_ANNOTATION, WEIGHT_ANNOTATION } from '../../../src/api/names.ts';
import { scenarios } from '../../environment/scenario.ts';

/** Results in a hold of 5 s. */
const SHORTEST = { drain: { seconds: 0, propagationSeconds: 0 } };

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
  await allowGates(env.api);
  operator = await env.startOperator();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('hold');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

/** The spec of pods whose container runs this before it is stopped. */
function podSpec(preStop: object | undefined, terminationGracePeriodSeconds = 6): Record<string, unknown> {
  const container = { name: 'app', image: 'app', ports: [{ name: 'http', containerPort: 8080 }] };
  return {
    terminationGracePeriodSeconds,
    containers: [{ ...container, ...(preStop && { lifecycle: { preStop } }) }],
  };
}

const sleep = (seconds: number) => ({ sleep: { seconds } });
const injected = (seconds: number) => ({ [HOLD_ANNOTATION]: String(seconds) });

/** Rolls the Deployment out with this pod spec. */
async function roll(name: string, replicas: number, spec: Record<string, unknown>): Promise<void> {
  const deployment = `${app.path('apis/apps/v1', 'deployments')}/${name}`;
  await app.api.patch(deployment, { spec: { template: { spec } } });
  await app.untilReady(name, replicas);
}

type Told = Pick<NonNullable<Binding['status']>, 'holdSeconds' | 'podsWithoutHold' | 'podsWithoutGate'>;

async function untilTold(name: string, wanted: Told): Promise<void> {
  const tells = (told: Told = {}) => [told.holdSeconds, told.podsWithoutHold, told.podsWithoutGate].join();
  await waitUntil(`the status of ${name} to tell ${tells(wanted)}`, async () => {
    const told = tells((await app.binding(name)).status);
    if (told !== tells(wanted)) throw new Error(`it tells ${told}`);
    return true;
  });
}

const metric = (what: 'hold' | 'gate', name: string) =>
  operator.metric(`vsgb_binding_pods_without_${what}{namespace="${app.namespace}",name="${name}"}`);

const tooShort = async (name: string) =>
  (await app.events(name)).filter((event) => event.startsWith('HoldTooShort'));

scenario(
  'a rollout to pods with a hold, and back: the status counts those without, and so does the metric',
  async () => {
    await app.createApp('web', { replicas: 3, podSpec: podSpec(undefined) });
    await app.bind('web', group, SHORTEST);
    await untilTold('web', { holdSeconds: 5, podsWithoutHold: 3 });
    expect(await metric('hold', 'web')).toBe(3);
    await roll('web', 3, podSpec(sleep(5)));
    await untilTold('web', { holdSeconds: 5, podsWithoutHold: 0 });
    expect(await metric('hold', 'web')).toBe(0);
    expect(await metric('gate', 'web')).toBeUndefined();
    await roll('web', 3, podSpec(sleep(4)));
    await untilTold('web', { holdSeconds: 5, podsWithoutHold: 3 });
    await app.deleteBinding('web');
    await waitUntil('the metric to go', async () => (await metric('hold', 'web')) === undefined);
  },
);

scenario(
  'a longer drain: the holds of before are too short, which an event says once for all of them',
  async () => {
    await app.createApp('web', { replicas: 3, podSpec: podSpec(sleep(5)), annotations: injected(5) });
    await app.bind('web', group, SHORTEST);
    await untilTold('web', { holdSeconds: 5, podsWithoutHold: 0 });
    await app.patchBinding('web', { spec: { drain: { seconds: 7, propagationSeconds: 3 } } });
    await untilTold('web', { holdSeconds: 15, podsWithoutHold: 3 });
    await waitUntil('the event', async () => (await tooShort('web')).length > 0);
    await app.restart('web');
    await env.untilHolds(group, await app.untilReady('web', 3));
    await untilTold('web', { holdSeconds: 15, podsWithoutHold: 3 });
    expect(await tooShort('web')).toEqual([
      expect.stringMatching(/^HoldTooShort: 3 pods are held for less than the 15 s .*\(5 s, annotated 5\)/),
    ]);
  },
);

scenario('a grace period shorter than the hold: refused by the API server, or counted and told', async () => {
  const exec = { exec: { command: ['/bin/sleep', '60'] } };
  await app.createApp('web', { replicas: 2, podSpec: podSpec(exec, 4), annotations: injected(5) });
  await app.bind('web', group, SHORTEST);
  await untilTold('web', { holdSeconds: 5, podsWithoutHold: 2 });
  await waitUntil('the event', async () => (await tooShort('web')).length > 0);
  expect((await tooShort('web'))[0]).toMatch(/\(4 s, annotated 5\).*terminationGracePeriodSeconds/);
  const create = async (name: string, spec: object) =>
    await app.api.create(app.path('api/v1', 'pods'), { kind: 'Pod', metadata: { name }, spec });
  await expect(create('short', podSpec(sleep(5), 4))).rejects.toThrow(
    /sleep: Invalid value: 5: .* terminationGracePeriodSeconds \(4\)/,
  );
  await create('as-long', podSpec(sleep(5), 5));
});

scenario('pods that change, and a new operator, write no status', async () => {
  await app.createApp('web', { replicas: 2, podSpec: podSpec(sleep(5)) });
  await app.createApp('other', { replicas: 1 });
  const others = env.createGroup();
  await app.bind('web', group, SHORTEST);
  await app.bind('other', others);
  await env.untilHolds(group, await app.untilReady('web', 2));
  await env.untilHolds(others, await app.untilReady('other', 1));
  await untilTold('web', { holdSeconds: 5, podsWithoutHold: 0 });
  // Pending writes are written when the process ends.
  await operator.stop();
  const before = (await app.untilCondition('web', 'True', 'Synced')).metadata.resourceVersion;
  operator = await env.startOperator();
  for (const pod of await app.pods('web'))
    await app.api.patch(`${app.path('api/v1', 'pods')}/${pod.metadata.name}`, {
      metadata: { annotations: { touched: 'yes' } },
    });
  // On the same watch, and after those pods: once the operator has acted on this pod, it has seen them.
  const [other] = await app.pods('other');
  await app.api.patch(`${app.path('api/v1', 'pods')}/${other?.metadata.name}`, {
    metadata: { annotations: { [WEIGHT_ANNOTATION]: '7' } },
  });
  await waitUntil('the weight of the other pod', () => env.rows(others).every((row) => row.endsWith('*7')));
  await operator.stop();
  expect((await app.binding('web')).metadata.resourceVersion).toBe(before);
  operator = await env.startOperator();
});

scenario('with --readiness-gates pods without the gate are counted', async () => {
  await operator.stop();
  operator = await env.startOperator({ flags: ['--readiness-gates'] });
  await app.createApp('web', { replicas: 2, podSpec: podSpec(sleep(5)) });
  await app.bind('web', group, SHORTEST);
  await untilTold('web', { holdSeconds: 5, podsWithoutHold: 0, podsWithoutGate: 2 });
  expect(await metric('gate', 'web')).toBe(2);
  await roll('web', 2, { ...podSpec(sleep(5)), ...GATED });
  await untilTold('web', { holdSeconds: 5, podsWithoutHold: 0, podsWithoutGate: 0 });
  expect(await metric('gate', 'web')).toBe(0);
});
