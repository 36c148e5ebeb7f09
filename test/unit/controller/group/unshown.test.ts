import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ownRow, TestCluster } from './cluster.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
  cluster.showsStatus = true;
});
afterEach(async () => {
  await cluster.stop();
});

const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends}`);

test('RemoveOnly sets weight 0 as soon as the status shows the drain, and not before', async () => {
  const foreign = ['10.0.0.1', '10.0.0.2'].map((ip) => ({ ...ownRow(ip), description: 'by hand' }));
  cluster.groups.rows = foreign;
  cluster.endpoints(['10.0.0.1', '10.0.0.2']);
  cluster.bind('web', { mode: 'RemoveOnly', drain: { seconds: 60 } });
  cluster.start();
  await cluster.after(1_000);
  cluster.showsStatus = false;
  cluster.groups.calls.length = 0;
  cluster.endpoints(['10.0.0.1']);
  cluster.pod('pod-10.0.0.2');
  await cluster.after(500);
  expect(calls()).toEqual([]);
  expect(cluster.longestLeaving()).toEqual([500]);
  expect(cluster.statuses.get('web')?.backends.map(({ state }) => state)).toEqual(['Registered', 'Draining']);
  cluster.showStatus();
  await cluster.after();
  expect(calls()).toEqual(['set 10.0.0.2']);
});

test('and after two seconds when the API server takes no status', async () => {
  cluster.groups.rows = [{ ...ownRow('10.0.0.1'), description: 'by hand' }];
  cluster.endpoints(['10.0.0.1']);
  cluster.bind('web', { mode: 'RemoveOnly', drain: { seconds: 60 } });
  cluster.start();
  await cluster.after(1_000);
  cluster.showsStatus = false;
  cluster.groups.calls.length = 0;
  cluster.endpoints([]);
  await cluster.after(1_990);
  expect(calls()).toEqual([]);
  await cluster.after(10);
  expect(calls()).toEqual(['set 10.0.0.1']);
});

test.each([
  ['during its drain', 60],
  ['after it', 2],
])(
  'RemoveOnly gives the weight back to a pod that comes back while it is not known whether weight 0 was set, %s',
  async (_, seconds) => {
    cluster.groups.rows = [{ ...ownRow('10.0.0.1'), description: 'by hand' }];
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', { mode: 'RemoveOnly', drain: { seconds } });
    cluster.start();
    await cluster.after(1_000);
    cluster.groups.behave = () => 'no-reply';
    cluster.endpoints([]);
    await cluster.after(3_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*0']);
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(3_000);
    expect(cluster.statuses.get('web')?.backends.map(({ state }) => state)).toEqual(['Draining']);
    cluster.groups.behave = () => undefined;
    await cluster.after(3_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.statuses.get('web')?.backends.map(({ state }) => state)).toEqual(['Registered']);
  },
);

test('a deleted binding ends once the status of the one that takes its rows over shows them', async () => {
  cluster.groups.rows = [ownRow('10.0.0.1', 100, 'old')];
  cluster.endpoints(['10.0.0.1']);
  cluster.bind('old');
  cluster.start();
  await cluster.after(1_000);
  cluster.showsStatus = false;
  cluster.bind('new');
  cluster.bind('old', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  await cluster.after(1_000);
  expect(cluster.patched).toEqual([]);
  cluster.showStatus('new');
  await cluster.after();
  expect(cluster.patched).toEqual(['old []']);
  expect(cluster.groups.writes).toEqual([]);
});
