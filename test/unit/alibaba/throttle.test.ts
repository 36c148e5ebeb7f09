import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock, settle } from '../../../lab/time/fake-clock.ts';
import { type CallPriority, createRateLimiter, type RateLimiter } from '../../../src/alibaba/throttle.ts';

function setUp(qps = 10, burst = 20) {
  const clock = new FakeClock();
  const limiter = createRateLimiter({ clock, qps, burst });
  const granted: string[] = [];
  const ask = (priority: CallPriority, name: string = priority, signal?: AbortSignal) =>
    limiter.acquire(priority, signal).then(() => void granted.push(name));
  return { clock, limiter, granted, ask };
}

async function empty(limiter: RateLimiter): Promise<void> {
  while (limiter.tokens > 0) await limiter.acquire('removal');
}

test('a full bucket gives at once, without a timer', async () => {
  const { clock, limiter, granted, ask } = setUp();
  for (let i = 0; i < 20; i++) void ask('removal');
  await Promise.resolve();
  await Promise.resolve();
  expect(granted).toHaveLength(20);
  expect(clock.pending).toBe(0);
  expect(limiter.tokens).toBe(0);
});

test('an empty bucket gives at the configured rate', async () => {
  const { clock, limiter, granted, ask } = setUp();
  await empty(limiter);
  for (let i = 0; i < 30; i++) void ask('removal');
  await clock.advance(1_000);
  expect(granted).toHaveLength(10);
  await clock.advance(1_000);
  expect(granted).toHaveLength(20);
});

test('removals go first, then reads, then additions, then health, each in order of arrival', async () => {
  const { clock, limiter, granted, ask } = setUp(10, 1);
  await empty(limiter);
  for (const n of [1, 2])
    for (const p of ['health', 'addition', 'read', 'removal'] as const) void ask(p, `${p} ${n}`);
  expect(limiter.waiting).toEqual({ removal: 2, read: 2, addition: 2, health: 2 });
  await clock.advance(1_000);
  expect(granted).toEqual(
    ['removal', 'read', 'addition', 'health'].flatMap((priority) => [`${priority} 1`, `${priority} 2`]),
  );
});

test('additions leave a tenth of the bucket to the others', async () => {
  const { limiter, granted, ask } = setUp(10, 20);
  for (let i = 0; i < 30; i++) void ask('addition');
  await settle();
  expect(granted).toHaveLength(18);
  void ask('read');
  void ask('removal');
  void ask('removal');
  await settle();
  expect(granted.slice(18)).toEqual(['read', 'removal']);
  expect(limiter.waiting).toEqual({ removal: 1, read: 0, addition: 12, health: 0 });
});

test('questions about health leave three quarters of the bucket to the others, which wait for none of them', async () => {
  const { clock, limiter, granted, ask } = setUp(10, 20);
  for (let i = 0; i < 100; i++) void ask('health');
  await settle();
  expect(granted).toHaveLength(5);
  for (let i = 0; i < 15; i++) void ask('removal');
  await settle();
  expect(granted.slice(5)).toEqual(Array(15).fill('removal'));
  await clock.advance(1_500);
  expect(granted).toHaveLength(20);
  expect(limiter.waiting.health).toBe(95);
  await clock.advance(9_400);
  expect(limiter.waiting.health).toBeLessThan(20);
});

test('questions about health starve as long as others take all calls', async () => {
  const { clock, granted, limiter, ask } = setUp(10, 10);
  await empty(limiter);
  void ask('health');
  for (let i = 0; i < 200; i++) void ask('removal');
  await clock.advance(15_000);
  expect(granted).not.toContain('health');
});

test('endless removals do not starve an addition, and it takes no more than a tenth', async () => {
  const { clock, limiter, granted, ask } = setUp(10, 10);
  await empty(limiter);
  for (let i = 0; i < 400; i++) void ask('removal');
  for (let i = 0; i < 10; i++) void ask('addition');
  await clock.advance(5_000);
  expect(granted).not.toContain('addition');
  await clock.advance(10_000);
  const additions = granted.filter((name) => name === 'addition').length;
  expect(additions).toBeGreaterThanOrEqual(9);
  expect(additions).toBeLessThanOrEqual(10);
});

