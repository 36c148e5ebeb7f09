import { expect, test } from '@jest/globals';
import {
  findCondition,
  isTrue,
  type NewCondition,
  REASONS,
  setCondition,
} from '../../../src/api/conditions.ts';

const T0 = Date.UTC(2026, 0, 1);
const ready: NewCondition = {
  type: 'Ready',
  status: 'True',
  reason: 'Synced',
  message: 'The group holds 3 backends.',
  observedGeneration: 1,
};

test('a new condition carries the time it was set, without fractions', () => {
  expect(setCondition([], ready, T0 + 999)).toEqual([
    { ...ready, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ]);
});

test('the transition time stays while the status does, whatever reason and message', () => {
  const before = setCondition([], ready, T0);
  const after = setCondition(before, { ...ready, reason: 'Suspended', observedGeneration: 2 }, T0 + 5000);
  expect(after).toEqual([
    { ...ready, reason: 'Suspended', observedGeneration: 2, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ]);
});

test('the transition time moves with the status', () => {
  const before = setCondition([], ready, T0);
  const after = setCondition(before, { ...ready, status: 'False' }, T0 + 5000);
  expect(findCondition(after, 'Ready')?.lastTransitionTime).toBe('2026-01-01T00:00:05Z');
  expect(isTrue(after, 'Ready')).toBe(false);
});

test('conditions are sorted and the list given is left alone', () => {
  const given = setCondition([], { ...ready, type: 'Stalled' }, T0);
  const both = setCondition(given, ready, T0);
  expect(both.map(({ type }) => type)).toEqual(['Ready', 'Stalled']);
  expect(given).toHaveLength(1);
});

test('a message longer than the API server takes is cut', () => {
  expect(setCondition([], { ...ready, message: 'x'.repeat(40_000) }, T0)[0]?.message).toHaveLength(32_768);
});

test('every reason is a word that metav1.Condition takes', () => {
  for (const reason of Object.keys(REASONS)) expect(reason).toMatch(/^[A-Za-z]+$/);
});
