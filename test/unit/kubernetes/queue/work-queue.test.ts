import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { WorkQueue, type WorkQueueMetrics } from '../../../../src/kubernetes/queue/work-queue.ts';

const noJitter = { jitter: 0 };

function setUp() {
  const clock = new FakeClock();
  const queue = new WorkQueue<string>({ name: 'bindings', clock, backoff: noJitter });
  return { clock, queue };
}

/** The keys that are available now; each is marked done at once. */
async function drain(queue: WorkQueue<string>): Promise<string[]> {
  const keys: string[] = [];
  while (queue.gauges().depth > 0) {
    const key = await queue.get();
    if (key === undefined) break;
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

test('holds a key at most once, whatever was added how often', async () => {
  const { queue } = setUp();
  queue.add('a');
  queue.add('b');
  queue.add('a');
  expect(await drain(queue)).toEqual(['a', 'b']);
});

test('does not hand out a key being worked on before done; added meanwhile, it comes back after it', async () => {
  const { queue } = setUp();
  queue.add('a');
  expect(await queue.get()).toBe('a');
  queue.add('a');
  queue.add('a');
  queue.add('b');
  expect(await queue.get()).toBe('b');
  const next = queue.get();
  queue.done('a');
  expect(await next).toBe('a');
  queue.done('a');
  expect(queue.gauges().depth).toBe(0);
});

test('serves higher priorities first, and first come, first served within each', async () => {
  const { queue } = setUp();
  queue.add('low', 'low');
  queue.add('normal 1');
  queue.add('high 1', 'high');
  queue.add('normal 2');
  queue.add('high 2', 'high');
  expect(await drain(queue)).toEqual(['high 1', 'high 2', 'normal 1', 'normal 2', 'low']);
});

test('of several adds of one key the highest priority wins', async () => {
  const { queue } = setUp();
  queue.add('a');
  queue.add('b', 'low');
  queue.add('b', 'high');
  queue.add('b', 'normal');
  expect(await drain(queue)).toEqual(['b', 'a']);
});

test('a key added with a higher priority while it is worked on comes back with it', async () => {
  const { queue } = setUp();
  queue.add('a');
  await queue.get();
  queue.add('a', 'low');
  queue.add('a', 'high');
  queue.add('b');
  queue.done('a');
  expect(await drain(queue)).toEqual(['a', 'b']);
});

test('of several adds of one key the earliest ready time wins', async () => {
  const { clock, queue } = setUp();
  queue.addAfter('a', 100);
  queue.addAfter('a', 50, 'high');
  queue.addAfter('a', 200);
  await clock.advance(49);
  expect(queue.gauges().depth).toBe(0);
  queue.add('b');
  await clock.advance(1);
  expect(await drain(queue)).toEqual(['a', 'b']);
  await clock.advance(1_000);
  expect(queue.gauges().depth).toBe(0);
});

test('a plain add overrides a delay', async () => {
  const { clock, queue } = setUp();
  queue.addAfter('a', 100, 'high');
  queue.add('b');
  queue.add('a');
  expect(await drain(queue)).toEqual(['a', 'b']);
  expect(clock.pending).toBe(0);
});

test('a delayed add of a key that is ready adds nothing', async () => {
  const { clock, queue } = setUp();
  queue.add('a');
  queue.addAfter('a', 100);
  expect(await drain(queue)).toEqual(['a']);
  expect(clock.pending).toBe(0);
});

test.each([0, -1, Number.NaN])('a delay of %p is no delay', async (ms) => {
  const { queue } = setUp();
  queue.addAfter('a', ms);
  expect(await drain(queue)).toEqual(['a']);
});

test('add answers a waiting get in the same turn, with no timer in between', async () => {
  const { clock, queue } = setUp();
  let got: string | undefined;
  const get = queue.get().then((key) => {
    got = key;
  });
  queue.add('a');
  await Promise.resolve();
  expect(got).toBe('a');
  expect(clock.pending).toBe(0);
  await get;
});

test('waiting gets are answered in their order', async () => {
  const { queue } = setUp();
  const gets = Promise.all([queue.get(), queue.get()]);
  queue.add('a');
  queue.add('b');
  expect(await gets).toEqual(['a', 'b']);
});

test('the back-off of a key doubles from 5 ms up to 30 s and starts over when the key is forgotten', async () => {
  const { clock, queue } = setUp();
  for (let failures = 0; failures < 15; failures++) {
    const delay = Math.min(5 * 2 ** failures, 30_000);
    queue.addRateLimited('a');
    await clock.advance(delay - 1);
    expect(queue.gauges().depth).toBe(0);
    await clock.advance(1);
    expect(await drain(queue)).toEqual(['a']);
  }
  expect(queue.numRequeues('a')).toBe(15);
  queue.forget('a');
  expect(queue.numRequeues('a')).toBe(0);
  queue.addRateLimited('a');
  await clock.advance(5);
  expect(await drain(queue)).toEqual(['a']);
});

test('back-off is spread by chance and never exceeds its step', async () => {
  const clock = new FakeClock();
  const random = () => 0.5;
  const queue = new WorkQueue<string>({
    name: 'q',
    clock,
    backoff: { baseMs: 100, capMs: 100, jitter: 0.2, random },
  });
  queue.addRateLimited('a');
  await clock.advance(89);
  expect(queue.gauges().depth).toBe(0);
  await clock.advance(1);
  expect(await drain(queue)).toEqual(['a']);
});

test('a rate-limited add does not come before the time it was told at least to wait', async () => {
  const { clock, queue } = setUp();
  queue.addRateLimited('a', 'normal', 1_000);
  await clock.advance(999);
  expect(queue.gauges().depth).toBe(0);
  await clock.advance(1);
  expect(await drain(queue)).toEqual(['a']);
});

test('a key that failed keeps the priority it was handed out with', async () => {
  const { clock, queue } = setUp();
  queue.add('a', 'high');
  await queue.get();
  queue.addRateLimited('a');
  queue.done('a');
  queue.add('b');
  await clock.advance(5);
  expect(await drain(queue)).toEqual(['a', 'b']);
});

test('shutDown ignores adds, drops delayed keys and still hands out what was ready', async () => {
  const { clock, queue } = setUp();
  queue.add('working');
  await queue.get();
  queue.add('working');
  queue.add('ready');
  queue.addAfter('later', 10);
  queue.shutDown();
  queue.add('new');
  queue.addAfter('new', 1);
  queue.addRateLimited('new');
  expect(clock.pending).toBe(0);
  expect(await queue.get()).toBe('ready');
  queue.done('ready');
  const last = queue.get();
  queue.done('working');
  expect(await last).toBe('working');
  expect(await queue.get()).toBeUndefined();
});

test('shutDown of an idle queue ends every waiting get', async () => {
  const { queue } = setUp();
  const gets = Promise.all([queue.get(), queue.get()]);
  queue.shutDown();
  expect(await gets).toEqual([undefined, undefined]);
});

test('done of a key that nobody works on is nothing', async () => {
  const { queue } = setUp();
  queue.add('a');
  queue.done('a');
  expect(await drain(queue)).toEqual(['a']);
});

test('counts adds without duplicates, retries, time in the queue and time at work', async () => {
  const clock = new FakeClock();
  const log: string[] = [];
  const say = (metric: string) => (labels: { name: string }, value: number) =>
    log.push(`${metric}{${labels.name}} ${value}`);
  const metrics: WorkQueueMetrics = {
    adds: { inc: (labels) => say('adds')(labels, 1) },
    retries: { inc: (labels) => say('retries')(labels, 1) },
    queueDuration: { observe: say('queue') },
    workDuration: { observe: say('work') },
  };
  const queue = new WorkQueue<string>({ name: 'q', clock, metrics, backoff: noJitter });
  queue.add('a');
  queue.add('a');
  await clock.advance(500);
  await queue.get();
  await clock.advance(2_000);
  queue.done('a');
  queue.addRateLimited('a');
  expect(log).toEqual(['adds{q} 1', 'queue{q} 0.5', 'work{q} 2', 'retries{q} 1']);
});

test('gauges tell the depth, the work under way and the longest of it', async () => {
  const { clock, queue } = setUp();
  queue.add('a');
  queue.add('b');
  queue.add('c');
  await queue.get();
  await clock.advance(1_000);
  await queue.get();
  await clock.advance(1_000);
  queue.add('a');
  expect(queue.gauges()).toEqual({
    depth: 2,
    unfinishedWorkSeconds: 3,
    longestRunningProcessorSeconds: 2,
  });
});