test('an aborted wait rejects with the reason and takes no token', async () => {
  const { clock, limiter, granted, ask } = setUp(10, 1);
  await empty(limiter);
  const controller = new AbortController();
  const aborted = ask('removal', 'aborted', controller.signal);
  void ask('removal', 'other');
  controller.abort(new Error('stop'));
  await expect(aborted).rejects.toThrow('stop');
  await clock.advance(100);
  expect(granted).toEqual(['other']);
  await expect(limiter.acquire('read', AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
});

test('throttling halves the rate once a second, down to one call a second, and it recovers', async () => {
  const { clock, limiter } = setUp(16, 16);
  limiter.onThrottled();
  limiter.onThrottled();
  expect(limiter.rate).toBe(8);
  expect(limiter.tokens).toBe(0);
  for (let i = 0; i < 10; i++) {
    await clock.advance(1_000);
    limiter.onThrottled();
  }
  expect(limiter.rate).toBeGreaterThanOrEqual(1);
  expect(limiter.rate).toBeLessThan(3);
  await clock.advance(10_000);
  expect(limiter.rate).toBe(16);
});

test.each([0.1, 0.5])(
  'at %s calls a second, a call goes each so many seconds, also after throttling',
  async (qps) => {
    const { clock, limiter, granted, ask } = setUp(qps, 2);
    const each = 1_000 / qps;
    for (const priority of ['addition', 'read', 'removal'] as const)
      for (const n of [1, 2]) void ask(priority, `${n}`);
    await settle();
    expect(granted).toHaveLength(2);
    limiter.onThrottled();
    expect(limiter.rate).toBe(qps);
    await clock.advance(each - 1);
    expect(granted).toHaveLength(2);
    await clock.advance(1);
    expect(granted).toHaveLength(3);
    await clock.advance(3 * each);
    expect(granted).toHaveLength(6);
    expect(clock.pending).toBe(0);
  },
);

test('throttling with a time pauses everything for that time', async () => {
  const { clock, limiter, granted, ask } = setUp(10, 10);
  limiter.onThrottled(3_000);
  void ask('removal');
  await clock.advance(2_999);
  expect(granted).toEqual([]);
  expect(limiter.rate).toBe(0);
  await clock.advance(400);
  expect(granted).toEqual(['removal']);
});

test('close rejects those who wait and leaves no timer', async () => {
  const { clock, limiter, ask } = setUp(10, 1);
  await empty(limiter);
  const waiting = ask('read');
  limiter.close();
  await expect(waiting).rejects.toThrow('closed');
  await expect(limiter.acquire('read')).rejects.toThrow('closed');
  expect(clock.pending).toBe(0);
});

test.each([
  [0, 10],
  [-1, 10],
  [Number.NaN, 10],
  [10, 0],
  [10, Number.POSITIVE_INFINITY],
])('a rate of %s with a burst of %s is refused', (qps, burst) => {
  expect(() => createRateLimiter({ clock: new FakeClock(), qps, burst })).toThrow(RangeError);
});

test('never more than burst + rate × time, in any order of events; everyone is served', async () => {
  const event = fc.oneof(
    fc.record({
      ask: fc.constantFrom<CallPriority>('removal', 'read', 'addition', 'health'),
      times: fc.integer({ min: 1, max: 20 }),
    }),
    fc.record({ advance: fc.integer({ min: 1, max: 700 }) }),
    fc.record({ throttled: fc.integer({ min: 0, max: 1_000 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(20, 0.7), fc.array(event, { maxLength: 12 }), async (qps, events) => {
      const { clock, limiter, granted, ask } = setUp(qps, 8);
      let asked = 0;
      for (const step of events) {
        if ('ask' in step) for (let i = 0; i < step.times; i++, asked++) void ask(step.ask);
        else if ('advance' in step) await clock.advance(step.advance);
        else limiter.onThrottled(step.throttled);
        await Promise.resolve();
        expect(granted.length).toBeLessThanOrEqual(8 + (qps * clock.now()) / 1_000 + 1e-6);
      }
      await clock.advance(qps === 20 ? 60_000 : 400_000);
      expect(granted).toHaveLength(asked);
      expect(clock.pending).toBe(0);
    }),
    { numRuns: 30 },
  );
});
