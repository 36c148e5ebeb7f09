import { neededHoldSeconds } from '../../../src/zero-downtime/hold.ts';
import type { TestServerOptions } from '../../nodes/test-server.ts';
import { PROPAGATIONS } from '../stage/stage.ts';
import type { Scenario } from './scenario.ts';

/** What pods and bindings are given to get through a scenario. */
export interface Help {
  readonly variant: string;
  readonly server?: TestServerOptions;
  readonly deployment?: Readonly<Record<string, unknown>>;
  readonly binding?: Readonly<Record<string, unknown>>;
  readonly gateAndHold?: { readonly holdSeconds: number };
}

/** The variant without any help. */
export const ALONE = 'operator alone';

/** How users help themselves today, without the operator's features. */
export const BY_HAND: Help = {
  variant: 'remedy by hand',
  server: { preStopSeconds: 15, gracePeriodSeconds: 45 },
  deployment: { minReadySeconds: 10 },
};

const SLOWEST_PROPAGATION = Math.max(...PROPAGATIONS);
/** A request that begins at the last moment of the propagation takes 5 s. */
const DRAIN = SLOWEST_PROPAGATION + 10;

/**
 * What docs/zero-downtime.md says to set: the operator's readiness gate, its drain, the hold that `kubectl vsgb inject` writes for it,
 * and a rollout that ends no pod before a new one is Ready. By default a quarter of the pods may end first.
 */
export const GATE_AND_HOLD = {
  variant: 'gate and hold',
  deployment: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } } },
  binding: { drain: { seconds: DRAIN } },
  gateAndHold: { holdSeconds: neededHoldSeconds(DRAIN, SLOWEST_PROPAGATION) },
} as const satisfies Help;

/** The variants that the README and the demo compare. */
export const COMPARED = [ALONE, GATE_AND_HOLD.variant] as const;

/** The scenario with this help; what the scenario itself says of its Deployment counts for more. */
export function helped(scenario: Scenario, { variant: _, server, deployment, ...setting }: Help): Scenario {
  const { app } = scenario;
  return {
    ...scenario,
    ...setting,
    app: {
      ...app,
      server: { ...app.server, ...server },
      deployment: { ...deployment, ...app.deployment },
    },
  };
}
