// `npm run traffic`: real nodes, real traffic, and the requests that fail. Prints a table; writes docs/traffic.md, a drawing per
// scenario in docs/traffic, and bench/traffic.json.
// SCENARIO=name[,name] runs only those, VARIANT=name only that, and QUICK=1 a few; these write nothing, unless UPDATE=1 replaces
// the existing figures of what was measured. OPERATOR=command measures another operator.

import { isEnclosed } from '../nodes/enclosure/enclosure.ts';
import { ensureNeeds, RealNodesNeed } from '../nodes/enclosure/needs.ts';
import { runEnclosed } from '../nodes/enclosure/run-enclosed.ts';
import { locateNodePrograms } from '../nodes/programs/programs.ts';
import { machineFacts } from '../report/machine-facts.ts';
import { buildTrafficPrograms } from './programs.ts';
import {
  type Measurement,
  outcomeTable,
  type Report,
  type Unfinished,
  updateReport,
  writeReport,
} from './report/report.ts';
import { runScenario } from './run.ts';
import { type Trial, trials } from './scenarios/trials.ts';
import { startBed } from './stage/bed.ts';
import { ForeignOperators, type Operators, OwnOperators } from './stage/operators.ts';

if (process.argv.includes('--build-only')) await buildAll();
else
  process.exitCode = await main({
    scenarios: process.env['SCENARIO']?.split(','),
    variant: process.env['VARIANT'],
    quick: process.env['QUICK'] === '1',
    update: process.env['UPDATE'] === '1',
    operator: process.env['OPERATOR'],
  });

interface Wanted {
  readonly scenarios: readonly string[] | undefined;
  readonly variant: string | undefined;
  readonly quick: boolean;
  readonly update: boolean;
  readonly operator: string | undefined;
}

async function main({ scenarios, variant, quick, update, operator }: Wanted): Promise<number> {
  const names = new Set(trials.map(({ scenario }) => scenario.name));
  const unknown = scenarios?.filter((name) => !names.has(name)) ?? [];
  if (unknown.length > 0) {
    console.error(`No scenario ${unknown.join(', ')}. Scenarios: ${[...names].join(', ')}`);
    return 2;
  }
  const variants = new Set(trials.map((trial) => trial.variant));
  if (variant !== undefined && !variants.has(variant)) {
    console.error(`No variant ${variant}. Variants: ${[...variants].join(', ')}`);
    return 2;
  }
  if (!isEnclosed()) return await enclosed();
  const chosen = trials.filter(
    ({ scenario, variant: its, quick: isQuick }) =>
      (scenarios?.includes(scenario.name) ?? true) &&
      (variant === undefined || its === variant) &&
      (!quick || scenarios !== undefined || isQuick) &&
      // Other operators do not open our gates.
      (operator === undefined || scenario.gateAndHold === undefined),
  );
  const report = await measure(chosen, operator);
  console.log(`\n${outcomeTable(report.outcomes)}`);
  for (const { scenario, why } of report.failed)
    console.error(`\n${scenario} did not come to an end: ${why}`);
  const isWhole = scenarios === undefined && variant === undefined && !quick;
  if (operator === undefined && isWhole) writeReport(report);
  else if (operator === undefined && update)
    updateReport(
      report,
      trials.map(({ scenario, variant: its }) => ({ scenario: scenario.name, variant: its })),
    );
  return report.failed.length === 0 ? 0 : 1;
}

/** For tests, whose time limits leave no time for building. */
async function buildAll(): Promise<void> {
  await buildTrafficPrograms();
  try {
    await ensureNeeds();
    await locateNodePrograms();
  } catch (error) {
    if (!(error instanceof RealNodesNeed)) throw error;
    console.error(error.message);
  }
}

async function enclosed(): Promise<number> {
  try {
    await buildTrafficPrograms();
    return await runEnclosed([process.execPath, ...process.argv.slice(1)]);
  } catch (error) {
    if (!(error instanceof RealNodesNeed)) throw error;
    console.error(error.message);
    return 1;
  }
}

async function measure(chosen: readonly Trial[], operator: string | undefined): Promise<Report> {
  const outcomes: Measurement[] = [];
  const failed: Unfinished[] = [];
  const machine = machineFacts();
  const bed = await startBed();
  try {
    for (const { scenario, variant } of chosen) {
      const operators: Operators =
        operator === undefined ? new OwnOperators(bed.env) : new ForeignOperators(bed.env, operator);
      console.log(`${scenario.name}, ${variant}: ${scenario.what}`);
      try {
        const outcome = await runScenario(bed, scenario, variant, operators);
        outcomes.push({ date: new Date().toISOString().slice(0, 10), ...outcome });
        console.log([outcomeTable([outcome]), ...outcome.failures, `${outcome.seconds} s`].join('\n'));
      } catch (error) {
        failed.push({ scenario: scenario.name, why: String(error) });
        console.error(`${scenario.name}: ${error}\n${await bed.env.operatorLogs(30)}\n${bed.nodes.logs(10)}`);
      }
    }
  } finally {
    await bed.close();
  }
  return { machine, outcomes, failed };
}
