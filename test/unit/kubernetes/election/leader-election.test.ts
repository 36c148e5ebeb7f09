import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import type { Clock } from '../../../../src/clock.ts';
import { LeaderElector } from '../../../../src/kubernetes/election/leader-election.ts';
import { LeaseApi } from './lease-api.ts';

interface Candidate {
  readonly elector: LeaderElector;
  readonly signals: AbortSignal[];
  readonly stopped: string[];
  readonly leaders: string[];
  readonly failures: string[];
  readonly master: number[];
}

let clock: FakeClock;
let api: LeaseApi;
let candidates: Candidate[];

beforeEach(async () => {
  clock = new FakeClock();
  api = await LeaseApi.start(clock);
  candidates = [];
});

afterEach(async () => {
  api.fates.clear();
  const stopped = Promise.all(candidates.map(({ elector }) => elector.stop()));
  await api.advance(5_000);
  await stopped;
  await api[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
});

function candidate(identity: string, ownClock: Clock = clock): Candidate {
  const signals: AbortSignal[] = [];
  const stopped: string[] = [];
  const leaders: string[] = [];
  const failures: string[] = [];
  const master: number[] = [];
  const elector = new LeaderElector({
    transport: api.transport(identity, clock),
    namespace: 'operator',
    name: 'vservergroup-operator',
    identity,
    clock: ownClock,
    random: () => 0,
    timing: { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 },
    masterStatus: { set: (_, value) => master.push(value) },
    onStartedLeading: (signal) => signals.push(signal),
    onStoppedLeading: (how) => stopped.push(how),
    onNewLeader: (leader) => leaders.push(leader),
    onFailure: ({ during }) => failures.push(during),
  });
  const made = { elector, signals, stopped, leaders, failures, master };
  candidates.push(made);
  elector.start();
  return made;
}

/** The same monotonic time, with a different wall clock. */
function skewed(byMs: number): Clock {
  return {
    now: () => clock.now(),
    wall: () => clock.wall() + byMs,
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
  };
}

function atMostOneLeads(): void {
  const leading = candidates.filter(({ signals }) => signals.some(({ aborted }) => !aborted));
  expect(leading.length).toBeLessThanOrEqual(1);
}

test('the first candidate makes the Lease and leads', async () => {
  const a = candidate('a');
  await api.advance(0);
  expect(a.elector.isLeader()).toBe(true);
  expect(a.signals.map(({ aborted }) => aborted)).toEqual([false]);
  expect(a.leaders).toEqual(['a']);
  expect(a.master).toEqual([0, 1]);
  expect(api.lease).toMatchObject({
    metadata: { namespace: 'operator', name: 'vservergroup-operator' },
    spec: {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    },
  });
});

test('the leader renews every two seconds with one call, and keeps the time it acquired the Lease', async () => {
  const a = candidate('a');
  await api.advance(0);
  const before = api.seen.length;
  await api.advance(60_000);
  expect(a.elector.isLeader()).toBe(true);
  expect(a.signals).toHaveLength(1);
  expect(api.seen.slice(before).map(({ method }) => method)).toEqual(Array(30).fill('PUT'));
  expect(api.lease?.spec).toMatchObject({
    acquireTime: '2026-01-01T00:00:00.000000Z',
    renewTime: '2026-01-01T00:01:00.000000Z',
    leaseTransitions: 0,
  });
});

test('of two candidates that come at once one leads', async () => {
  const a = candidate('a');
  const b = candidate('b');
  await api.advance(60_000, atMostOneLeads);
  expect([a, b].filter(({ elector }) => elector.isLeader())).toHaveLength(1);
  expect([...a.failures, ...b.failures]).toEqual([]);
});

test.each([0, 3_600_000, -3_600_000])(
  'another takes over only after the leader has stopped, whatever their clocks say (%d ms apart)',
  async (skew) => {
    const a = candidate('a');
    await api.advance(0);
    const b = candidate('b', skewed(skew));
    await api.advance(60_000, atMostOneLeads);
    expect(b.signals).toEqual([]);
    api.fates.set('a', 'refused');
    await api.advance(13_000, atMostOneLeads);
    expect(a.signals[0]?.aborted).toBe(true);
    expect(b.signals).toEqual([]);
    await api.advance(7_000, atMostOneLeads);
    expect(b.elector.isLeader()).toBe(true);
    expect(b.leaders).toEqual(['a', 'b']);
    expect(api.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  },
);

test('a candidate waits for a whole lease duration after it first saw a Lease, however old its times are', async () => {
  const old = '2020-01-01T00:00:00.000000Z';
  const spec = { holderIdentity: 'gone', leaseDurationSeconds: 15, acquireTime: old, renewTime: old };
  api.change({}, { ...spec, leaseTransitions: 4 });
  const a = candidate('a');
  await api.advance(14_900);
  expect(a.elector.isLeader()).toBe(false);
  await api.advance(2_100);
  expect(a.elector.isLeader()).toBe(true);
  expect(api.lease?.spec['leaseTransitions']).toBe(5);
});

test('the leader outlives an API server that is away for nine seconds', async () => {
  const a = candidate('a');
  await api.advance(2_000);
  api.fates.set('a', 'refused');
  await api.advance(7_900);
  expect(a.failures).toEqual(['renew', 'renew', 'renew']);
  api.fates.clear();
  await api.advance(20_000);
  expect(a.elector.isLeader()).toBe(true);
  expect(a.signals[0]?.aborted).toBe(false);
});

test('leadership is lost ten seconds after the start of the last renewal that succeeded, and not sought again', async () => {
  const a = candidate('a');
  await api.advance(2_000);
  api.fates.set('a', 'refused');
  await api.advance(9_900);
  expect(a.signals[0]?.aborted).toBe(false);
  await api.advance(100);
  expect(a.signals[0]?.aborted).toBe(true);
  expect(a.signals[0]?.reason).toEqual(
    new Error('leadership is lost: the Lease could not be renewed for 10 s'),
  );
  expect(a.elector.isLeader()).toBe(false);
  expect(a.stopped).toEqual(['lost']);
  expect(a.master).toEqual([0, 1, 0]);
  api.fates.clear();
  await api.advance(60_000);
  expect(a.signals).toHaveLength(1);
});

test('a connection that swallows everything leaves time for another try', async () => {
  const a = candidate('a');
  await api.advance(0);
  api.fates.set('a', 'swallowed');
  await api.advance(3_000);
  api.fates.clear();
  await api.advance(6_500);
  expect(a.failures).toEqual(['renew']);
  expect(a.elector.isLeader()).toBe(true);
  await api.advance(20_000);
  expect(a.elector.isLeader()).toBe(true);
});

test('right after the process was stopped and continued isLeader is false, before any timer ran', async () => {
  let stoppedFor = 0;
  const a = candidate('a', { ...skewed(0), now: () => clock.now() + stoppedFor });
  await api.advance(1_000);
  expect(a.elector.isLeader()).toBe(true);
  stoppedFor = 9_000;
  expect(a.elector.isLeader()).toBe(false);
  expect(a.signals[0]?.aborted).toBe(true);
  expect(a.stopped).toEqual(['lost']);
});

test('a Lease that someone else touched is renewed all the same, with all that is in it', async () => {
  const a = candidate('a');
  await api.advance(0);
  api.change({ annotations: { note: 'hello' } }, { strategy: 'OldestEmulationVersion' });
  await api.advance(3_000);
  expect(a.elector.isLeader()).toBe(true);
  expect(a.failures).toEqual([]);
  expect(api.lease).toMatchObject({
    metadata: { annotations: { note: 'hello' } },
    spec: { strategy: 'OldestEmulationVersion', renewTime: '2026-01-01T00:00:02.000000Z' },
  });
});

test.each(['b', ''])('a leader that finds "%s" in its place stops at once', async (holderIdentity) => {
  const a = candidate('a');
  await api.advance(0);
  api.change({}, { holderIdentity });
  await api.advance(2_000);
  expect(a.signals[0]?.aborted).toBe(true);
  expect(a.stopped).toEqual(['lost']);
  expect(api.lease?.spec['holderIdentity']).toBe(holderIdentity);
});

test('a Lease that was deleted is made again', async () => {
  const a = candidate('a');
  await api.advance(0);
  api.lease = undefined;
  await api.advance(3_000);
  expect(a.elector.isLeader()).toBe(true);
  expect(api.lease).toMatchObject({ spec: { holderIdentity: 'a' } });
});

test('a Lease that was deleted stays with its leader while another candidate waits', async () => {
  const a = candidate('a');
  await api.advance(0);
  const b = candidate('b');
  await api.advance(2_000);
  api.lease = undefined;
  await api.advance(20_000, atMostOneLeads);
  expect([a.elector.isLeader(), b.signals]).toEqual([true, []]);
  expect(api.lease).toMatchObject({ spec: { holderIdentity: 'a' } });
});

test('a Lease that was deleted passes once its duration is over, if nobody makes it again', async () => {
  const a = candidate('a');
  await api.advance(0);
  const b = candidate('b');
  await api.advance(2_000);
  api.fates.set('a', 'refused');
  api.lease = undefined;
  await api.advance(12_000, atMostOneLeads);
  expect([a.signals[0]?.aborted, b.signals]).toEqual([true, []]);
  await api.advance(4_000, atMostOneLeads);
  expect(b.elector.isLeader()).toBe(true);
});

test('a write whose reply was lost is found at the next try', async () => {
  api.fates.set('a', 'reply lost');
  const a = candidate('a');
  await api.advance(0);
  expect(a.elector.isLeader()).toBe(false);
  expect(a.failures).toEqual(['acquire']);
  api.fates.clear();
  await api.advance(2_000);
  expect(a.elector.isLeader()).toBe(true);
  expect(api.lease?.spec['leaseTransitions']).toBe(0);
});

test('a leader that stops gives the Lease back, and another takes it within a second', async () => {
  const a = candidate('a');
  await api.advance(0);
  const b = candidate('b');
  await api.advance(10_000);
  await Promise.all([a.elector.stop(), api.advance(0)]);
  expect(api.lease?.spec).toMatchObject({
    holderIdentity: '',
    leaseDurationSeconds: 1,
    leaseTransitions: 0,
    renewTime: '2026-01-01T00:00:10.000000Z',
  });
  expect(a.signals[0]?.aborted).toBe(true);
  expect(a.elector.isLeader()).toBe(false);
  expect(a.stopped).toEqual(['released']);
  expect(a.master).toEqual([0, 1, 0]);
  await api.advance(1_000, atMostOneLeads);
  expect(b.elector.isLeader()).toBe(true);
  expect(api.lease?.spec).toMatchObject({
    holderIdentity: 'b',
    leaseDurationSeconds: 15,
    leaseTransitions: 1,
  });
});

test('a candidate that stops while it wins the Lease gives it back without having led', async () => {
  const a = candidate('a');
  const stopped = a.elector.stop();
  await api.advance(100);
  await stopped;
  expect(a.signals).toEqual([]);
  expect(a.stopped).toEqual([]);
  expect(api.lease?.spec['holderIdentity']).toBe('');
});

test('a candidate that stops leaves the Lease to its holder', async () => {
  const a = candidate('a');
  await api.advance(0);
  const b = candidate('b');
  await api.advance(1_000);
  await Promise.all([b.elector.stop(), api.advance(0)]);
  await api.advance(5_000);
  expect(a.elector.isLeader()).toBe(true);
});

test('a Lease that can not be given back does not keep a leader from stopping', async () => {
  const a = candidate('a');
  await api.advance(0);
  api.fates.set('a', 'refused');
  await Promise.all([a.elector.stop(), api.advance(0)]);
  expect(a.failures).toEqual(['release']);
  expect(a.stopped).toEqual(['released']);
});
