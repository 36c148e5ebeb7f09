// `npm run bench`: measures, prints a table, and writes bench/results.json and docs/performance.md.
// SCENARIO=name[,name] runs only those and writes nothing; QUICK=1 makes each as short as possible.
// PROFILE=dir writes a CPU profile of each operator there. ASLEEP=1 lets idle cores sleep.
import { machineFacts } from '../report/machine-facts.ts';
import { LATENCY_MS, type Result } from './bed.ts';
import { keepCoresAwake } from './measure/awake-cores.ts';
import { measureColdStarts } from './measure/cold-start.ts';
import { benchmarkPlan } from './plan-benchmark.ts';
import { writeReport } from './report/report.ts';
import { table } from './report/table.ts';
import { bigGroup } from './scenarios/big-group-scenario.ts';
import { frozen } from './scenarios/frozen-scenario.ts';
import { gated, manyGated } from './scenarios/gated-scenario.ts';
import { growth } from './scenarios/growth-scenario.ts';
import { many, manyEmpty } from './scenarios/many-scenario.ts';
import { nodeScenario } from './scenarios/node-scenario.ts';
import { atOnce, busy, oneByOneScenario, rollingRestart } from './scenarios/pod-scenarios.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { spacing } from './scenarios/spacing-scenario.ts';

const scenarios: readonly Scenario[] = [
  oneByOneScenario,
  atOnce,
  rollingRestart,
  busy,
  gated,
  frozen,
  nodeScenario,
  many,
  manyEmpty,
  manyGated,
  bigGroup,
  growth,
  spacing,
];

process.exitCode = await main(process.env['SCENARIO'], process.env['QUICK'] === '1');

async function main(only: string | undefined, quick: boolean): Promise<number> {
  const wanted = only?.split(',');
  const unknown = wanted?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? [];
  if (unknown.length > 0) {
    console.error(
      `No scenario ${unknown.join(', ')}. Scenarios: ${scenarios.map(({ name }) => name).join(', ')}`,
    );
    return 2;
  }
  const machine = machineFacts();
  const apart = wanted === undefined ? await measureApart() : undefined;
  const letSleep = process.env['ASLEEP'] === '1' ? () => undefined : keepCoresAwake();
  const results: Result[] = [];
  const failed: string[] = [];
  for (const scenario of scenarios) {
    if (wanted !== undefined && !wanted.includes(scenario.name)) continue;
    console.error(`${scenario.name}: ${scenario.what}`);
    try {
      results.push(...(await scenario.run(quick)));
    } catch (error) {
      failed.push(scenario.name);
      console.error(`${scenario.name} failed:`, error);
    }
    // Written after each scenario, so that results survive if the run is cut short.
    if (apart !== undefined) {
      const date = new Date().toISOString().slice(0, 10);
      writeReport({ date, machine, quick, latencyMs: LATENCY_MS, ...apart, results, failed });
    }
  }
  letSleep();
  console.log(table(results));
  return failed.length === 0 ? 0 : 1;
}

/** What the report says besides the scenarios. */
async function measureApart() {
  const plan = benchmarkPlan();
  console.error(
    `planGroup, ${plan.rows} rows: ${plan.sameRows.p50.toFixed(1)} ms, after a reply ${plan.newRows.p50.toFixed(1)} ms, at first ${plan.first.p50.toFixed(1)} ms`,
  );
  const coldStart = await measureColdStarts();
  console.error(`start to the first list: ${coldStart.p50} ms (max ${coldStart.max})`);
  return { plan, coldStart };
}
