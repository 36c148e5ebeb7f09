import { expect, test } from '@jest/globals';
import { type Part, PartFailedError, type Running, runParts } from '../../../src/kubernetes/manager.ts';
import { FakeClock, settle } from '../../fake-clock.ts';

interface FakePart extends Part {
  readonly started: PromiseWithResolvers<void>;
  readonly stopped: PromiseWithResolvers<void>;
  running: Running | undefined;
}

function setUp() {
  const log: string[] = [];
  const clock = new FakeClock();
  const stop = new AbortController();
  const part = (name: string): FakePart => ({
    name,
    started: Promise.withResolvers(),
    stopped: Promise.withResolvers(),
    running: undefined,
    start(running) {
      log.push(`start ${name}`);
      this.running = running;
      return this.started.promise;
    },
    stop() {
      log.push(`stop ${name}`);
      return this.stopped.promise;
    },
  });
  const http = part('http');
  const caches = part('caches');
  const others = part('others');
  const elected = part('elected');
  const run = (groups: readonly (readonly Part[])[] = [[http], [caches, others], [elected]]) => {
    const running = runParts(groups, {
      signal: stop.signal,
      stopTimeoutMs: 10_000,
      clock,
      onStopFailure: (name, error) => log.push(`late ${name}${error === undefined ? '' : `: ${error}`}`),
    });
    // Tests look at it when all has stopped.
    running.catch(() => {});
    return running;
  };
  return { log, clock, stop, http, caches, others, elected, run };
}

async function go(...promises: readonly PromiseWithResolvers<void>[]): Promise<void> {
  for (const { resolve } of promises) resolve();
  await settle();
}

test('a group starts when every part of the one before has, the parts of a group together', async () => {
  const { log, stop, http, caches, others, elected, run } = setUp();
  const running = run();
  await settle();
  expect(log).toEqual(['start http']);
  await go(http.started);
  expect(log).toEqual(['start http', 'start caches', 'start others']);
  await go(others.started);
  expect(log).toHaveLength(3);
  await go(caches.started);
  expect(log).toHaveLength(4);
  await go(elected.started);
  for (const part of [http, caches, others, elected]) part.stopped.resolve();
  stop.abort();
  await running;
});

test('groups stop the other way round, each when the later ones have', async () => {
  const { log, clock, stop, http, caches, others, elected, run } = setUp();
  const running = run();
  await go(http.started, caches.started, others.started, elected.started);
  log.length = 0;
  stop.abort();
  await settle();
  expect(elected.running?.signal.aborted).toBe(true);
  expect(log).toEqual(['stop elected']);
  await go(elected.stopped);
  expect(log).toEqual(['stop elected', 'stop caches', 'stop others']);
  await go(caches.stopped);
  expect(log).toHaveLength(3);
  await go(others.stopped);
  expect(log).toHaveLength(4);
  http.stopped.resolve();
  await running;
  expect(clock.pending).toBe(0);
});

test('asked to stop while it starts, it stops what was begun and starts nothing more', async () => {
  const { log, stop, http, caches, others, run } = setUp();
  const running = run();
  await go(http.started);
  stop.abort(new Error('SIGTERM'));
  caches.started.reject(new Error('SIGTERM'));
  await go(caches.stopped, others.stopped, http.stopped);
  await running;
  expect(log).toEqual([
    'start http',
    'start caches',
    'start others',
    'stop caches',
    'stop others',
    'stop http',
  ]);
});

test('asked to stop before it starts, it starts nothing', async () => {
  const { log, stop, run } = setUp();
  stop.abort();
  await run();
  expect(log).toEqual([]);
});

test.each([
  ['at its start', (part: FakePart) => part.started.reject(new Error('the port is taken'))],
  ['later', (part: FakePart) => part.running?.fail(new Error('the port is taken'))],
])('a part that fails %s stops all others and is named', async (_, fail) => {
  const { log, http, caches, others, run } = setUp();
  const running = run();
  await go(http.started);
  fail(caches);
  await go(caches.stopped, others.stopped, http.stopped);
  await expect(running).rejects.toThrow(new PartFailedError('caches', new Error('the port is taken')));
  await expect(running).rejects.toThrow('caches failed: the port is taken');
  expect(log.slice(3)).toEqual(['stop caches', 'stop others', 'stop http']);
});

test('the first failure is the one told', async () => {
  const { http, caches, others, run } = setUp();
  const running = run();
  await go(http.started);
  others.running?.fail(new Error('first'));
  caches.running?.fail(new Error('second'));
  await go(caches.stopped, others.stopped, http.stopped);
  await expect(running).rejects.toThrow('others failed: first');
});

test('a part that throws at once is named too', async () => {
  const { run } = setUp();
  const start = () => {
    throw new Error('no');
  };
  await expect(run([[{ name: 'caches', start }]])).rejects.toThrow('caches failed: no');
});

test('when the deadline for all has passed, the rest is told to stop without being waited for', async () => {
  const { log, clock, stop, http, caches, others, elected, run } = setUp();
  const running = run();
  await go(http.started, caches.started, others.started, elected.started);
  log.length = 0;
  stop.abort();
  await clock.advance(10_000);
  await running;
  expect(log.filter((line) => line.startsWith('stop'))).toEqual([
    'stop elected',
    'stop caches',
    'stop others',
    'stop http',
  ]);
  expect(log.filter((line) => line.startsWith('late'))).toEqual([
    'late elected',
    'late caches',
    'late others',
    'late http',
  ]);
  expect(clock.pending).toBe(0);
});

test('a part that can not stop does not keep the others from it', async () => {
  const { log, stop, http, caches, others, elected, run } = setUp();
  const running = run();
  await go(http.started, caches.started, others.started, elected.started);
  stop.abort();
  elected.stopped.reject(new Error('no'));
  await go(caches.stopped, others.stopped, http.stopped);
  await running;
  expect(log.slice(4)).toEqual([
    'stop elected',
    'late elected: Error: no',
    'stop caches',
    'stop others',
    'stop http',
  ]);
});
