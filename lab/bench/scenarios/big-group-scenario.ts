import { setTimeout as delay } from 'node:timers/promises';
import { Bed } from '../bed.ts';
import { HandmadeServices } from './handmade.ts';
import { CLUSTER_ID } from './prefilled.ts';
import type { Scenario } from './scenario.ts';

const ENDPOINTS = 10_000;

/** One Service of 10,000 endpoints in one group: every reply of the API lists all of them. */
export const bigGroup: Scenario = {
  name: 'big-group',
  what: '10,000 endpoints in one group: 20 leave one by one, then 100 at once',
  async run(quick) {
    const bed = await Bed.start({ controlPlane: { scheduler: false } });
    try {
      const made = await HandmadeServices.create(bed, 1, ENDPOINTS);
      const { groups } = made;
      const until = () => bed.isSynced(groups);
      const read = () => bed.env.simulator.journal.some(({ action }) => action.startsWith('DescribeV'));
      const started = await bed.measureStart('big-group-start', { groups, until: read }, [
        '--cluster-id',
        CLUSTER_ID,
      ]);
      await bed.untilBucketIsFull();
      const single = await bed.measure('big-group-one-by-one', {
        groups,
        action: async () => {
          for (let endpoint = 0; endpoint < (quick ? 3 : 20); endpoint++) {
            await made.setReady(0, endpoint, false);
            await delay(1_000);
          }
        },
        until,
      });
      const atOnce = await bed.measure('big-group-at-once', {
        groups,
        action: () => made.emptySlice(0, 50),
        until,
      });
      return [started, single, atOnce];
    } finally {
      await bed.close();
    }
  },
};
