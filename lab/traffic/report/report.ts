import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeFigures } from '../../report/figures.ts';
import type { MachineFacts } from '../../report/machine-facts.ts';
import { markdownTable, textTable } from '../../report/tables.ts';
import type { LoadKind, Measured, Outcome } from '../run.ts';
import type { BackendKind } from '../stage/setting.ts';
import { PROPAGATIONS } from '../stage/stage.ts';
import { headlineTable } from './headline.ts';
import { timelineSvg } from './timeline-svg.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

export interface Report {
  readonly date: string;
  readonly machine: MachineFacts;
  readonly outcomes: readonly Outcome[];
  /** Scenarios that did not come to an end, each with its error. */
  readonly failed: readonly { readonly scenario: string; readonly why: string }[];
}

/** bench/traffic.json, a drawing a scenario, and what docs/traffic.md and the README have between their marks. */
export function writeReport(report: Report): void {
  const json = {
    ...report,
    outcomes: report.outcomes.map(({ timeline: _, ...outcome }) => outcome),
  };
  mkdirSync(join(ROOT, 'bench'), { recursive: true });
  writeFileSync(join(ROOT, 'bench/traffic.json'), `${JSON.stringify(json, null, 2)}\n`);
  const folder = join(ROOT, 'docs/traffic');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const outcome of report.outcomes)
    writeFileSync(join(folder, `${fileOf(outcome)}.svg`), timelineSvg(outcome.timeline));
  writeFigures(join(ROOT, 'docs/traffic.md'), 'make traffic', figuresOf(report));
  writeFigures(join(ROOT, 'README.md'), 'make traffic', headlineTable(report.outcomes));
}

function figuresOf({ date, machine, outcomes, failed }: Report): string {
  return [
    `Measured ${date}: ${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; nodes, control plane, load balancer and load on the same cores.`,
    '',
    markdownTable([HEADER, ...rowsOf(outcomes)]),
    '',
    ...(failed.length === 0
      ? []
      : [`Did not come to an end: ${failed.map(({ scenario }) => scenario).join(', ')}.`, '']),
    ...outcomes.flatMap((outcome) => [
      `### ${outcome.scenario}, ${outcome.variant}`,
      '',
      `${capitalized(outcome.what)}.`,
      '',
      `![${outcome.scenario}, ${outcome.variant}](traffic/${fileOf(outcome)}.svg)`,
      '',
    ]),
  ]
    .join('\n')
    .trimEnd();
}

function fileOf({ scenario, variant }: Outcome): string {
  return `${scenario}-${variant.replaceAll(/[^a-z0-9]+/g, '-')}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const HEADER = ['scenario', 'variant', 'backends', 'load', ...PROPAGATIONS.map((s) => `${s} s`)];

/** A line for each scenario, way to fill the group and load; a column for each propagation: failed of all, and by what. */
export function rowsOf(outcomes: readonly Outcome[]): readonly (readonly string[])[] {
  return outcomes.flatMap(({ scenario, variant, measured }) =>
    kindsOf(measured).map(([backends, load]) => [
      scenario,
      variant,
      backends,
      load,
      ...PROPAGATIONS.map((propagation) =>
        cell(
          measured.find((m) => m.backends === backends && m.load === load && m.propagation === propagation),
        ),
      ),
    ]),
  );
}

function kindsOf(measured: readonly Measured[]): readonly (readonly [BackendKind, LoadKind])[] {
  const kinds = new Map(
    measured.map(({ backends, load }) => [`${backends} ${load}`, [backends, load] as const]),
  );
  return [...kinds.values()];
}

function cell(measured: Measured | undefined): string {
  if (measured === undefined) return '–';
  const { requests, failed, causes } = measured;
  if (failed === 0) return `0 of ${requests}`;
  const parts = Object.entries(causes).map(([cause, count]) => `${count} ${cause}`);
  return `${failed} of ${requests} (${parts.join(', ')})`;
}

/** For a terminal. */
export function outcomeTable(outcomes: readonly Outcome[]): string {
  return textTable([HEADER, ...rowsOf(outcomes)]);
}
