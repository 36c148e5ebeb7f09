import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { addresses, ownRow, TestCluster } from './cluster.ts';
import { FakeAsyncGroups } from './fake-async-groups.ts';
import { apiError } from './fake-cloud.ts';

let clock: FakeClock;
let groups: FakeAsyncGroups;
let cluster: TestCluster<FakeAsyncGroups>;

beforeEach(() => {
  clock = new FakeClock(1_000);
  groups = new FakeAsyncGroups(clock);
  cluster = new TestCluster({ clock, groups });
});

afterEach(async () => {
  await cluster.stop();
});

/** A group at rest that holds what its binding wants. */
async function settled(ips: readonly string[], spec: Record<string, unknown> = {}): Promise<void> {
  groups.rows = ips.map((ip) => ownRow(ip));
  cluster.endpoints(ips);
  cluster.bind('web', spec);
  cluster.start();
  await cluster.after(1_000);
  groups.calls.length = 0;
  groups.times.length = 0;
}

const ready = () => cluster.statuses.get('web')?.conditions.find(({ type }) => type === 'Ready');
const [first = '', second = '', third = ''] = addresses(3);

test('backends are added by a job: told once it is over, and the group is read then', async () => {
  cluster.endpoints([first, second]);
  cluster.bind();
  cluster.start();
  await cluster.after(2_900);
  expect(groups.calls).toEqual(['describe', `add ${first} ${second}`, 'job', 'job']);
  expect(cluster.events).toEqual([]);
  expect(ready()).toMatchObject({ status: 'False', reason: 'Progressing' });
  await cluster.after(1_000);
  expect(groups.calls.slice(4)).toEqual(['job', 'describe']);
  expect(groups.shown).toEqual([`${first}*100`, `${second}*100`]);
  expect(cluster.events.map((event) => event.split(':')[0])).toEqual(['Added']);
  expect(ready()).toMatchObject({ status: 'True', reason: 'Synced' });
  expect(cluster.reads).toEqual(['first', 'pending']);
});

test('while a job is under way nothing else is written, however many polls it takes; what left meanwhile goes next', async () => {
  await settled(addresses(3));
  groups.jobMs = 10_500;
  cluster.endpoints([first, second]);
  await cluster.after(100);
  cluster.endpoints([first]);
  await cluster.after(10_000);
  expect(groups.writes).toEqual([`remove ${third}`]);
  expect(groups.calls.filter((call) => call === 'job')).toHaveLength(10);
  expect(new Set(groups.times.slice(1).map((at, i) => at - (groups.times[i] as number)))).toEqual(
    new Set([1_000]),
  );
  await cluster.after(1_000);
  expect(groups.writes).toEqual([`remove ${third}`, `remove ${second}`]);
  await cluster.after(12_000);
  expect(groups.shown).toEqual([`${first}*100`]);
});

test('a call carries as many rows as its action takes, and no more than configured', async () => {
  groups.limits = { ...groups.limits, rowsPerCall: { add: 3, set: 40, remove: 200 } };
  cluster = new TestCluster({ clock, groups });
  cluster.endpoints(addresses(7));
  cluster.bind();
  cluster.start();
  await cluster.after(20_000);
  const sizes = () => groups.writes.map((write) => write.split(' ').length - 1);
  expect(sizes()).toEqual([3, 3, 1]);
  cluster.endpoints(addresses(30));
  await cluster.after(60_000);
  groups.calls.length = 0;
  cluster.endpoints([]);
  await cluster.after(20_000);
  expect(sizes()).toEqual([20, 10]);
});

test('a drain is a job of its own, and lasts as long as it should', async () => {
  await settled([first, second], { drain: { seconds: 30 } });
  cluster.endpoints([first]);
  await cluster.after(5_000);
  expect(groups.shown).toEqual([`${first}*100`, `${second}*0`]);
  expect(ready()).toMatchObject({ status: 'True', reason: 'Synced' });
  await cluster.after(24_900);
  expect(groups.writes).toEqual([`set ${second}`]);
  await cluster.after(5_000);
  expect(groups.writes).toEqual([`set ${second}`, `remove ${second}`]);
  expect(groups.shown).toEqual([`${first}*100`]);
  expect(cluster.delays.length).toBe(2);
});

test('a backend counts as leaving until its job is over', async () => {
  await settled([first, second]);
  groups.jobMs = 30_000;
  cluster.endpoints([first]);
  await cluster.after(20_000);
  expect(cluster.longestLeaving()).toEqual([20_000]);
  await cluster.after(15_000);
  expect(cluster.longestLeaving()).toEqual([0]);
});

