import { expect, test } from '@jest/globals';
import { RetryPause } from '../../../src/kubernetes/retry-pause.ts';
import { FakeClock } from '../../fake-clock.ts';

test('a server that cannot be reached is tried every 1.5 s at most, however long it is away', () => {
  const pause = new RetryPause(new FakeClock(), () => 0);
  for (let i = 0; i < 100; i++) expect(pause.after('unreachable')).toBe(1_500);
});

test('the time that it was away does not lengthen the pause after what it answers first', () => {
  const pause = new RetryPause(new FakeClock(), () => 0);
  for (let i = 0; i < 100; i++) pause.after('unreachable');
  expect([pause.after('backoff'), pause.after('backoff')]).toEqual([800, 1_600]);
});
