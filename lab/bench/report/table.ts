import type { Result } from '../bed.ts';

const SHORT: Readonly<Record<string, string>> = {
  DescribeVServerGroupAttribute: 'describe',
  AddVServerGroupBackendServers: 'add',
  RemoveVServerGroupBackendServers: 'remove',
  SetVServerGroupAttribute: 'set',
  DescribeNetworkInterfaces: 'ENI',
};

export const HEADER = [
  'scenario',
  'calls',
  'fewest',
  'ratio',
  'delay ms p50/p90/p99/max',
  'bare loop p50/max',
  'n',
  'lost',
  'CPU s',
  'RSS MB',
  'peak MB',
  'status',
  'loop p99 ms',
  's',
  'load',
  'more',
] as const;

export function cells(result: Result): readonly string[] {
  const { delays, bare, usage } = result;
  const { removal } = delays;
  const none = removal.n === 0;
  return [
    result.scenario,
    `${result.totalCalls} (${callsOf(result)})`,
    String(result.fewestCalls),
    result.fewestCalls === 0 ? '–' : (result.totalCalls / result.fewestCalls).toFixed(1),
    none ? '–' : [removal.p50, removal.p90, removal.p99, removal.max].map(ms).join(' / '),
    bare.n === 0 ? '–' : `${ms(bare.p50)} / ${ms(bare.max)}`,
    String(removal.n),
    String(delays.lost),
    usage.cpuSeconds.toFixed(2),
    usage.rssMb.toFixed(0),
    usage.peakRssMb.toFixed(0),
    String(usage.statusWrites),
    usage.loopP99Ms.toFixed(1),
    result.seconds.toFixed(1),
    result.loadAverage.toFixed(1),
    Object.entries(result.extra)
      .map(([name, value]) => `${name}: ${value}`)
      .join('; '),
  ];
}

function callsOf({ calls }: Result): string {
  return Object.entries(calls)
    .sort()
    .map(([action, n]) => `${SHORT[action] ?? action} ${n}`)
    .join(', ');
}

export function table(results: readonly Result[]): string {
  const rows = [HEADER, ...results.map(cells)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function ms(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
