/**
 * Why a connection or request failed, as the load balancer sees it.
 * - no-backend: there was no row to forward to
 * - refused: the backend refused the connection
 * - timeout: the backend accepted no connection within the SYN time-out, or did not answer a request in time
 * - unreachable: there is no route to the backend, or its address is unknown
 * - reset: the backend ended an established connection by a reset, or before its answer was complete
 * - removed: the load balancer reset the connection because the row was removed or the listener was stopped
 * - drained: the load balancer reset the connection because the time for connection drain was over
 * - idle: the load balancer reset the connection because no byte arrived within the idle time-out
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

/** Counted since the start of the listener. */
export interface Counts {
  /** For a listener: connections accepted from clients. For a row: connections opened to the backend. */
  connections: number;
  /** HTTP only. */
  requests: number;
  /** Open connections of a listener or a row. */
  active: number;
  /** If a failed attempt was followed by one at the next row, only the row counts the failure, not the listener. */
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
