import { type COMPARED, GATE_AND_HOLD } from '../../traffic/scenarios/help.ts';
import type { Propagation } from '../../traffic/stage/stage.ts';

/** Failed requests on new connections to pods, for each propagation time of the load balancer. */
export interface TrafficResult {
  readonly variant: (typeof COMPARED)[number];
  readonly counts: readonly {
    readonly propagation: Propagation;
    readonly requests: number;
    readonly failed: number;
  }[];
}

/** Whether the promise is kept: with gate and hold, requests were counted and none failed. */
export function isKept(results: readonly TrafficResult[]): boolean {
  const counts = results.find(({ variant }) => variant === GATE_AND_HOLD.variant)?.counts ?? [];
  return counts.length > 0 && counts.every(({ requests, failed }) => requests > 0 && failed === 0);
}
