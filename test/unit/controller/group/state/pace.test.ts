import { expect, test } from '@jest/globals';
import { WritePace } from '../../../../../src/controller/group/state/pace.ts';
import type { Batch } from '../../../../../src/membership/plan/batches.ts';

const batch = (action: Batch['action'], urgent = action === 'remove'): Batch => ({
  action,
  changes: [],
  urgent,
});

test('a removal counts as a write, an addition and a weight as both', () => {
  const pace = new WritePace();
  expect([pace.wroteAt, pace.addedAt]).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  pace.writes(batch('add'), 1);
  pace.writes(batch('remove'), 2);
  expect([pace.wroteAt, pace.addedAt]).toEqual([2, 1]);
  pace.writes(batch('set'), 3);
  expect([pace.wroteAt, pace.addedAt]).toEqual([3, 3]);
});

test('additions wait from the plan that has them until one of them goes, or none is left', () => {
  const pace = new WritePace();
  pace.planned([batch('remove')], 0);
  expect(pace.additionsWaitedMs(5)).toBe(0);
  pace.planned([batch('remove'), batch('add')], 10);
  pace.planned([batch('remove'), batch('add')], 20);
  pace.writes(batch('remove'), 20);
  expect(pace.additionsWaitedMs(30)).toBe(20);
  pace.writes(batch('add'), 30);
  expect(pace.additionsWaitedMs(40)).toBe(0);
  pace.planned([batch('add')], 50);
  pace.planned([], 60);
  expect(pace.additionsWaitedMs(70)).toBe(0);
});
