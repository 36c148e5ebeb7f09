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

/** The value of one series in the text of /metrics; 0 if it is missing. */
export function metricIn(metrics: string, series: string): number {
  const line = metrics.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/**
 * A sentence if memory grew from the first half to the second; too few samples are not judged. RSS fluctuates with V8's garbage
 * collection, so its peaks are compared; for the heap, what is left after a collection is compared.
 */
export function memoryGrowth(samples: readonly Sample[]): string | undefined {
  if (samples.length < 8) return undefined;
  const half = samples.length >> 1;
  const [early, late] = [samples.slice(0, half), samples.slice(half)].map((some) => ({
    peak: Math.max(...some.map(({ rssMb }) => rssMb)),
    floor: Math.min(...some.map(({ heapMb }) => heapMb)),
  })) as [Memory, Memory];
  if (late.peak <= early.peak * 1.2 && late.floor <= early.floor * 1.2 + 10) return undefined;
  const told = ({ peak, floor }: Memory) =>
    `${peak.toFixed(0)} MB at most, ${floor.toFixed(0)} MB of heap at least`;
  return `memory grew: ${told(early)}; then ${told(late)}`;
}

interface Memory {
  readonly peak: number;
  readonly floor: number;
}

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

/** Columns as wide as their widest cell, numbers aligned to the right. */
function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const lines = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  console.log('');
  for (const line of lines) console.log(line.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '));
}
