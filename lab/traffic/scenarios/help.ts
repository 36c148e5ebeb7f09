import { READINESS_GATE } from '../../../src/api/names.ts';
import type { TestServerOptions } from '../../nodes/test-server.ts';
import { PROPAGATIONS } from '../stage/stage.ts';
import type { Scenario } from './scenario.ts';

/** What pods and bindings get to come through a scenario. */
export interface Help {
  readonly variant: string;
  readonly server: TestServerOptions;
  readonly pod?: Readonly<Record<string, unknown>>;
  readonly deployment?: Readonly<Record<string, unknown>>;
  readonly binding?: Readonly<Record<string, unknown>>;
  readonly gated?: boolean;
}

/** As users help themselves today, with no help of the operator. */
export const BY_HAND: Help = {
  variant: 'remedy by hand',
  server: { preStopSeconds: 15, gracePeriodSeconds: 45 },
  deployment: { minReadySeconds: 10 },
};

const SLOWEST_PROPAGATION = Math.max(...PROPAGATIONS);
/** What is begun in the last moment of the propagation takes 5 s. */
const DRAIN = SLOWEST_PROPAGATION + 10;
/** As `kubectl vsgb inject` counts it. */
const HOLD = DRAIN + SLOWEST_PROPAGATION + 5;

/** The operator's readiness gate, its drain, and a hold as long as both need. */
export const GATE_AND_HOLD: Help = {
  variant: 'gate and hold',
  server: { preStopSeconds: HOLD, gracePeriodSeconds: 30 + HOLD },
  pod: { readinessGates: [{ conditionType: READINESS_GATE }] },
  binding: { drain: { seconds: DRAIN } },
  gated: true,
};

export function helped(
  scenario: Scenario,
  { variant: _, server, pod, deployment, ...setting }: Help,
): Scenario {
  const { app } = scenario;
  return {
    ...scenario,
    ...setting,
    app: {
      ...app,
      server: { ...app.server, ...server },
      ...(pod && { pod }),
      deployment: { ...app.deployment, ...deployment },
    },
  };
}
