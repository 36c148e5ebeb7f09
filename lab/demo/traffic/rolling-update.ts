// Usage, inside an enclosure: node lab/demo/traffic/rolling-update.ts FILE
// Measures a rolling update with each of COMPARED and writes the failures, a TrafficResult, to the file.

import { writeFile } from 'node:fs/promises';
import { HALF_LOAD, runScenario } from '../../traffic/run.ts';
import { COMPARED } from '../../traffic/scenarios/help.ts';
import { trialOf } from '../../traffic/scenarios/trials.ts';
import { startBed } from '../../traffic/stage/bed.ts';
import { OwnOperators } from '../../traffic/stage/operators.ts';
import type { TrafficResult } from './result.ts';

const [, , file = ''] = process.argv;
const bed = await startBed();
try {
  const results: TrafficResult[] = [];
  for (const variant of COMPARED) {
    const { scenario } = trialOf('rollout-1', variant);
    const { measured } = await runScenario(bed, scenario, variant, new OwnOperators(bed.env), HALF_LOAD);
    const shown = measured.filter(({ backends, load }) => backends === 'eni' && load === 'new');
    const counts = shown.map(({ propagation, requests, failed }) => ({ propagation, requests, failed }));
    results.push({ variant, counts });
  }
  await writeFile(file, JSON.stringify(results));
} finally {
  await bed.close();
}
