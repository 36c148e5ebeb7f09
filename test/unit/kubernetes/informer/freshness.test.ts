import { beforeEach, expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import { Freshness } from '../../../../src/kubernetes/informer/freshness.ts';

let clock: FakeClock;
let refreshes: PromiseWithResolvers<void>[];
let stalls: number[];
let refreshed: number;
let freshness: Freshness;

beforeEach(() => {
  clock = new FakeClock();
  refreshes = [];
  stalls = [];
  refreshed = 0;
  freshness = new Freshness({
    clock,
    refresh: () => {
      const refresh = Promise.withResolvers<void>();
      refreshes.push(refresh);
      return refresh.promise;
    },
    onStall: (ms) => stalls.push(ms),
    onRefreshed: () => refreshed++,
  });
  freshness.start();
});

const never = new AbortController().signal;

test('the caches of a process that goes on are believed', async () => {
  await clock.advance(60_000);
  clock.stall(700);
  await clock.advance(60_000);
  expect([freshness.isFresh(), refreshes.length]).toEqual([true, 0]);
});

test('after a stall they are not, from the first question on, until all was read again', async () => {
  clock.stall(3_000);
  expect(freshness.isFresh()).toBe(false);
  const fresh = freshness.untilFresh(never).then(() => 'fresh');
  await clock.advance(10_000);
  expect([freshness.isFresh(), refreshes.length, stalls]).toEqual([false, 1, [3_000]]);
  refreshes[0]?.resolve();
  expect(await fresh).toBe('fresh');
  expect([freshness.isFresh(), refreshed]).toEqual([true, 1]);
});

test('when asked for, all is read again, and nothing is believed until then', async () => {
  freshness.refresh();
  expect([freshness.isFresh(), refreshes.length, stalls]).toEqual([false, 1, []]);
  refreshes[0]?.resolve();
  await freshness.untilFresh(never);
  expect([freshness.isFresh(), refreshed]).toEqual([true, 1]);
});

test('the beat sees a stall that nobody asks about', async () => {
  clock.stall(3_000);
  await clock.advance(0);
  expect(refreshes).toHaveLength(1);
});

test('what was read before another stall does not count', async () => {
  clock.stall(3_000);
  await clock.advance(0);
  clock.stall(3_000);
  refreshes[0]?.resolve();
  const fresh = freshness.untilFresh(never);
  await settle();
  expect([refreshes.length, refreshed]).toEqual([2, 0]);
  refreshes[1]?.resolve();
  await fresh;
  expect([freshness.isFresh(), refreshed]).toEqual([true, 1]);
});

test('who waits is let go by its signal; once stopped, no timer is left', async () => {
  clock.stall(3_000);
  const abort = new AbortController();
  const waiting = freshness.untilFresh(abort.signal);
  abort.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  freshness.stop();
  expect(clock.pending).toBe(0);
});
