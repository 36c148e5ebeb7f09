import { waitUntil } from '../../time/wait-until.ts';
import { Bed } from '../bed.ts';
import { type Summary, summarize } from './statistics.ts';

const STARTS = 7;

/** From the start of the process to its first complete list, in milliseconds, according to the operator's own log. */
export async function measureColdStarts(): Promise<Summary> {
  const controlPlane = { scheduler: false, controllerManager: false, kwok: false };
  const bed = await Bed.start({ controlPlane, nodes: [] });
  try {
    const durations: number[] = [];
    for (let start = 0; start < STARTS; start++) {
      const startedAt = Date.now();
      const operator = await bed.env.startOperator({ untilReady: false });
      const listed = await waitUntil('the first list', async () =>
        (await operator.lines()).find(({ message }) => message === 'Listed'),
      );
      durations.push(Date.parse(listed.time) - startedAt);
      await operator.stop();
    }
    // The first start built the bundle, or checked that it was up to date.
    return summarize(durations.slice(1));
  } finally {
    await bed.close();
  }
}
