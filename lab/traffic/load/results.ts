/** One request, as its client saw it. */
export interface RequestResult {
  /** When it was sent, in ms since the epoch. */
  readonly at: number;
  readonly url: string;
  readonly latencyMs: number;
  readonly failure: FailureCause | undefined;
  /** The client's error message; empty if there was no error. */
  readonly error: string;
}

/**
 * What a client can tell about a failure.
 *
 * | cause   | meaning                                                      |
 * |---------|--------------------------------------------------------------|
 * | refused | the load balancer accepts no connection                      |
 * | reset   | the connection ended before the answer was complete          |
 * | timeout | no answer in time                                            |
 * | status  | a 4xx or 5xx answer from the load balancer or the backend    |
 */
export type FailureCause = 'refused' | 'reset' | 'timeout' | 'status';

export const CAUSES: readonly FailureCause[] = ['refused', 'reset', 'timeout', 'status'];

/** The lines that `vegeta encode -to=json` prints: https://github.com/tsenart/vegeta#encode-command */
export function parseResults(lines: string): readonly RequestResult[] {
  return lines.split('\n').flatMap((line) => {
    if (line === '') return [];
    const { timestamp, url, latency, code, error } = JSON.parse(line) as Line;
    return [
      { at: Date.parse(timestamp), url, latencyMs: latency / 1e6, failure: causeOf(code, error), error },
    ];
  });
}

interface Line {
  readonly timestamp: string;
  readonly url: string;
  /** Nanoseconds. */
  readonly latency: number;
  /** 0: there was no answer. */
  readonly code: number;
  readonly error: string;
}

function causeOf(code: number, error: string): FailureCause | undefined {
  if (code >= 400) return 'status';
  if (error === '') return undefined;
  if (/Client\.Timeout|deadline exceeded|i\/o timeout/.test(error)) return 'timeout';
  if (/connection refused/.test(error)) return 'refused';
  return 'reset';
}

/** Requests of one second, by how they ended. */
export interface Second {
  /** Seconds since the beginning. */
  readonly second: number;
  readonly requests: number;
  readonly failed: Readonly<Partial<Record<FailureCause, number>>>;
}

/** Counts requests by the second in which they were sent, from `beginning` (ms since the epoch); omits seconds without requests. */
export function bySecond(results: readonly RequestResult[], beginning: number): readonly Second[] {
  const seconds = new Map<number, { requests: number; failed: Partial<Record<FailureCause, number>> }>();
  for (const { at, failure } of results) {
    const second = Math.floor((at - beginning) / 1000);
    const entry = seconds.get(second) ?? { requests: 0, failed: {} };
    seconds.set(second, entry);
    entry.requests++;
    if (failure !== undefined) entry.failed[failure] = (entry.failed[failure] ?? 0) + 1;
  }
  return [...seconds].map(([second, entry]) => ({ second, ...entry })).sort((a, b) => a.second - b.second);
}

export interface Tally {
  readonly requests: number;
  readonly failed: number;
  readonly causes: Readonly<Partial<Record<FailureCause, number>>>;
}

export function tally(results: readonly RequestResult[]): Tally {
  const causes: Partial<Record<FailureCause, number>> = {};
  let failed = 0;
  for (const { failure } of results) {
    if (failure === undefined) continue;
    failed++;
    causes[failure] = (causes[failure] ?? 0) + 1;
  }
  return { requests: results.length, failed, causes };
}
