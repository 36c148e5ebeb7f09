import { setTimeout as delay } from 'node:timers/promises';
import { Bed, type Measured, type Result } from '../bed.ts';
import { BARE, BarePods } from './bare-pods.ts';
import { HandmadeServices } from './handmade.ts';
import { CLUSTER_ID } from './prefilled.ts';
import type { Scenario } from './scenario.ts';

const BINDINGS = 500;
const ENDPOINTS = 40;
const QPS = 50;
const BURST = 150;
const CHANGES_PER_SECOND = 50;
const FLAGS = ['--cluster-id', CLUSTER_ID] as const;

/** 500 bindings of 40 pods that are real objects: taken over, after a restart, idle, and under churn. */
export const many: Scenario = {
  name: 'many',
  what: `${BINDINGS} bindings × ${ENDPOINTS} pods: start-up, idle, churn of ${CHANGES_PER_SECOND} changes a second`,
  async run(quick) {
    const bed = await Bed.start(BARE);
    try {
      const made = await BarePods.create(bed, quick ? 50 : BINDINGS, ENDPOINTS);
      const pods = made.groups.size * ENDPOINTS;
      const until = async () => bed.groupsRead() >= made.groups.size && (await bed.podsKnown()) === pods;
      const adopted = await measureStart(bed, 'start-adopts', made, until);
      const started = await measureStart(bed, 'start', made, until);
      await bed.untilBucketIsFull();
      const idle = await bed.measure('idle', {
        groups: made.groups,
        action: () => delay(quick ? 5_000 : 30_000),
        extra: () => ({}),
      });
      const churned = await bed.measure('churn', {
        groups: made.groups,
        action: () => churn(made, quick ? 10 : 60),
        until: () => bed.isSynced(made.groups),
      });
      return [adopted, started, withShare(idle, quick ? 5 : 30), churned];
    } finally {
      await bed.close();
    }
  },
};

/** Starts with empty groups: every endpoint must be added. The endpoints are hand-made and name no pods of this cluster. */
export const manyEmpty: Scenario = {
  name: 'many-empty',
  what: `${BINDINGS} bindings × ${ENDPOINTS} endpoints: start-up with empty groups`,
  async run(quick) {
    const bed = await Bed.start({ controlPlane: { scheduler: false } });
    try {
      const made = await HandmadeServices.create(bed, quick ? 50 : BINDINGS, ENDPOINTS, { prefilled: false });
      return [await measureStart(bed, 'start-empty', made, () => bed.isSynced(made.groups))];
    } finally {
      await bed.close();
    }
  },
};

function measureStart(
  bed: Bed,
  name: string,
  { groups }: Pick<BarePods, 'groups'>,
  until: NonNullable<Measured['until']>,
): Promise<Result> {
  const startedAt = performance.timeOrigin + performance.now();
  const extra = () => {
    const { journal } = bed.env.simulator;
    const arrivals = journal.map(({ arrivedAt }) => arrivedAt).sort((a, b) => a - b);
    const [first = 0] = arrivals;
    const last = Math.max(...journal.map(({ time }) => time));
    const allowed = first + (Math.max(0, arrivals.length - BURST) * 1000) / QPS;
    return {
      'to the first call, ms': Math.round(first - startedAt),
      'to the last reply, s': round((last - startedAt) / 1000),
      'last reply after the bucket allowed its call, s': round((last - allowed) / 1000),
    };
  };
  return bed.measureStart(name, { groups, until, extra }, FLAGS);
}

/** Every other change takes an endpoint out; the next one brings back the endpoint that left a second ago. */
async function churn(made: BarePods, seconds: number): Promise<void> {
  const services = made.groups.size;
  const pending = new Set<Promise<void>>();
  const begin = performance.now();
  for (let i = 0; i < seconds * CHANGES_PER_SECOND; i++) {
    const leaves = i % 2 === 0;
    const turn = Math.floor(i / 2) - (leaves ? 0 : CHANGES_PER_SECOND / 2);
    if (turn >= 0) {
      const change = made
        .setReady(turn % services, Math.floor(turn / services) % ENDPOINTS, !leaves)
        // The API server may be too busy; the other changes go on.
        .catch(() => undefined)
        .finally(() => pending.delete(change));
      pending.add(change);
    }
    const next = begin + ((i + 1) * 1000) / CHANGES_PER_SECOND;
    await delay(Math.max(0, next - performance.now()));
  }
  await Promise.all(pending);
}

function withShare(result: Result, seconds: number): Result {
  return { ...result, extra: { 'CPU, % of a core': round((result.usage.cpuSeconds / seconds) * 100) } };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
