import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { createNodes, untilNodesReady } from '../../../lab/control-plane/nodes.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Pod, Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { seededRandom } from '../../../simulator/state/random.ts';
import { scenarios } from '../../environment/scenario.ts';

/** Set RANDOM_SEED to repeat a run, RANDOM_SECONDS for a longer run. */
const SEED = Number(process.env['RANDOM_SEED'] ?? randomInt(2 ** 31));
const SECONDS = Number(process.env['RANDOM_SECONDS'] ?? 150);
const OPERATIONS_BETWEEN_RESTS = 8;
const APPS = ['one', 'two', 'three'] as const;
const NODES = ['node0', 'node1', 'node2', 'node3'];

let env: Environment;
let operator: OperatorProcess;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({
    controlPlane: { podAddresses: 'recycled' },
    nodes: NODES,
    simulator: { latencyMs: 5, seed: SEED },
  });
}, 120_000);
afterAll(async () => {
  await env?.close();
});

/** Two apps share a group, the third has its own; each group also holds foreign rows. */
interface World {
  readonly cluster: Workloads;
  readonly groupOf: ReadonlyMap<string, string>;
  readonly foreign: ReadonlyMap<string, readonly string[]>;
  readonly replicas: Map<string, number>;
  readonly random: () => number;
}

type Operation = readonly [name: string, run: (world: World) => Promise<void>];

