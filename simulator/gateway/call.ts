import type { peekBackendServers } from '../state/backend-servers.ts';

/** A call as hooks, fault predicates and the journal see it. */
export interface Call {
  readonly seq: number;
  readonly requestId: string;
  readonly action: string;
  /** VServerGroupId, or '' for actions without one. */
  readonly group: string;
  /** LoadBalancerId as given, or that of the group; '' if neither is known. */
  readonly loadBalancer: string;
  readonly backends: ReturnType<typeof peekBackendServers>;
  readonly accessKeyId: string;
  readonly params: ReadonlyMap<string, string>;
  /** Ms since the epoch, with fractions: when the request's headers were read. */
  readonly arrivedAt: number;
}

/** Ms since the epoch with microsecond fractions, never going back. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}
