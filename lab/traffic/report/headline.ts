import { markdownTable } from '../../report/tables.ts';
import type { Outcome } from '../run.ts';
import { COMPARED } from '../scenarios/help.ts';

/** The scenarios that the README shows, in the README's words. */
const HEADLINE: readonly (readonly [scenario: string, what: string])[] = [
  ['rollout-1', 'rolling update of 1 replica'],
  ['rollout-10', 'rolling update of 10'],
  ['scale-down', 'scale-down from 20 to 2'],
  ['drain', 'a node is drained'],
  ['leader-killed', 'rolling update of 4, the leader of the operator is killed'],
];

export type Counted = Pick<Outcome, 'scenario' | 'variant' | 'measured'>;

/** Failed of all requests: of each load, each way to fill a group and each propagation. */
export function headlineTable(outcomes: readonly Counted[]): string {
  const rows = HEADLINE.map(([scenario, what]) => [
    what,
    ...COMPARED.map((variant) =>
      cell(outcomes.find((one) => one.scenario === scenario && one.variant === variant)),
    ),
  ]);
  return markdownTable([['what happens', ...COMPARED], ...rows]);
}

function cell(outcome: Counted | undefined): string {
  if (outcome === undefined) return '–';
  const sum = (key: 'failed' | 'requests') =>
    outcome.measured.reduce((total, one) => total + one[key], 0).toLocaleString('en');
  return `${sum('failed')} of ${sum('requests')}`;
}
