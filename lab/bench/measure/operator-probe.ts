import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { OperatorProcess } from '../../environment/operator-process.ts';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export interface Usage {
  /** User and system time of the operator's process. */
  readonly cpuSeconds: number;
  readonly rssMb: number;
  /** Peak RSS of the process since its start. */
  readonly peakRssMb: number;
  readonly statusWrites: number;
  readonly statusUnchanged: number;
  /** p99 of the time between two ticks of a 10 ms timer: 10 to 11 means an idle loop. */
  readonly loopP99Ms: number;
}

/** Resources used by the operator's process, from the kernel and from /metrics. */
export class OperatorProbe {
  readonly #operator: OperatorProcess;
  #before = { cpuSeconds: 0, written: 0, unchanged: 0 };

  constructor(operator: OperatorProcess) {
    this.#operator = operator;
  }

  /** A scrape starts a new window of the event loop's histogram. */
  async begin(): Promise<void> {
    const metrics = await this.#operator.metrics();
    this.#before = { cpuSeconds: this.cpuSeconds(), ...statusWrites(metrics) };
  }

  async end(): Promise<Usage> {
    const cpuSeconds = this.cpuSeconds() - this.#before.cpuSeconds;
    const { rssMb, peakRssMb } = this.memory();
    const metrics = await this.#operator.metrics();
    const { written, unchanged } = statusWrites(metrics);
    return {
      cpuSeconds,
      rssMb,
      peakRssMb,
      statusWrites: written - this.#before.written,
      statusUnchanged: unchanged - this.#before.unchanged,
      loopP99Ms: seriesOf(metrics, 'nodejs_eventloop_lag_p99_seconds') * 1000,
    };
  }

  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#operator.pid}/stat`, 'utf8');
    // The name before the last parenthesis may contain spaces; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  memory(): { readonly rssMb: number; readonly peakRssMb: number } {
    const status = readFileSync(`/proc/${this.#operator.pid}/status`, 'utf8');
    const mb = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
    return { rssMb: mb('VmRSS'), peakRssMb: mb('VmHWM') };
  }
}

function statusWrites(metrics: string) {
  return {
    written: seriesOf(metrics, 'vsgb_status_writes_total{result="written"}'),
    unchanged: seriesOf(metrics, 'vsgb_status_writes_total{result="unchanged"}'),
  };
}

function seriesOf(metrics: string, series: string): number {
  const line = metrics.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? Number.NaN);
}
