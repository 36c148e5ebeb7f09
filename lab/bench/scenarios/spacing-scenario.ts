import { Bed, type Result } from '../bed.ts';
import { appOf40, measureRestart } from './pod-scenarios.ts';
import type { Scenario } from './scenario.ts';

const SPACINGS = ['0ms', '25ms', '50ms', '100ms', '200ms'];

/** Calls against delay: the rolling restart with other --write-spacing values. */
export const spacing: Scenario = {
  name: 'spacing',
  what: 'rolling restart of 40 pods with --write-spacing 0 to 200 ms',
  async run(quick) {
    const bed = await Bed.start();
    try {
      const parts = await appOf40(bed);
      const results: Result[] = [];
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        for (const value of quick ? SPACINGS.slice(3) : SPACINGS) {
          await bed.startOperator('--write-spacing', value);
          await bed.untilQuiet(() => bed.isSynced(parts.groups));
          results.push(await measureRestart(`spacing-${value}`, parts));
        }
      }
      return results;
    } finally {
      await bed.close();
    }
  },
};
