import { expect, test } from '@jest/globals';
import { darkWatches } from '../../../src/operator/serving.ts';

const watch = (name: string, up: boolean, since: number) => ({
  name,
  synced: true,
  up,
  since,
  lastContact: undefined,
});

test('watches that have been down for a minute are shown, each resource once', () => {
  const health = [
    watch('pods', false, 0),
    watch('pods', false, 10),
    watch('nodes', false, 50_000),
    watch('services', true, 0),
  ];
  expect(darkWatches(health, 60_000)).toBeUndefined();
  expect(darkWatches(health, 61_000)).toBe('no changes arrive for more than 60 s: pods');
  expect(darkWatches([watch('services', true, 0)], 1e9)).toBeUndefined();
});