const pick = <T>(random: () => number, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T;
const anApp = ({ random }: World) => pick(random, APPS);

const OPERATIONS: readonly Operation[] = [
  [
    'scale',
    async (world) => {
      const app = anApp(world);
      const replicas = Math.floor(world.random() * 25);
      world.replicas.set(app, replicas);
      await world.cluster.scale(app, replicas);
    },
  ],
  [
    'delete some pods',
    async (world) => {
      const pods = await world.cluster.pods(anApp(world));
      for (const { metadata } of pods.slice(0, Math.floor(world.random() * 5))) {
        await world.cluster.deletePod(metadata.name).catch(ifGone);
      }
    },
  ],
  ['rolling restart', (world) => world.cluster.restart(anApp(world))],
  [
    'node drained, deleted and made again',
    async ({ cluster, random }) => {
      const node = pick(random, NODES);
      const path = `/api/v1/nodes/${node}`;
      await cluster.api.patch(path, { spec: { unschedulable: true } });
      const pods = async () =>
        (await cluster.api.list<Pod>(cluster.path('api/v1', 'pods'))).filter(
          ({ spec }) => spec.nodeName === node,
        );
      // If a node is deleted before its pods, kwok reassigns their addresses while the pods are still alive. A pod that the
      // scheduler was placing there appears after the others were deleted.
      await waitUntil(`the pods on ${node} to go`, async () => {
        const left = await pods();
        for (const { metadata } of left) await cluster.deletePod(metadata.name).catch(ifGone);
        return left.length === 0;
      });
      await cluster.api.delete(path);
      await createNodes(cluster.api, [{ name: node, internalIp: `10.8.0.${NODES.indexOf(node) + 1}` }]);
      await untilNodesReady(cluster.api, [node]);
    },
  ],
  [
    'binding edited',
    async (world) => {
      const spec = {
        weight: 1 + Math.floor(world.random() * 100),
        drain: { seconds: Math.floor(world.random() * 3) },
      };
      await world.cluster.patchBinding(anApp(world), { spec });
    },
  ],
  [
    'suspended for a moment',
    async (world) => {
      const app = anApp(world);
      await world.cluster.patchBinding(app, { spec: { suspend: true } });
      await world.cluster.scale(app, world.replicas.get(app) ?? 0);
      await world.cluster.patchBinding(app, { spec: { suspend: false } });
    },
  ],
  [
    'a row removed by hand',
    async (world) => {
      const group = world.groupOf.get(anApp(world)) ?? '';
      const row = env.simulator.state
        .group(group)
        .rows()
        .find(({ description }) => description.startsWith('vsgb/'));
      if (row !== undefined) env.simulator.state.removeRow(group, row);
    },
  ],
  [
    'the API fails for a while',
    async ({ random }) => {
      const kind = pick(random, ['http-503', 'reset', 'applied-no-reply', 'half-body', 'html-502'] as const);
      env.simulator.faults.add({ kind, times: 1 + Math.floor(random() * 4) });
    },
  ],
  [
    'groups are busy for a while',
    async ({ random }) => {
      const code = pick(random, ['VServerGroupProcessing', 'ServiceIsConfiguring', 'Throttling.User']);
      env.simulator.faults.add({ kind: 'error', code, times: 1 + Math.floor(random() * 4) });
    },
  ],
  [
    'operator killed and started',
    async () => {
      await operator.kill();
      operator = await startOperator();
    },
  ],
];

const ifGone = (error: unknown) => {
  if (!(error instanceof Error && 'status' in error && error.status === 404)) throw error;
};

const startOperator = () => env.startOperator({ flags: ['--resync', '3s', '--cluster-id', 'random'] });

scenario(
  `random operations (RANDOM_SEED=${SEED}): at rest each group holds the cluster's members and others' rows`,
  async () => {
    const world = await createWorld();
    operator = await startOperator();
    const history: string[] = [];
    const end = performance.now() + SECONDS * 1000;
    while (performance.now() < end) {
      for (let i = 0; i < OPERATIONS_BETWEEN_RESTS; i++) {
        const [name, run] = pick(world.random, OPERATIONS);
        history.push(name);
        await run(world);
      }
      env.simulator.faults.clear();
      await untilAtRest(world, history);
    }
    expect(history.length).toBeGreaterThanOrEqual(OPERATIONS_BETWEEN_RESTS);
  },
  (SECONDS + 240) * 1000,
);

async function createWorld(): Promise<World> {
  const cluster = await env.createNamespace('random');
  const shared = env.createGroup();
  const groupOf = new Map([
    ['one', shared],
    ['two', shared],
    ['three', env.createGroup()],
  ]);
  const groups = [...new Set(groupOf.values())];
  const foreign = new Map(groups.map((group) => [group, env.addForeignRows(group)]));
  for (const app of APPS) {
    await cluster.createApp(app, { replicas: 5 });
    await cluster.bind(app, groupOf.get(app) ?? '');
  }
  const replicas = new Map(APPS.map((app) => [app as string, 5]));
  return { cluster, groupOf, foreign, replicas, random: seededRandom(SEED) };
}

async function untilAtRest(world: World, history: readonly string[]): Promise<void> {
  const { cluster } = world;
  try {
    for (const app of APPS) await cluster.untilReady(app, world.replicas.get(app) ?? 0);
    for (const [group, foreign] of world.foreign) {
      await waitUntil(`${group} to equal the cluster`, async () => {
        const wanted = [...foreign];
        for (const app of APPS.filter((name) => world.groupOf.get(name) === group)) {
          const { weight = 100 } = (await cluster.binding(app)).spec;
          for (const address of await cluster.readyAddresses(app)) wanted.push(`${address}:8080*${weight}`);
        }
        expect(env.rows(group)).toEqual(wanted.sort());
        return true;
      });
    }
    for (const app of APPS) await untilTold(cluster, app);
  } catch (error) {
    const told = `RANDOM_SEED=${SEED}, after: ${history.join(', ')}`;
    throw new Error(`${told}\n${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Compares by address: two bindings share a group here, and a row keeps the first binding's tag when the second gets its address. */
async function untilTold(cluster: Workloads, app: string): Promise<void> {
  await waitUntil(`the status of ${app} to name its backends`, async () => {
    const { status } = await cluster.binding(app);
    const told = (status?.backends ?? []).map(({ serverIp }) => serverIp).sort();
    expect(told).toEqual(await cluster.readyAddresses(app));
    expect(status).toMatchObject({ desired: told.length, registered: told.length, draining: 0 });
    return true;
  });
}
