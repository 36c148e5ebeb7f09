import { expect, test } from '@jest/globals';
import { benchmarkPlan } from '../../../../lab/bench/plan-benchmark.ts';

test('every plan that is timed removes what has left, and nothing else', () => {
  const { sameRows, newRows, first } = benchmarkPlan(100);
  expect([sameRows, newRows, first].map(({ n }) => n)).toEqual([100, 100, 100]);
});
