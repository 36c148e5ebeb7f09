import { containers } from './containers.ts';
import { faults } from './faults.ts';
import { nodes } from './nodes.ts';
import { REMEDY_BY_HAND, rollouts } from './rollouts.ts';
import type { Scenario } from './scenario.ts';

/** A scenario with one way to help its pods through it. */
export interface Trial {
  readonly scenario: Scenario;
  readonly variant: string;
  /** Whether QUICK runs it. */
  readonly quick: boolean;
}

const ALONE = 'operator alone';
const BY_HAND = 'remedy by hand';
const QUICK = ['rollout-1', 'drain'];
/** What the remedy is for. */
const REMEDIED = ['rollout-1', 'rollout-10', 'scale-down', 'drain'];

function remedied({ app, ...scenario }: Scenario): Scenario {
  const { server, deployment } = REMEDY_BY_HAND;
  return {
    ...scenario,
    app: {
      ...app,
      server: { ...app.server, ...server },
      deployment: { ...app.deployment, ...deployment },
    },
  };
}

export const trials: readonly Trial[] = [...rollouts, ...nodes, ...containers, ...faults].flatMap(
  (scenario) => {
    const quick = QUICK.includes(scenario.name);
    const alone: Trial = { scenario, variant: ALONE, quick };
    return REMEDIED.includes(scenario.name)
      ? [alone, { scenario: remedied(scenario), variant: BY_HAND, quick: false }]
      : [alone];
  },
);
