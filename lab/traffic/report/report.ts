import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeFigures } from '../../report/figures.ts';
import type { MachineFacts } from '../../report/machine-facts.ts';
import { markdownTable, textTable } from '../../report/tables.ts';
import { CAUSES, type FailureCause } from '../load/results.ts';
import type { LoadKind, Measured, Outcome } from '../run.ts';
import type { BackendKind } from '../stage/setting.ts';
import { PROPAGATIONS } from '../stage/stage.ts';
import { type Counted, headline, measuredOn } from './headline.ts';
import { type Timeline, timelineSvg } from './timeline-svg.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const FIGURES = join(ROOT, 'bench/traffic.json');
const DRAWINGS = join(ROOT, 'docs/traffic');

/** The part of an outcome that is kept for later reports. */
export interface Kept extends Omit<Outcome, 'timeline' | 'failures'> {
  /** The day of the measurement, for example 2026-11-28. */
  readonly date: string;
}

export interface Measurement extends Kept {
  readonly timeline: Timeline;
}

/** A scenario that did not finish, and its error. */
export interface Unfinished {
  readonly scenario: string;
  readonly why: string;
}

export interface Report {
  readonly machine: MachineFacts;
  readonly outcomes: readonly Measurement[];
  readonly failed: readonly Unfinished[];
}

type KeptReport = Omit<Report, 'outcomes'> & { readonly outcomes: readonly Kept[] };

/** Writes bench/traffic.json, a drawing per scenario, and the marked sections of docs/traffic.md and the README. */
export function writeReport(report: Report): void {
  rmSync(DRAWINGS, { recursive: true, force: true });
  write(report, report.outcomes);
}

/** Like writeReport, but keeps the outcomes that were not measured this time. `order`: all scenarios and variants, as in trials.ts. */
export function updateReport(report: Report, order: readonly Pick<Kept, 'scenario' | 'variant'>[]): void {
  const former: KeptReport = JSON.parse(readFileSync(FIGURES, 'utf8'));
  write({ ...report, outcomes: merge(former.outcomes, report.outcomes, order) }, report.outcomes);
}

/** Merges the outcomes in that order; leaves out what is in neither list or not in `order`. */
export function merge(
  former: readonly Kept[],
  latter: readonly Kept[],
  order: readonly Pick<Kept, 'scenario' | 'variant'>[],
): readonly Kept[] {
  return order.flatMap(({ scenario, variant }) => {
    const isIt = (one: Kept) => one.scenario === scenario && one.variant === variant;
    const found = latter.find(isIt) ?? former.find(isIt);
    return found === undefined ? [] : [found];
  });
}

function write(report: KeptReport, drawn: readonly Measurement[]): void {
  const outcomes = report.outcomes.map((one) => ({ ...one, timeline: undefined, failures: undefined }));
  mkdirSync(dirname(FIGURES), { recursive: true });
  writeFileSync(FIGURES, `${JSON.stringify({ ...report, outcomes }, null, 2)}\n`);
  mkdirSync(DRAWINGS, { recursive: true });
  for (const outcome of drawn)
    writeFileSync(join(DRAWINGS, `${fileOf(outcome)}.svg`), timelineSvg(outcome.timeline));
  writeFigures(join(ROOT, 'docs/traffic.md'), 'make traffic', figuresOf(report));
  writeFigures(join(ROOT, 'README.md'), 'make traffic', headline(report.outcomes));
}

/** A section for each scenario: what happens, and the figures of its variants, each with a link to its drawing. */
export function figuresOf({ machine, outcomes, failed }: KeptReport): string {
  const scenarios = [...new Set(outcomes.map(({ scenario }) => scenario))];
  return [
    `${measuredOn(outcomes)}: ${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; nodes, control plane, load balancer and load on the same cores.`,
    '',
    ...(failed.length === 0
      ? []
      : [`Did not come to an end: ${failed.map(({ scenario }) => scenario).join(', ')}.`, '']),
    ...scenarios.flatMap((scenario) => {
      const variants = outcomes.filter((one) => one.scenario === scenario);
      return [
        `### ${scenario}`,
        '',
        `${capitalized(variants[0]?.what ?? '')}.`,
        '',
        markdownTable(sideBySide(variants)),
        '',
      ];
    }),
  ]
    .join('\n')
    .trimEnd();
}

function fileOf({ scenario, variant }: Pick<Kept, 'scenario' | 'variant'>): string {
  return `${scenario}-${variant.replaceAll(/[^a-z0-9]+/g, '-')}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const HEADER = ['scenario', 'variant', 'backends', 'load', ...PROPAGATIONS.map((s) => `${s} s`)];

/** The variants of one scenario: a row for each combination of backends and load, a column for each variant. */
export function sideBySide(variants: readonly Counted[]): readonly (readonly string[])[] {
  const lines = new Map(
    variants.flatMap(({ measured }) => kindsOf(measured).map((kind) => [kind.join(' '), kind] as const)),
  );
  return [
    ['backends, load', ...variants.map((one) => `[${one.variant}](traffic/${fileOf(one)}.svg)`)],
    ...[...lines.values()].map(([backends, load]) => [
      `${backends}, ${load}`,
      ...variants.map(({ measured }) => together(ofEachPropagation(measured, backends, load))),
    ]),
  ];
}

/** Failures for each propagation time, the number of requests, and failures other than resets: `2/0/9 (99–100), 1/0/0 timeout`. */
function together(found: readonly (Measured | undefined)[]): string {
  const counted = found.filter((one) => one !== undefined);
  if (counted.length === 0) return '–';
  const each = (count: (one: Measured) => number) =>
    found.map((one) => (one === undefined ? '–' : count(one))).join('/');
  const requests = counted.map((one) => one.requests);
  const [least, most] = [Math.min(...requests), Math.max(...requests)];
  const causes = new Set(counted.flatMap((one) => othersOf(one).map(([cause]) => cause)));
  return [
    `${each(({ failed }) => failed)} (${least === most ? most : `${least}–${most}`})`,
    ...[...causes].map((cause) => `${each((one) => one.causes[cause] ?? 0)} ${cause}`),
  ].join(', ');
}

/** A row for each scenario, kind of backends and load; a column for each propagation time: failed/all, and failures other than resets. */
export function rowsOf(outcomes: readonly Counted[]): readonly (readonly string[])[] {
  return outcomes.flatMap(({ scenario, variant, measured }) =>
    kindsOf(measured).map(([backends, load]) => [
      scenario,
      variant,
      backends,
      load,
      ...ofEachPropagation(measured, backends, load).map(cell),
    ]),
  );
}

function ofEachPropagation(
  measured: readonly Measured[],
  backends: BackendKind,
  load: LoadKind,
): readonly (Measured | undefined)[] {
  return PROPAGATIONS.map((propagation) =>
    measured.find((m) => m.backends === backends && m.load === load && m.propagation === propagation),
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
  const { requests, failed } = measured;
  return [`${failed}/${requests}`, ...othersOf(measured).map(([cause, count]) => `${count} ${cause}`)].join(
    ', ',
  );
}

/** Failures other than resets. */
function othersOf({ causes }: Measured): readonly (readonly [FailureCause, number])[] {
  return CAUSES.flatMap((cause) => {
    const count = causes[cause];
    return cause === 'reset' || count === undefined ? [] : [[cause, count] as const];
  });
}

/** For a terminal. */
export function outcomeTable(outcomes: readonly Counted[]): string {
  return textTable([HEADER, ...rowsOf(outcomes)]);
}