describe('a job that fails', () => {
  test('for one row: that one is refused and tried again by itself, the others are in the group', async () => {
    groups.failing.add(second);
    cluster.endpoints([first, second, third]);
    cluster.bind();
    cluster.start();
    await cluster.after(4_100);
    expect(groups.shown).toEqual([`${first}*100`, `${third}*100`]);
    expect(ready()).toMatchObject({ reason: 'BackendsRefused' });
    await cluster.after(60_000);
    expect(new Set(groups.writes.slice(1))).toEqual(new Set([`add ${second}`]));
    groups.failing.clear();
    await cluster.after(70_000);
    expect(groups.shown).toEqual([`${first}*100`, `${second}*100`, `${third}*100`]);
    expect(ready()).toMatchObject({ reason: 'Synced' });
  });

  test('without a word for which: it is split until the bad one stands alone', async () => {
    groups.namesFailed = false;
    groups.failing.add(second);
    cluster.endpoints(addresses(4));
    cluster.bind();
    cluster.start();
    await cluster.after(20_000);
    expect(groups.shown).toHaveLength(3);
    expect(groups.writes.length).toBeLessThanOrEqual(6);
  });

  test('and whose row is gone by then is not tried again', async () => {
    groups.failing.add(second);
    cluster.endpoints([first, second]);
    cluster.bind();
    cluster.start();
    await cluster.after(4_000);
    cluster.endpoints([first]);
    await cluster.after(200_000);
    expect(groups.writes).toEqual([`add ${first} ${second}`]);
    expect(ready()).toMatchObject({ reason: 'Synced' });
  });
});

test('a row that somebody else has removed has the removal refused: the group is read, and nothing is tried again', async () => {
  await settled(addresses(3));
  groups.rows = groups.rows.filter(({ serverIp }) => serverIp !== second);
  cluster.endpoints([first]);
  await cluster.after(60_000);
  expect(groups.writes).toEqual([`remove ${second} ${third}`, `remove ${third}`]);
  expect(groups.calls.slice(0, 3)).toEqual([groups.writes[0], 'describe', groups.writes[1]]);
  expect(ready()).toMatchObject({ reason: 'Synced' });
});

test('the only row of a removal, gone already, is not asked for again', async () => {
  await settled([first, second]);
  groups.rows = groups.rows.filter(({ serverIp }) => serverIp !== second);
  cluster.endpoints([first]);
  await cluster.after(200_000);
  expect(groups.calls).toEqual([`remove ${second}`, 'describe']);
  expect(ready()).toMatchObject({ reason: 'Synced' });
});

test('what left while nobody watched, and is not in the group any more, has it read after one call', async () => {
  groups.rows = [ownRow(first)];
  cluster.endpoints([first]);
  const backends = addresses(3).map((ip) => ({ ...ownRow(ip), state: 'Registered' }));
  cluster.bind('web', {}, {}, { backends });
  cluster.start();
  await cluster.after(60_000);
  expect(groups.calls).toEqual([`remove ${second} ${third}`, 'describe']);
  expect(ready()).toMatchObject({ reason: 'Synced' });
});

describe('how far a job is', () => {
  test('is asked again when the inquiry fails', async () => {
    await settled([first, second]);
    let failures = 2;
    groups.beforeJob = () => {
      if (failures-- > 0) throw apiError('transient', 'ServiceUnavailable');
    };
    cluster.endpoints([first]);
    await cluster.after(10_000);
    expect(groups.calls).toEqual([`remove ${second}`, 'job', 'job', 'job', 'describe']);
  });

  test('is not asked for a job that nobody knows: the group is read until it is no longer pending', async () => {
    await settled([first, second]);
    groups.jobMs = 6_000;
    groups.beforeJob = () => {
      throw apiError('configuration', 'ResourceNotFound.Job');
    };
    cluster.endpoints([first]);
    await cluster.after(20_000);
    expect(groups.calls.filter((call) => call === 'job')).toHaveLength(1);
    expect(groups.writes).toEqual([`remove ${second}`]);
    expect(ready()).toMatchObject({ reason: 'Synced' });
  });
});

test('a binding that is deleted while its backends are being added goes once the job is over and they have left', async () => {
  await settled([]);
  groups.jobMs = 5_000;
  cluster.endpoints([first]);
  await cluster.after(500);
  cluster.bind('web', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  await cluster.after(3_000);
  expect(cluster.patched).toEqual([]);
  await cluster.after(20_000);
  expect(groups.shown).toEqual([]);
  expect(cluster.patched).toEqual(['web []']);
});

test('a replica that leads while a change is pending waits until it is over, and goes on from what the group shows', async () => {
  await settled(addresses(3));
  groups.jobMs = 10_000;
  cluster.endpoints([first, second]);
  await cluster.after(500);
  cluster.mayWrite = false;
  const next = new TestCluster({ clock, groups });
  next.endpoints([first]);
  next.bind();
  groups.calls.length = 0;
  next.start();
  await next.after(9_000);
  expect(groups.writes).toEqual([]);
  expect(groups.calls.filter((call) => call === 'describe').length).toBeLessThanOrEqual(10);
  await next.after(10_000);
  expect(groups.writes).toEqual([`remove ${second}`]);
  await next.after(10_000);
  expect(groups.shown).toEqual([`${first}*100`]);
  await next.stop();
});

test('a process that lost its lead writes nothing more when its job is over', async () => {
  await settled(addresses(3));
  cluster.endpoints([first, second]);
  await cluster.after(500);
  cluster.mayWrite = false;
  cluster.endpoints([first]);
  await cluster.after(60_000);
  expect(groups.writes).toEqual([`remove ${third}`]);
});
