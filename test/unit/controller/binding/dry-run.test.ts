import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { addresses, ownRow, TestCluster } from '../group/cluster.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster({ dryRun: true });
});

afterEach(async () => {
  await cluster.stop();
});

const recorded = (serverIp: string) => ({
  serverId: `eni-${serverIp}`,
  serverIp,
  port: 8080,
  type: 'eni',
  weight: 100,
  state: 'Registered',
  podUID: `pod-${serverIp}`,
});
const ready = (name = 'web') => cluster.statuses.get(name)?.conditions.find(({ type }) => type === 'Ready');
const actions = () => cluster.groups.calls.map(({ action }) => action);

describe('a dry run', () => {
  test('reads the group and writes nothing, not even the finalizer that additions need', async () => {
    cluster.groups.rows = [ownRow('10.0.9.9')];
    cluster.endpoints(addresses(25));
    cluster.bind('web', {}, { finalizers: [] });
    cluster.start();
    await cluster.after(2_000);
    expect(actions()).toEqual(['describe']);
    expect(cluster.patched).toEqual([]);
    expect(ready()).toMatchObject({ status: 'False', reason: 'DryRun' });
    expect(ready()?.message).toMatch(
      /^--dry-run: would remove 1 \(10\.0\.9\.9:8080\), add 25 \(.* and 20 more\) in vServer group rsp-1 /,
    );
  });

  test('does not remove before the first read what left while nobody watched', async () => {
    cluster.groups.rows = [ownRow('10.0.0.1'), ownRow('10.0.0.2')];
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', {}, {}, { backends: [recorded('10.0.0.1'), recorded('10.0.0.2')] });
    cluster.start();
    await cluster.after(2_000);
    expect(actions()).toEqual(['describe']);
    expect(cluster.withheld).toEqual(['remove 10.0.0.2']);
  });

  test('tells each change once, and again when it comes up again', async () => {
    cluster.groups.rows = [ownRow('10.0.0.1'), ownRow('10.0.0.2'), ownRow('10.0.0.3')];
    const all = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
    cluster.endpoints(all);
    cluster.bind('web', {}, {}, { backends: all.map(recorded) });
    cluster.start();
    await cluster.after(2_000);
    for (const left of [['10.0.0.1', '10.0.0.2'], ['10.0.0.1'], ['10.0.0.1', '10.0.0.3'], ['10.0.0.1']]) {
      cluster.endpoints(left);
      await cluster.after(2_000);
    }
    expect(cluster.withheld).toEqual(['remove 10.0.0.3', 'remove 10.0.0.2', 'remove 10.0.0.3']);
  });

  test('a group that holds what it should is Synced', async () => {
    cluster.groups.rows = [ownRow('10.0.0.1')];
    cluster.endpoints(['10.0.0.1']);
    cluster.bind();
    cluster.start();
    await cluster.after(2_000);
    expect(ready()).toMatchObject({ status: 'True', reason: 'Synced' });
    expect(cluster.withheld).toEqual([]);
  });

  test("records no ownership: an Exclusive binding's strangers stay foreign in its status", async () => {
    cluster.groups.rows = [ownRow('10.0.0.1'), { ...ownRow('10.0.0.2'), description: 'by hand' }];
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', { ownership: 'Exclusive' });
    cluster.start();
    await cluster.after(2_000);
    expect(cluster.withheld).toEqual(['remove 10.0.0.2']);
    const { backends, foreign } = cluster.statuses.get('web')!;
    expect(backends.map(({ serverIp, state }) => [serverIp, state])).toEqual([['10.0.0.1', 'Registered']]);
    expect(foreign).toBe(1);
  });

  test('begins no drain: what would drain is recorded as it was', async () => {
    cluster.groups.rows = [ownRow('10.0.0.1'), ownRow('10.0.0.2')];
    cluster.endpoints(['10.0.0.1']);
    cluster.pod('pod-10.0.0.2');
    const backends = [recorded('10.0.0.1'), recorded('10.0.0.2')];
    cluster.bind('web', { drain: { seconds: 30 } }, {}, { backends });
    cluster.start();
    await cluster.after(60_000);
    expect(cluster.withheld).toEqual(['set 10.0.0.2']);
    expect(cluster.statuses.get('web')?.backends).toEqual(
      backends.map((each) => expect.objectContaining(each)),
    );
    expect(JSON.stringify(cluster.statuses.get('web'))).not.toContain('drainingSince');
  });

  test('a binding that is deleted stays, and says what would become of it', async () => {
    cluster.groups.rows = [ownRow('10.0.0.1')];
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    cluster.start();
    await cluster.after(2_000);
    expect(ready()?.message).toMatch(
      /^--dry-run: would remove 1 \(10\.0\.0\.1:8080\) in vServer group rsp-1/,
    );
    cluster.groups.rows = [];
    await cluster.after(400_000);
    expect(ready()?.message).toMatch(/^--dry-run: this binding has no backend left .* and would be released/);
    expect(cluster.patched).toEqual([]);
  });
});
