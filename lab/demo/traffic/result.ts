import { type COMPARED, GATE_AND_HOLD } from '../../traffic/scenarios/help.ts';
import type { Propagation } from '../../traffic/stage/stage.ts';

/** What failed of the requests on new connections to pods, for each time that the load balancer may take. */
export interface TrafficResult {
  readonly variant: (typeof COMPARED)[number];
  readonly counts: readonly {
    readonly propagation: Propagation;
    readonly requests: number;
    readonly failed: number;
  }[];
}

/** Requests that failed although gate and hold were there, or that nobody counted: none is what is promised. */
export function isKept(results: readonly TrafficResult[]): boolean {
  const counts = results.find(({ variant }) => variant === GATE_AND_HOLD.variant)?.counts ?? [];
  return counts.length > 0 && counts.every(({ requests, failed }) => requests > 0 && failed === 0);
}
