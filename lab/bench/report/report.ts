import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeFigures } from '../../report/figures.ts';
import type { MachineFacts } from '../../report/machine-facts.ts';
import { markdownTable } from '../../report/tables.ts';
import type { Result } from '../bed.ts';
import { groupBy, type Summary, summarize } from '../measure/statistics.ts';
import type { PlanBenchmark } from '../plan-benchmark.ts';
import { headline, headlineOf } from './headline.ts';
import { bars, plot } from './plot.ts';
import { ms, pageRows } from './table.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

export interface Report {
  readonly date: string;
  readonly machine: MachineFacts;
  readonly quick: boolean;
  readonly latencyMs: number;
  readonly plan: PlanBenchmark;
  readonly coldStart: Summary;
  readonly results: readonly Result[];
  /** Scenarios that did not finish. */
  readonly failed: readonly string[];
}

/** Writes bench/results.json, the plots, and the marked sections of docs/performance.md and the README. */
export function writeReport(report: Report): void {
  mkdirSync(join(ROOT, 'bench'), { recursive: true });
  mkdirSync(join(ROOT, 'docs/performance'), { recursive: true });
  writeFileSync(join(ROOT, 'bench/results.json'), `${JSON.stringify(report, rounded, 2)}\n`);
  const plots = plotsOf(report.results);
  for (const [name, drawing] of plots) writeFileSync(join(ROOT, `docs/performance/${name}.svg`), drawing);
  const figures = figuresOf(
    report,
    plots.map(([name]) => name),
  );
  writeFigures(join(ROOT, 'docs/performance.md'), 'npm run bench', figures);
  writeFigures(join(ROOT, 'README.md'), 'npm run bench', headline(report.date, report.results));
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
}

function figuresOf(report: Report, plots: readonly string[]): string {
  const { machine, plan, coldStart, results } = report;
  const own = results.filter(({ scenario }) => !/^(growth|spacing)-/.test(scenario));
  return [
    `Measured ${report.date}${report.quick ? ', in the quick form' : ''}: ${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; each API call answered after ${report.latencyMs} ms. Control plane, simulator and watcher run on the same cores.`,
    '',
    markdownTable(pageRows(own)),
    '',
    ...(report.failed.length > 0 ? [`Did not come to an end: ${report.failed.join(', ')}.`, ''] : []),
    `\`planGroup\` alone, ${plan.rows} rows of which ${plan.leavers} left: ${ms(plan.sameRows.p50)} ms (p90 ${ms(plan.sameRows.p90)}) after an event, ${ms(plan.newRows.p50)} ms (p90 ${ms(plan.newRows.p90)}) after a reply, ${ms(plan.first.p50)} ms for the first plan of a group. From the start of the process to its first list: ${coldStart.p50} ms (median of ${coldStart.n}, longest ${coldStart.max}).`,
    '',
    ...plots.map((name) => `![${name}](performance/${name}.svg)`),
  ].join('\n');
}

function plotsOf(results: readonly Result[]): readonly (readonly [string, string])[] {
  const plots: [string, string][] = [];
  const shown = headlineOf(results);
  if (shown.length > 0) {
    const delays = shown.flatMap(({ result: { scenario, podDelays, bare } }) => [
      { label: `${scenario}: p50`, values: [Math.round(podDelays.removal.p50), Math.round(bare.p50)] },
      { label: 'max', values: [Math.round(podDelays.removal.max), Math.round(bare.max)] },
    ]);
    const calls = shown.map(({ result: { scenario, totalCalls, fewestCalls } }) => ({
      label: scenario,
      values: [totalCalls, fewestCalls],
    }));
    const title = 'From the pod to the Remove call';
    plots.push(
      ['delay', bars({ title, unit: 'ms', names: ['this operator', 'bare loop'], rows: delays })],
      [
        'calls',
        bars({ title: 'API calls', unit: '', names: ['this operator', 'fewest possible'], rows: calls }),
      ],
    );
  }
  return [...plots, ...growthPlot(results), ...spacingPlot(results)];
}

function growthPlot(results: readonly Result[]): readonly [string, string][] {
  const growth = results.flatMap((result) => {
    const size = /^growth-(\d+)$/.exec(result.scenario)?.[1];
    return size === undefined ? [] : [{ x: Number(size), result }];
  });
  if (growth.length === 0) return [];
  const series = [
    { name: 'delay p50, ms', points: growth.map(({ x, result }) => ({ x, y: result.delays.removal.p50 })) },
    {
      name: 'CPU, ms an event',
      points: growth.map(({ x, result }) => ({
        x,
        y: (result.usage.cpuSeconds * 1000) / Math.max(1, result.delays.removal.n),
      })),
    },
  ];
  const title = 'The same 100 removals among more and more bindings';
  return [['growth', plot({ title, xLabel: 'bindings', yLabel: 'ms', logX: true, series })]];
}

function spacingPlot(results: readonly Result[]): readonly [string, string][] {
  const rounds = groupBy(
    results.filter(({ scenario }) => scenario.startsWith('spacing-')),
    ({ scenario }) => scenario,
  );
  if (rounds.size === 0) return [];
  const median = (values: readonly number[]) => summarize(values).p50;
  const points = (of: (result: Result) => number) =>
    [...rounds].map(([scenario, ofOne]) => ({
      x: median(ofOne.map(({ totalCalls }) => totalCalls)),
      y: median(ofOne.map(of)),
      label: scenario.replace('spacing-', ''),
    }));
  const series = [
    { name: 'p50', points: points(({ delays }) => delays.removal.p50) },
    { name: 'max', points: points(({ delays }) => delays.removal.max) },
  ];
  const title = 'Rolling restart of 40: calls against delay, by --write-spacing (median of the rounds)';
  return [['spacing', plot({ title, xLabel: 'API calls', yLabel: 'delay, ms', joined: false, series })]];
}
