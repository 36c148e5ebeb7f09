import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { addresses, ownRow, TestCluster } from './cluster.ts';
import { apiError } from './fake-cloud.ts';

const MINUTE = 60_000;

let cluster: TestCluster;
/** How many rows the load balancer takes, in this group. */
let quota: number;

beforeEach(() => {
  cluster = new TestCluster();
  quota = 15;
  cluster.groups.behave = ({ action, rows }) => {
    if (action === 'add' && cluster.groups.rows.length + rows.length > quota)
      throw apiError('quota', 'InstanceBackendServerNumberOverLimit');
    return undefined;
  };
});
afterEach(async () => {
  await cluster.stop();
});

/** A binding that wants this many backends, with what came of it after a second. */
async function wanting(count: number): Promise<void> {
  cluster.endpoints(addresses(count));
  cluster.bind();
  cluster.start();
  await cluster.after(1_000);
}

/** The writes since it was last asked. */
function writes(): readonly string[] {
  return cluster.groups.calls
    .splice(0)
    .filter(({ action }) => action !== 'describe')
    .map(({ action, backends }) => `${action} ${backends.length}`);
}

const message = () => cluster.statuses.get('web')?.conditions.find(({ type }) => type === 'Ready')?.message;

test('of more backends than fit, as many are added as do, with few calls; the status tells which wait', async () => {
  await wanting(20);
  expect(cluster.groups.rows).toHaveLength(15);
  expect(writes()).toEqual(['add 20', 'add 10', 'add 5', 'add 2', 'add 1']);
  expect(message()).toMatch(/Waiting until it succeeds: (10\.0\.0\.\d+:8080(, )?){5}\./);
  expect(cluster.failures).toEqual([{ action: 'add', kind: 'quota', attempts: 1, retryInMs: 1_500 }]);
});

test.each([
  ['quota', 'InstanceBackendServerNumberOverLimit'],
  ['denied', 'Forbidden.RAM'],
] as const)('an addition that fails with %s is told only to the bindings that wait', async (kind, code) => {
  cluster.groups.behave = ({ action }) => {
    if (action === 'add') throw apiError(kind, code);
    return undefined;
  };
  cluster.groups.rows = [ownRow('10.0.9.9', 100, 'api')];
  cluster.endpoints(['10.0.9.9']);
  cluster.handOver('api');
  await wanting(2);
  const ready = ['api', 'web'].map((name) => cluster.statuses.get(name)?.conditions[0]?.status);
  expect(ready).toEqual(['True', 'False']);
  expect(message()).toMatch(/Waiting until it succeeds: 10\.0\.0\.\d+:8080, 10\.0\.0\.\d+:8080\./);
});

test.each([0, 1, 7, 19])(
  'with room for %d of 20, all of these are in with at most ten calls',
  async (room) => {
    quota = room;
    await wanting(20);
    expect(cluster.groups.rows).toHaveLength(room);
    expect(writes().length).toBeLessThanOrEqual(10);
  },
);

test('while there is no room, one backend is tried once a minute in the end', async () => {
  await wanting(20);
  await cluster.after(2 * MINUTE);
  writes();
  await cluster.after(10 * MINUTE);
  const tried = writes();
  expect(new Set(tried)).toEqual(new Set(['add 1']));
  expect(tried.length).toBeLessThanOrEqual(14);
});

test('what leaves makes room for as many: they are in at once, with one call', async () => {
  await wanting(20);
  await cluster.after(5 * MINUTE);
  writes();
  cluster.endpoints(addresses(17, 4));
  await cluster.after(1_000);
  expect(writes()).toEqual(['remove 3', 'add 3', 'add 1']);
  expect(cluster.groups.rows).toHaveLength(15);
});

test('what somebody else takes of that room is not there: the rest is found again', async () => {
  await wanting(20);
  await cluster.after(5 * MINUTE);
  writes();
  quota -= 2;
  cluster.endpoints(addresses(17, 4));
  await cluster.after(1_000);
  expect(writes()).toEqual(['remove 3', 'add 3', 'add 1', 'add 1']);
  expect(cluster.groups.rows).toHaveLength(13);
});

test('a higher quota fills the group at the next try', async () => {
  await wanting(60);
  await cluster.after(5 * MINUTE);
  writes();
  quota = 100;
  await cluster.after(MINUTE);
  expect(writes()).toEqual(['add 1', 'add 20', 'add 20', 'add 4']);
});

test('once nothing waits any more, what is added later goes in full calls', async () => {
  await wanting(20);
  cluster.endpoints(addresses(15));
  await cluster.after(1_000);
  writes();
  quota = 100;
  cluster.endpoints(addresses(35));
  await cluster.after(1_000);
  expect(writes()).toEqual(['add 20']);
});

test('all are replaced, and there is room for some: these are added before the others leave', async () => {
  cluster.groups.rows = addresses(10).map((ip) => ownRow(ip));
  await wanting(10);
  writes();
  cluster.endpoints(addresses(10, 50));
  await cluster.after(1_000);
  expect(writes()).toEqual(['add 10', 'add 5', 'remove 10', 'add 5']);
  expect(cluster.groups.rows).toHaveLength(10);
});
