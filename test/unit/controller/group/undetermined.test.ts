import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DRAIN_LABEL } from '../../../../src/api/names.ts';
import { addresses, ownRow, TestCluster } from './cluster.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(async () => {
  await cluster.stop();
});

const [ONE, TWO] = addresses(2) as [string, string];
const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends.join()}`);

/** A binding with two backends, each on a node of its own, whose Service has no such port any more. */
async function begun(spec: Record<string, unknown> = {}): Promise<void> {
  cluster.groups.rows = addresses(2).map((ip) => ownRow(ip));
  cluster.endpoints(addresses(2), {}, { [TWO]: 'node-1' });
  cluster.bind('web', spec);
  cluster.start();
  await cluster.after(1_000);
  await bindWrongly(spec);
  cluster.groups.calls.length = 0;
}

async function bindWrongly(spec: Record<string, unknown> = {}): Promise<void> {
  cluster.bind('web', { ...spec, serviceRef: { name: 'web', port: 81 } });
  await cluster.after(1_000);
  expect(cluster.statuses.get('web')?.conditions[0]).toMatchObject({ reason: 'PortNotFound' });
}

test('a node that is drained has weight 0, before the port is found again and afterwards', async () => {
  await begun();
  cluster.node('node-1', { labels: { [DRAIN_LABEL]: '' } });
  await cluster.after(1_000);
  expect(calls()).toEqual([`set ${TWO}`]);
  expect(cluster.groups.shown).toEqual([`${ONE}:8080*100`, `${TWO}:8080*0`]);
  cluster.bind();
  await cluster.after(1_000);
  expect(calls()).toHaveLength(1);
  cluster.node('node-1');
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual([`${ONE}:8080*100`, `${TWO}:8080*100`]);
});

test('a pod that terminates drains and leaves at once, as it would otherwise', async () => {
  await begun({ drain: { seconds: 10 } });
  cluster.pod(`pod-${TWO}`, {}, { terminating: true });
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual([`${ONE}:8080*100`, `${TWO}:8080*0`]);
  await cluster.after(10_000);
  expect(cluster.groups.shown).toEqual([`${ONE}:8080*100`]);
  expect(calls().map((call) => call.split(' ')[0])).toEqual(['set', 'remove']);
});

test('a binding that is deleted tells what leaves, not that its port is missing', async () => {
  const spec = { mode: 'RemoveOnly', drain: { seconds: 10 } };
  await begun(spec);
  cluster.pod(`pod-${TWO}`, {}, { terminating: true });
  const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  cluster.bind('web', { ...spec, serviceRef: { name: 'web', port: 81 } }, metadata);
  await cluster.after(1_000);
  const [ready] = cluster.statuses.get('web')?.conditions ?? [];
  const message = expect.stringMatching(/^1 backend of this binding leaves /);
  expect(ready).toMatchObject({ reason: 'Deleting', message });
});

describe('ecs', () => {
  const ecs = { backendType: 'ecs' };
  const names = Array.from({ length: 10 }, (_, i) => `node-${i}`);
  const shown = names.map((name) => `i-${name}:30080*100`);

  beforeEach(async () => {
    for (const name of names) cluster.node(name);
    const ports = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }];
    cluster.service({ type: 'NodePort', ports });
    cluster.bind('web', ecs);
    cluster.start();
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual(shown);
  });

  test('a node that is lost leaves once that is not tolerated any more, without anything else', async () => {
    await bindWrongly(ecs);
    cluster.node('node-0', { ready: false });
    await cluster.after(4_000);
    expect(cluster.groups.shown).toEqual(shown);
    await cluster.after(2_000);
    expect(cluster.groups.shown).toEqual(shown.slice(1));
  });

  test('nodes that stayed because all were lost go on to stay while they return, before the port is found again and afterwards', async () => {
    const back = async (...returning: readonly string[]) => {
      for (const name of returning) cluster.node(name);
      await cluster.after(1_000);
      expect(cluster.groups.shown).toEqual(shown);
    };
    for (const name of names) cluster.node(name, { ready: false });
    await cluster.after(60_000);
    await back('node-0', 'node-1');
    await bindWrongly(ecs);
    await back('node-2');
    cluster.bind('web', ecs);
    await back('node-3');
  });
});

test('a pod on a node that is lost leaves once that is not tolerated any more, without anything else', async () => {
  await begun();
  cluster.node('node-1', { ready: false });
  cluster.pod(`pod-${TWO}`, {}, { ready: false });
  await cluster.after(4_000);
  expect(calls()).toEqual([]);
  await cluster.after(2_000);
  expect(calls()).toEqual([`remove ${TWO}`]);
});
