// Usage, inside an enclosure: node lab/demo/traffic/rolling-update.ts FILE
// Measures a rolling update with each of VARIANTS and writes what failed, a TrafficResult, to the file.

import { writeFile } from 'node:fs/promises';
import { runScenario } from '../../traffic/run.ts';
import { trials } from '../../traffic/scenarios/trials.ts';
import { startBed } from '../../traffic/stage/bed.ts';
import { OwnOperators } from '../../traffic/stage/operators.ts';
import { type TrafficResult, VARIANTS } from './result.ts';

/** Half of what `make traffic` sends, for machines that are busy with other things, too. */
const LOAD_SHARE = 0.5;

const [, , file = ''] = process.argv;
const bed = await startBed();
try {
  const results: TrafficResult[] = [];
  for (const variant of VARIANTS) {
    const trial = trials.find((one) => one.scenario.name === 'rollout-1' && one.variant === variant);
    if (trial === undefined) throw new Error(`no trial of rollout-1 is called ${variant}`);
    const operators = new OwnOperators(bed.env);
    const { measured } = await runScenario(bed, trial.scenario, variant, operators, LOAD_SHARE);
    const shown = measured.filter(({ backends, load }) => backends === 'eni' && load === 'new');
    const counts = shown.map(({ propagation, requests, failed }) => ({ propagation, requests, failed }));
    results.push({ variant, counts });
  }
  await writeFile(file, JSON.stringify(results));
} finally {
  await bed.close();
}
