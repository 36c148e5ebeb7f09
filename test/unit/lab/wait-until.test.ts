import { expect, jest, test } from '@jest/globals';
import { waitUntil } from '../../../lab/time/wait-until.ts';

const QUICK = { timeoutMs: 20, intervalMs: 1 };

test('returns the first truthy value, and takes an exception for "not yet"', async () => {
  const answers = [() => undefined, () => Promise.reject(new Error('down')), () => 'up'];
  expect(await waitUntil('it to be up', () => answers.shift()?.(), { intervalMs: 1 })).toBe('up');
});

test('says what it waited for and what the last probe returned', async () => {
  const waiting = waitUntil('two pods', () => 0, QUICK);
  await expect(waiting).rejects.toThrow('waited 0.02 s for: two pods; the last probe returned 0');
});

test('says what the last probe threw', async () => {
  const waiting = waitUntil('the API', () => Promise.reject(new Error('refused')), QUICK);
  await expect(waiting).rejects.toThrow('waited 0.02 s for: the API; the last probe threw refused');
});

test('stops waiting when it is aborted', async () => {
  const waiting = waitUntil('nothing', () => false, { signal: AbortSignal.timeout(5) });
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});

test('goes on waiting where the machine stood still for longer than the whole deadline', async () => {
  const clock = jest.spyOn(performance, 'now');
  try {
    let now = 0;
    clock.mockImplementation(() => now);
    const standsStill = () => {
      now += 60_000;
      return false;
    };
    const probes = [standsStill, standsStill, () => 'up'];
    expect(
      await waitUntil('it to be up', () => probes.shift()?.(), { timeoutMs: 11_000, intervalMs: 1 }),
    ).toBe('up');
  } finally {
    clock.mockRestore();
  }
});
