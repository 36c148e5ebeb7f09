import { containers } from './containers.ts';
import { faults } from './faults.ts';
import { ALONE, BY_HAND, GATE_AND_HOLD, type Help, helped } from './help.ts';
import { nodes } from './nodes.ts';
import { rollouts } from './rollouts.ts';
import type { Scenario } from './scenario.ts';

/** A scenario with one way of helping its pods through it. */
export interface Trial {
  readonly scenario: Scenario;
  readonly variant: string;
  /** Whether QUICK runs it. */
  readonly quick: boolean;
}

const QUICK = ['rollout-1', 'drain'];

/** Each kind of help with the scenarios that it applies to. */
const HELPS: readonly (readonly [Help, readonly string[]])[] = [
  [BY_HAND, ['rollout-1', 'rollout-10', 'scale-down', 'drain']],
  [
    GATE_AND_HOLD,
    [
      ...['rollout-1', 'rollout-10', 'scale-down', 'drain', 'drain-1', 'autoscaler'],
      ...['sigterm-stop', 'sigterm-drain', 'sigterm-ignore'],
      ...['leader-killed', 'operator-down', 'busy', 'throttled', 'hung', 'quota'],
    ],
  ],
];

export const trials: readonly Trial[] = [...rollouts, ...nodes, ...containers, ...faults].flatMap(
  (scenario) => {
    const quick = QUICK.includes(scenario.name);
    const helps = HELPS.flatMap(([help, names]) => (names.includes(scenario.name) ? [help] : []));
    return [
      { scenario, variant: ALONE, quick },
      ...helps.map((help) => ({ scenario: helped(scenario, help), variant: help.variant, quick })),
    ];
  },
);

/** Throws if there is none. */
export function trialOf(name: string, variant: string): Trial {
  const found = trials.find((one) => one.scenario.name === name && one.variant === variant);
  if (found === undefined) throw new Error(`no trial of ${name} is called ${variant}`);
  return found;
}
