import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { RetryPause } from '../../../../src/kubernetes/informer/retry-pause.ts';

test('the pause grows to 1.5 s and stays there, however long the fault lasts', () => {
  const pause = new RetryPause(new FakeClock(), () => 0);
  const pauses = Array.from({ length: 100 }, () => pause.after('backoff'));
  expect(pauses.slice(0, 4)).toEqual([200, 400, 800, 1_500]);
  expect(Math.max(...pauses)).toBe(1_500);
});

test('half of it is left to chance', () => {
  const pause = new RetryPause(new FakeClock(), () => 1);
  expect([pause.after('backoff'), pause.after('backoff')]).toEqual([100, 200]);
});

test('after 30 s without a failure it begins anew', async () => {
  const clock = new FakeClock();
  const pause = new RetryPause(clock, () => 0);
  for (let i = 0; i < 10; i++) pause.after('backoff');
  await clock.advance(1_500 + 30_000);
  expect(pause.after('backoff')).toBe(1_500);
  await clock.advance(1_500 + 30_001);
  expect(pause.after('backoff')).toBe(200);
});

test('a server that asks for more gets it, and a tenth of it more by chance', () => {
  expect(new RetryPause(new FakeClock(), () => 0).after('backoff', 10_000)).toBe(10_000);
  expect(new RetryPause(new FakeClock(), () => 1).after('backoff', 10_000)).toBe(11_000);
});
