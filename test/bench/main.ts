// `npm run bench`: measures, prints a table, writes bench/results.json and docs/performance.md.
// SCENARIO=name[,name] runs only those and writes nothing; QUICK=1 makes each as short as it can be.
// PROFILE=dir leaves a CPU profile of each operator there.
import { LATENCY_MS, type Result } from './bed.ts';
import { bigGroup } from './big-group-scenario.ts';
import { measureColdStarts } from './cold-start.ts';
import { growth } from './growth-scenario.ts';
import { many, manyEmpty } from './many-scenario.ts';
import { nodeScenario } from './node-scenario.ts';
import { benchmarkPlan } from './plan-benchmark.ts';
import { atOnce, busy, oneByOneScenario, rollingRestart } from './pod-scenarios.ts';
import { machineFacts, writeReport } from './report.ts';
import type { Scenario } from './scenario.ts';
import { spacing } from './spacing-scenario.ts';
import { table } from './table.ts';

const scenarios: readonly Scenario[] = [
  oneByOneScenario,
  atOnce,
  rollingRestart,
  busy,
  nodeScenario,
  many,
  manyEmpty,
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
  const plan = benchmarkPlan();
  console.error(
    `planGroup, ${plan.rows} rows: ${plan.sameRows.p50.toFixed(1)} ms, after a reply ${plan.newRows.p50.toFixed(1)} ms, at first ${plan.first.p50.toFixed(1)} ms`,
  );
  const coldStart = await measureColdStarts();
  console.error(`start to the first list: ${coldStart.p50} ms (max ${coldStart.max})`);
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
    // After each one: what was measured is kept when the rest is cut short.
    if (wanted === undefined) {
      const date = new Date().toISOString().slice(0, 10);
      writeReport({ date, machine, quick, latencyMs: LATENCY_MS, plan, coldStart, results, failed });
    }
  }
  console.log(table(results));
  return failed.length === 0 ? 0 : 1;
}
