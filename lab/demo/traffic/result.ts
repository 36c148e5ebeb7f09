import type { Propagation } from '../../traffic/stage/stage.ts';

/** How the pods of the last act come through their update, as docs/traffic.md names it. */
export const VARIANTS = ['operator alone', 'gate and hold'] as const;
export type Variant = (typeof VARIANTS)[number];

/** What failed of the requests on new connections to pods, for each time that the load balancer may take. */
export interface TrafficResult {
  readonly variant: Variant;
  readonly counts: readonly {
    readonly propagation: Propagation;
    readonly requests: number;
    readonly failed: number;
  }[];
}

/** Requests that failed although gate and hold were there, or that nobody counted: none is what is promised. */
export function isKept(results: readonly TrafficResult[]): boolean {
  const counts = results.find(({ variant }) => variant === 'gate and hold')?.counts ?? [];
  return counts.length > 0 && counts.every(({ requests, failed }) => requests > 0 && failed === 0);
}
