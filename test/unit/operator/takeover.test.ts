import { beforeEach, expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../lab/time/fake-clock.ts';
import { unlessAborted } from '../../../src/clock.ts';
import { Freshness } from '../../../src/kubernetes/informer/freshness.ts';
import { takeOver } from '../../../src/operator/takeover.ts';

let clock: FakeClock;
let won: PromiseWithResolvers<void>;
let lost: PromiseWithResolvers<never>;
let lists: PromiseWithResolvers<void>[];
let logged: string[];
let freshness: Freshness;
let abort: AbortController;
/** What became of the takeover. */
let end: string | undefined;

beforeEach(() => {
  clock = new FakeClock();
  won = Promise.withResolvers();
  lost = Promise.withResolvers();
  lists = [];
  logged = [];
  freshness = new Freshness({
    clock,
    refresh: () => {
      const list = Promise.withResolvers<void>();
      lists.push(list);
      return list.promise;
    },
  });
  freshness.start();
  abort = new AbortController();
  end = undefined;
});

/** Begins as soon as the caches are complete. */
function begin(): void {
  const leadership = {
    won: (signal: AbortSignal) => unlessAborted(won.promise, signal),
    lost: lost.promise,
  };
  const logger = { info: (message: string) => void logged.push(message) };
  takeOver({ leadership, freshness, clock, logger }, abort.signal).then(
    () => {
      end = 'decides';
    },
    (error: Error) => {
      end = error.message;
    },
  );
}

test('who leads as soon as its caches are complete decides at once', async () => {
  begin();
  await clock.advance(900);
  won.resolve();
  await settle();
  expect([end, lists.length, logged]).toEqual(['decides', 0, []]);
});

test('a standby lists everything again once it leads, and decides only then', async () => {
  begin();
  await clock.advance(3_600_000);
  expect(lists).toHaveLength(0);
  won.resolve();
  await clock.advance(60_000);
  expect([end, lists.length, freshness.isFresh()]).toEqual([undefined, 1, false]);
  expect(logged).toEqual([expect.stringContaining('the cluster is listed again before anything is written')]);
  lists[0]?.resolve();
  await settle();
  expect([end, lists.length, freshness.isFresh()]).toEqual(['decides', 1, true]);
});

test('a stall while it lists: only the newest list counts', async () => {
  begin();
  await clock.advance(10_000);
  won.resolve();
  await settle();
  clock.stall(3_000);
  lists[0]?.resolve();
  await clock.advance(0);
  expect([end, lists.length]).toEqual([undefined, 2]);
  lists[1]?.resolve();
  await settle();
  expect(end).toBe('decides');
});

test('who leads at once, but stalled right before: the list that follows a stall is waited for', async () => {
  clock.stall(3_000);
  begin();
  won.resolve();
  await settle();
  expect([end, lists.length, logged]).toEqual([undefined, 1, []]);
  lists[0]?.resolve();
  await settle();
  expect(end).toBe('decides');
});

test('the Lease is lost before the list is complete: nothing is decided', async () => {
  begin();
  await clock.advance(10_000);
  won.resolve();
  await settle();
  lost.reject(new Error('leadership was lost'));
  await settle();
  expect(end).toBe('leadership was lost');
});

test('a stop ends the wait, for the Lease as for the list', async () => {
  begin();
  abort.abort(new Error('stopping'));
  await settle();
  expect(end).toBe('stopping');

  abort = new AbortController();
  begin();
  await clock.advance(10_000);
  won.resolve();
  await settle();
  abort.abort(new Error('stopping while it lists'));
  await settle();
  expect([end, lists.length]).toEqual(['stopping while it lists', 1]);
});
