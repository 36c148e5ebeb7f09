import type { peekBackendServers } from '../state/backend-servers.ts';

/** A call as hooks, fault predicates and the journal see it. */
export interface Call {
  readonly seq: number;
  readonly requestId: string;
  readonly action: string;
  /** VServerGroupId, or '' for actions without one. */
  readonly group: string;
  /** LoadBalancerId as given, or the group's; '' if neither is known. */
  readonly loadBalancer: string;
  readonly backends: ReturnType<typeof peekBackendServers>;
  readonly accessKeyId: string;
  readonly params: ReadonlyMap<string, string>;
  /** When the request's headers were read, in ms since the epoch with fractions. */
  readonly arrivedAt: number;
}

/** Ms since the epoch with microsecond fractions; monotonic. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}
