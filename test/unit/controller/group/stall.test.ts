import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ownRow, TestCluster } from './cluster.ts';
import { apiError } from './fake-cloud.ts';

const BOTH = ['10.0.0.1', '10.0.0.2'];
let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(async () => {
  await cluster.stop();
});

const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends}`);

async function settled(spec: Record<string, unknown> = {}): Promise<void> {
  cluster.groups.rows = BOTH.map((ip) => ownRow(ip));
  cluster.endpoints(BOTH);
  cluster.bind('web', spec);
  cluster.start();
  await cluster.after(1_000);
  cluster.groups.calls.length = 0;
}

test('the end of a drain that fell into a stall takes nothing out that has come back meanwhile', async () => {
  await settled({ drain: { seconds: 2 } });
  cluster.endpoints(BOTH.slice(0, 1));
  cluster.pod('pod-10.0.0.2');
  await cluster.after(1_000);
  cluster.stall();
  await cluster.after(5_000);
  expect(calls()).toEqual(['set 10.0.0.2']);
  cluster.endpoints(BOTH);
  cluster.catchesUp();
  await cluster.after(1_000);
  expect(calls()).toEqual(['set 10.0.0.2', 'set 10.0.0.2']);
  expect(cluster.groups.shown).toEqual(BOTH.map((ip) => `${ip}:8080*100`));
});

test('nor does a retry, or a call that a stall has kept from leaving', async () => {
  await settled();
  cluster.groups.behave = () => {
    throw apiError('busy', 'OperationBusy');
  };
  cluster.endpoints(BOTH.slice(0, 1));
  await cluster.after(50);
  expect(calls()).toEqual(['remove 10.0.0.2']);
  cluster.groups.behave = () => undefined;
  cluster.groups.beforeLeaving = () => cluster.stall();
  await cluster.after(1_000);
  expect(calls()).toEqual(['remove 10.0.0.2']);
  cluster.groups.beforeLeaving = () => {};
  cluster.endpoints(BOTH);
  cluster.catchesUp();
  await cluster.after(1_000);
  expect(calls()).toEqual(['remove 10.0.0.2']);
});

test('what leaves leaves once the caches have caught up', async () => {
  await settled();
  cluster.stall();
  cluster.endpoints(BOTH.slice(0, 1));
  await cluster.after(1_000);
  expect(calls()).toEqual([]);
  cluster.catchesUp();
  await cluster.after();
  expect(calls()).toEqual(['remove 10.0.0.2']);
});

test.each([
  ['what has come back meanwhile stays', BOTH, []],
  ['what is still to leave leaves at once', BOTH.slice(0, 1), ['remove 10.0.0.2']],
])('a removal that waits for credentials is decided again when it has them: %s', async (_, ips, made) => {
  await settled();
  cluster.groups.credentialsMs = 5_000;
  cluster.endpoints(BOTH.slice(0, 1));
  await cluster.after(2_000);
  cluster.groups.credentialsMs = 0;
  cluster.endpoints(ips);
  await cluster.after(3_000);
  expect(calls()).toEqual(made);
});
