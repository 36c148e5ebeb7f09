/**
 * Why a connection or request failed, as the load balancer sees it.
 * - no-backend: no row to send it to
 * - refused: the backend refused the connection
 * - timeout: the backend accepted no connection within the SYN time-out, or did not answer a request in time
 * - unreachable: there is no way to the backend, or its address is not known
 * - reset: the backend ended an established connection by a reset, or before its answer was complete
 * - removed: the load balancer reset it, since the row was removed or the listener was stopped
 * - drained: the load balancer reset it, since the time of connection drain was over
 * - idle: the load balancer reset it, since no byte came for the idle time-out
 */
export const CAUSES = [
  'no-backend',
  'refused',
  'timeout',
  'unreachable',
  'reset',
  'removed',
  'drained',
  'idle',
] as const;

export type Cause = (typeof CAUSES)[number];

/** Since the start of the listener. */
export interface Counts {
  /** Of a listener: accepted from clients. Of a row: opened to the backend. */
  connections: number;
  /** HTTP only. */
  requests: number;
  /** Connections of a listener, or of a row, that are open now. */
  active: number;
  /** An attempt that was followed by one at the next row counts at the row that failed, not at the listener. */
  readonly failures: Record<Cause, number>;
}

export function newCounts(): Counts {
  const failures = Object.fromEntries(CAUSES.map((cause) => [cause, 0])) as Record<Cause, number>;
  return { connections: 0, requests: 0, active: 0, failures };
}

export function failuresOf(counts: Counts): number {
  let sum = 0;
  for (const cause of CAUSES) sum += counts.failures[cause];
  return sum;
}
