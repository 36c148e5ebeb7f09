import { markdownTable } from '../../report/tables.ts';
import type { Result } from '../bed.ts';
import { ms } from './table.ts';

/** The scenarios that the README and the plots show, in the README's words. */
export const HEADLINE: readonly (readonly [scenario: string, what: string])[] = [
  ['one-by-one', '20 of 40 pods leave one by one, 1 s apart'],
  ['at-once', '40 leave at once'],
  ['rolling-restart', 'rolling restart of 40'],
  ['busy', '20 one by one, 20 % of the writes answered `ServiceIsConfiguring`'],
  ['node', '100 groups × 4: a node with 100 pods is drained'],
];

/** The headline scenarios that were run, with their descriptions. */
export function headlineOf(results: readonly Result[]): readonly { what: string; result: Result }[] {
  return HEADLINE.flatMap(([scenario, what]) => {
    const result = results.find((one) => one.scenario === scenario);
    return result === undefined ? [] : [{ what, result }];
  });
}

/** What was measured, and when. */
export function headline(date: string, results: readonly Result[]): string {
  const head = ['what happens', 'API calls', 'fewest possible', 'from the pod to the Remove call, p50/max'];
  const rows = headlineOf(results).map(({ what, result: { totalCalls, fewestCalls, podDelays } }) => {
    const { p50, max } = podDelays.removal;
    return [what, `${totalCalls}`, `${fewestCalls}`, `${ms(p50)}/${ms(max)} ms`];
  });
  return `Measured ${date}.\n\n${markdownTable([head, ...rows])}`;
}
