import { markdownTable } from '../../report/tables.ts';
import type { Outcome } from '../run.ts';
import { ALONE, BY_HAND, GATE_AND_HOLD } from '../scenarios/help.ts';

/** The scenarios that the README shows, in the README's words. */
const HEADLINE: readonly (readonly [scenario: string, what: string])[] = [
  ['rollout-1', 'rolling update of 1 replica'],
  ['rollout-10', 'rolling update of 10'],
  ['scale-down', 'scale-down from 20 to 2'],
  ['drain', 'a node is drained'],
  ['leader-killed', 'rolling update of 4, the leader of the operator is killed'],
];

const VARIANTS = [ALONE, BY_HAND.variant, GATE_AND_HOLD.variant];

export type Counted = Pick<Outcome, 'scenario' | 'variant' | 'measured'>;
type Dated = Counted & { readonly date: string };

/** When it was measured, and failed/all requests over all loads, ways to fill a group and propagation times. */
export function headline(outcomes: readonly Dated[]): string {
  const find = (scenario: string, variant: string) =>
    outcomes.find((one) => one.scenario === scenario && one.variant === variant);
  const shown = HEADLINE.flatMap(([scenario]) =>
    VARIANTS.flatMap((variant) => find(scenario, variant) ?? []),
  );
  const rows = HEADLINE.map(([scenario, what]) => [
    what,
    ...VARIANTS.map((variant) => cell(find(scenario, variant))),
  ]);
  return `${measuredOn(shown)}.\n\n${markdownTable([['what happens', ...VARIANTS], ...rows])}`;
}

/** `Measured 2026-11-28 and 2026-11-29`. */
export function measuredOn(outcomes: readonly Dated[]): string {
  return `Measured ${[...new Set(outcomes.map(({ date }) => date))].sort().join(' and ')}`;
}

function cell(outcome: Counted | undefined): string {
  if (outcome === undefined) return '–';
  const sum = (key: 'failed' | 'requests') =>
    outcome.measured.reduce((total, one) => total + one[key], 0).toLocaleString('en');
  return `${sum('failed')} of ${sum('requests')}`;
}
