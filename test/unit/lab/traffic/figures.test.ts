import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Kept } from '../../../../lab/traffic/report/report.ts';
import { ALONE, GATE_AND_HOLD } from '../../../../lab/traffic/scenarios/help.ts';

const FIGURES = join(import.meta.dirname, '../../../../bench/traffic.json');
const { outcomes } = JSON.parse(readFileSync(FIGURES, 'utf8')) as { readonly outcomes: readonly Kept[] };

/** Requests a second that one of four pods gets from a listener. */
const SHARE = 30 / 4;

const onePod = (propagation: number) => (2 + propagation) * SHARE;

/** As "What cannot be zero" in docs/traffic.md: failed requests at most, by the propagation in seconds. */
const BOUNDS: Readonly<Record<string, (propagation: number) => number>> = {
  crash: onePod,
  oom: onePod,
  liveness: onePod,
  force: onePod,
  'node-shutdown': (propagation) => 2 * onePod(propagation),
  'network-cut': () => 24 * 2 * SHARE,
};

test.each(Object.entries(BOUNDS))(
  '%s fails no more new connections than docs/traffic.md says',
  (name, bound) => {
    const { measured = [] } =
      outcomes.find(({ scenario, variant }) => scenario === name && variant === ALONE) ?? {};
    const counted = measured.filter(({ backends, load }) => backends === 'eni' && load === 'new');
    expect(counted).toHaveLength(3);
    const over = counted.filter(({ propagation, failed }) => failed > bound(propagation));
    expect(over).toEqual([]);
  },
);

test('no request failed with gate and hold, in any scenario that they apply to', () => {
  const helped = outcomes.filter(({ variant }) => variant === GATE_AND_HOLD.variant);
  expect(helped.length).toBeGreaterThanOrEqual(14);
  const failed = helped.flatMap(({ scenario, measured }) =>
    measured.filter((one) => one.failed > 0 || one.requests === 0).map((one) => ({ scenario, ...one })),
  );
  expect(failed).toEqual([]);
});
