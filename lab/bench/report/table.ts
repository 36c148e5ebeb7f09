import { textTable } from '../../report/tables.ts';
import type { Result } from '../bed.ts';
import type { Summary } from '../measure/statistics.ts';

const SHORT: Readonly<Record<string, string>> = {
  DescribeVServerGroupAttribute: 'describe',
  AddVServerGroupBackendServers: 'add',
  RemoveVServerGroupBackendServers: 'remove',
  SetVServerGroupAttribute: 'set',
  DescribeNetworkInterfaces: 'ENI',
  DescribeHealthStatus: 'health',
  'to the first call, ms': 'first call, ms',
  'to the last reply, s': 'last reply, s',
  'last reply after the bucket allowed its call, s': 'past the bucket, s',
  'from ContainersReady to Ready, ms p50/max': 'to Ready, ms',
};

const HEADER = [
  'scenario',
  'calls',
  'fewest',
  'from the pod, ms p50/p90/p99/max',
  'from the slice, ms p50/p90/p99/max',
  'before the slice',
  'bare loop p50/max',
  'CPU s',
  'RSS/peak MB',
  'status',
  'loop p99 ms',
  's',
  'load',
  'more',
] as const;

function cells(result: Result): readonly string[] {
  const { delays, podDelays, bare, usage } = result;
  return [
    result.scenario,
    callsOf(result),
    String(result.fewestCalls),
    ranks(podDelays.removal),
    ranks(delays.removal),
    delays.removal.n === 0 ? '–' : `${delays.before} of ${delays.removal.n}`,
    bare.n === 0 ? '–' : `${ms(bare.p50)}/${ms(bare.max)}`,
    usage.cpuSeconds.toFixed(2),
    `${usage.rssMb.toFixed(0)}/${usage.peakRssMb.toFixed(0)}`,
    String(usage.statusWrites),
    usage.loopP99Ms.toFixed(1),
    result.seconds.toFixed(1),
    result.loadAverage.toFixed(1),
    Object.entries({ ...(delays.lost > 0 && { lost: delays.lost }), ...result.extra })
      .map(([name, value]) => `${SHORT[name] ?? name}: ${value}`)
      .join('; '),
  ];
}

function ranks({ n, p50, p90, p99, max }: Summary): string {
  return n === 0 ? '–' : [p50, p90, p99, max].map(ms).join('/');
}

/** `20 (add 8, remove 12)`, `remove 20`. */
function callsOf({ calls, totalCalls }: Result): string {
  const parts = Object.entries(calls)
    .sort()
    .map(([action, n]) => `${SHORT[action] ?? action} ${n}`);
  return parts.length === 1
    ? parts.join()
    : [`${totalCalls}`, ...(parts.length === 0 ? [] : [`(${parts.join(', ')})`])].join(' ');
}

/** Columns left out of the page: a plot shows them, other columns imply them, or they describe the run rather than the operator. */
const TERMINAL_ONLY: ReadonlySet<string> = new Set([
  'before the slice',
  'bare loop p50/max',
  'status',
  'loop p99 ms',
  's',
  'load',
]);

/** Rows for docs/performance.md; the first row is the header. */
export function pageRows(results: readonly Result[]): readonly (readonly string[])[] {
  const isShown = (_: string, column: number) => !TERMINAL_ONLY.has(HEADER[column] ?? '');
  return [HEADER, ...results.map(cells)].map((row) => row.filter(isShown));
}

export function table(results: readonly Result[]): string {
  return textTable([HEADER, ...results.map(cells)]);
}

export function ms(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(1) : value.toFixed(0);
}
