export interface Sample {
  readonly second: number;
  readonly flaps: number;
  readonly writes: number;
  readonly calls: number;
  readonly statuses: number;
  readonly depth: number;
  readonly rssMb: number;
  readonly heapMb: number;
}

/** The value of one series in what /metrics said; 0 when it is not there. */
export function metricIn(metrics: string, series: string): number {
  const line = metrics.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/** Means of the first and the last third, in MB; the first two samples are the warm-up, and too few samples tell nothing. */
export function memoryOf(samples: readonly Sample[]): { readonly early: number; readonly late: number } {
  const warm = samples.slice(2);
  const third = Math.ceil(warm.length / 3);
  if (samples.length < 8) return { early: 0, late: 0 };
  return { early: mean(warm.slice(0, third)), late: mean(warm.slice(-third)) };
}

const mean = (samples: readonly Sample[]) =>
  samples.reduce((sum, { rssMb }) => sum + rssMb, 0) / samples.length;

export function printSamples(samples: readonly Sample[]): void {
  printTable(
    ['second', 'flaps', 'writes to it', 'all API calls', 'status writes', 'queue', 'RSS MB', 'heap MB'],
    samples.map(({ second, flaps, writes, calls, statuses, depth, rssMb, heapMb }) => [
      second,
      flaps,
      writes,
      calls,
      statuses,
      depth,
      rssMb.toFixed(1),
      heapMb.toFixed(1),
    ]),
  );
}

/** Columns as wide as their widest cell, numbers to the right. */
function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const lines = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  console.log('');
  for (const line of lines) console.log(line.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '));
}
