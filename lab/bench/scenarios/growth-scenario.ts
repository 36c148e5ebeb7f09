import { setTimeout as delay } from 'node:timers/promises';
import { Bed, type Result } from '../bed.ts';
import { HandmadeServices } from './handmade.ts';
import { CLUSTER_ID } from './prefilled.ts';
import type { Scenario } from './scenario.ts';

/** The first endpoint of each Service to leave: none that has already left at a smaller size. */
const SIZES = [
  { size: 10, from: 0 },
  { size: 30, from: 10 },
  { size: 100, from: 14 },
  { size: 300, from: 15 },
  { size: 1_000, from: 16 },
];
const ENDPOINTS = 20;
const EVENTS = 100;
const EVENTS_PER_SECOND = 10;

/** The same hundred removals among more and more bindings: their cost must not depend on the number of bindings. */
export const growth: Scenario = {
  name: 'growth',
  what: `${EVENTS} removals among 10 to 1,000 bindings × ${ENDPOINTS} endpoints`,
  async run(quick) {
    const bed = await Bed.start({ controlPlane: { scheduler: false } });
    try {
      const made = await HandmadeServices.create(bed, 0, ENDPOINTS);
      await bed.startOperator('--cluster-id', CLUSTER_ID);
      const results: Result[] = [];
      for (const { size, from } of quick ? SIZES.slice(0, 3) : SIZES) {
        await made.add(size - made.groups.size);
        await bed.untilQuiet(() => bed.isSynced(made.groups));
        await bed.untilBucketIsFull();
        results.push(await measureRemovals(bed, made, size, from));
      }
      return results;
    } finally {
      await bed.close();
    }
  },
};

/** Removes endpoints of the newest bindings: one each, or several if there are few bindings. */
function measureRemovals(bed: Bed, made: HandmadeServices, size: number, from: number): Promise<Result> {
  return bed.measure(`growth-${size}`, {
    groups: made.groups,
    action: async () => {
      for (let event = 0; event < EVENTS; event++) {
        const service = size - 1 - (event % Math.min(size, EVENTS));
        await made.setReady(service, from + Math.floor(event / size), false);
        await delay(1_000 / EVENTS_PER_SECOND);
      }
    },
    until: () => bed.isSynced(made.groups),
  });
}
