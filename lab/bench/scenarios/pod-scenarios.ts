import { setTimeout as delay } from 'node:timers/promises';
import type { Workloads } from '../../environment/workloads.ts';
import { Bed, type Result } from '../bed.ts';
import type { Scenario } from './scenario.ts';

const PODS = 40;
const WRITES = /^(Add|Remove|Set)/;

interface App {
  readonly bed: Bed;
  readonly app: Workloads;
  readonly groups: ReadonlyMap<string, string>;
}

/** One Deployment of 40 pods simulated by kwok, bound to one group and fully synced. */
export async function appOf40(bed: Bed, ...flags: readonly string[]): Promise<App> {
  const app = await bed.env.createNamespace('bench');
  const group = bed.env.createGroup();
  const groups = new Map([[`${app.namespace}/web`, group]]);
  await app.createApp('web', { replicas: PODS });
  await app.bind('web', group);
  await bed.startOperator(...flags);
  await app.untilReady('web', PODS);
  await bed.untilSynced(groups, PODS);
  return { bed, app, groups };
}

async function with40(flags: readonly string[], run: (parts: App) => Promise<Result>): Promise<Result[]> {
  const bed = await Bed.start();
  try {
    return [await run(await appOf40(bed, ...flags))];
  } finally {
    await bed.close();
  }
}

async function oneByOne(app: Workloads, leavers: number): Promise<void> {
  for (let left = 1; left <= leavers; left++) {
    await app.scale('web', PODS - left);
    await delay(1_000);
  }
}

export const oneByOneScenario: Scenario = {
  name: 'one-by-one',
  what: '20 of 40 pods leave, one each second',
  run: (quick) =>
    with40([], ({ bed, app, groups }) =>
      bed.measure('one-by-one', {
        groups,
        action: () => oneByOne(app, quick ? 3 : 20),
        until: () => bed.isSynced(groups),
      }),
    ),
};

export const atOnce: Scenario = {
  name: 'at-once',
  what: '40 of 40 pods leave at once',
  run: () => with40([], (parts) => measureAtOnce('at-once', parts)),
};

function measureAtOnce(name: string, { bed, app, groups }: App): Promise<Result> {
  return bed.measure(name, {
    groups,
    action: () => app.scale('web', 0),
    until: () => bed.watcher.bySlices.of(`${app.namespace}/web`).length === 0 && bed.isSynced(groups),
  });
}

export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  what: 'rolling restart of 40 pods',
  run: () => with40([], (parts) => measureRestart('rolling-restart', parts)),
};

export function measureRestart(name: string, { bed, app, groups }: App): Promise<Result> {
  return bed.measure(name, {
    groups,
    action: async () => {
      await app.restart('web');
      await app.untilReady('web', PODS);
    },
    until: () => bed.isSynced(groups),
  });
}

export const busy: Scenario = {
  name: 'busy',
  what: '20 leave one by one, 20 % of the writes answered ServiceIsConfiguring',
  run: (quick) =>
    with40([], ({ bed, app, groups }) => {
      bed.env.simulator.faults.add({
        kind: 'error',
        code: 'ServiceIsConfiguring',
        probability: 0.2,
        when: ({ action }) => WRITES.test(action),
      });
      let leftAfter2s = Number.NaN;
      return bed.measure('busy', {
        groups,
        action: async () => {
          await oneByOne(app, quick ? 3 : 20);
          await delay(1_000);
          const [[service, group] = ['', '']] = groups;
          const alive = new Set(bed.watcher.bySlices.of(service));
          const rows = bed.env.simulator.state.group(group).rows();
          leftAfter2s = rows.filter(({ serverIp }) => !alive.has(serverIp)).length;
        },
        until: () => bed.isSynced(groups),
        extra: () => ({
          'left after 2 s': leftAfter2s,
          'busy answers': bed.env.simulator.journal.filter(({ code }) => code !== 'OK').length,
        }),
      });
    }),
};
