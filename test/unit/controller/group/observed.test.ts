import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { driftOf } from '../../../../src/controller/group/state/drift.ts';
import { backendKey, knownRows, type Row } from '../../../../src/membership/backend.ts';
import { addresses, ownRow, TestCluster } from './cluster.ts';
import { apiError } from './fake-cloud.ts';

let cluster: TestCluster;

beforeEach(async () => {
  cluster = new TestCluster();
  cluster.groups.rows = addresses(4).map((ip) => ownRow(ip));
  cluster.endpoints(addresses(4));
  cluster.bind();
  cluster.start();
  await cluster.after(1_000);
});

afterEach(async () => {
  await cluster.stop();
});

describe('how long a group has had a backend that should not be there', () => {
  test('is 0 in a group that holds what it should', () => {
    expect(cluster.longestLeaving()).toEqual([0]);
  });

  test('grows while the removal fails, and is 0 once it is done', async () => {
    cluster.groups.behave = ({ action }) => {
      if (action === 'remove') throw apiError('throttled', 'Throttling.User');
      return undefined;
    };
    cluster.endpoints(addresses(3));
    await cluster.after(60_000);
    expect(cluster.longestLeaving()[0]).toBeGreaterThanOrEqual(60_000);
    cluster.groups.behave = () => undefined;
    await cluster.after(60_000);
    expect(cluster.longestLeaving()).toEqual([0]);
  });

  test('goes on growing while the API refuses the one backend and its removal rests', async () => {
    cluster.groups.behave = ({ action }) => {
      if (action === 'remove') throw apiError('badBackend', 'InvalidParameter');
      return undefined;
    };
    cluster.endpoints(addresses(3));
    await cluster.after(90_000);
    expect(cluster.longestLeaving()[0]).toBeGreaterThanOrEqual(90_000);
  });

  test('is that of the one that left first', async () => {
    cluster.groups.behave = ({ action }) => {
      if (action === 'remove') throw apiError('throttled', 'Throttling.User');
      return undefined;
    };
    cluster.endpoints(addresses(3));
    await cluster.after(30_000);
    cluster.endpoints(addresses(2));
    await cluster.after(5_000);
    expect(cluster.longestLeaving()[0]).toBeGreaterThanOrEqual(35_000);
  });

  test('does not count a drain that goes on: it has weight 0', async () => {
    cluster.bind('web', { drain: { seconds: 300 } });
    await cluster.after(1_000);
    cluster.endpoints(addresses(3));
    await cluster.after(60_000);
    expect(cluster.groups.shown).toContain('10.0.0.4:8080*0');
    expect(cluster.longestLeaving()).toEqual([0]);
  });
});

describe('what is told of a failure', () => {
  test('of a single backend: how often it was tried, and when it will be again', async () => {
    cluster.groups.behave = ({ action }) => {
      if (action === 'remove') throw apiError('badBackend', 'InvalidParameter');
      return undefined;
    };
    cluster.endpoints(addresses(3));
    await cluster.after(200_000);
    expect(cluster.failures.slice(0, 3)).toEqual([
      { action: 'remove', kind: 'badBackend', attempts: 1, retryInMs: 1_500 },
      { action: 'remove', kind: 'badBackend', attempts: 2, retryInMs: 3_000 },
      { action: 'remove', kind: 'badBackend', attempts: 3, retryInMs: 6_000 },
    ]);
    expect(cluster.failures.at(-1)?.retryInMs).toBe(45_000);
  });
});

describe('a removal whose reply is lost', () => {
  test.each([
    ['was carried out: told with its delay once the group was read', true, 1],
    ['was not: told once, when a later one is answered', false, 1],
  ] as const)('%s', async (_, isCarriedOut, told) => {
    let replies = 0;
    cluster.groups.behave = ({ action }) => {
      if (action !== 'remove' || replies++ > 0) return undefined;
      if (isCarriedOut) return 'no-reply';
      throw apiError('transient', 'ECONNRESET', 'unknown');
    };
    cluster.endpoints(addresses(3));
    await cluster.after(30_000);
    expect(cluster.groups.rows).toHaveLength(3);
    expect(replies).toBe(isCarriedOut ? 1 : 2);
    expect(cluster.delays).toHaveLength(told);
    expect(cluster.delays[0]).toBeGreaterThan(0);
  });
});

describe('what is told of reads and of what others did', () => {
  test('a read says why it was made', async () => {
    await cluster.after(400_000);
    expect(cluster.reads.slice(0, 2)).toEqual(['first', 'resync']);
  });

  test('a backend that was taken out by hand is counted once it is back', async () => {
    cluster.groups.rows = cluster.groups.rows.slice(1);
    expect(cluster.corrected).toEqual([]);
    await cluster.after(400_000);
    expect(cluster.corrected).toEqual(['missing']);
  });

  test('… also if the reply of another write shows that it is gone, not the backends of that write', async () => {
    cluster.groups.rows = cluster.groups.rows.slice(1);
    cluster.endpoints(addresses(6));
    await cluster.after(2_000);
    expect(cluster.groups.rows).toHaveLength(6);
    expect(cluster.corrected).toEqual(['missing']);
  });

  test('a weight that was set by hand is counted once it is right', async () => {
    cluster.groups.rows = cluster.groups.rows.map((row, index) =>
      index === 0 ? { ...row, weight: 7 } : row,
    );
    await cluster.after(400_000);
    expect(cluster.corrected).toEqual(['weight']);
  });

  test('a backend of somebody else that came by hand is nobody to correct', async () => {
    cluster.groups.rows = [...cluster.groups.rows, { ...ownRow('10.0.7.7'), description: 'by hand' }];
    await cluster.after(400_000);
    expect(cluster.corrected).toEqual([]);
  });
});

test('drift is what is missing, what is there unexpectedly, and what has another weight', () => {
  const row = (serverIp: string, weight = 100): Row => ({ ...ownRow(serverIp), weight }) as Row;
  const drift = driftOf(
    knownRows([row('10.0.0.1'), row('10.0.0.2'), row('10.0.0.3')]),
    knownRows([row('10.0.0.2', 1), row('10.0.0.3'), row('10.0.0.4')]),
  );
  expect(Object.fromEntries(drift)).toEqual({
    [backendKey(row('10.0.0.1'))]: 'missing',
    [backendKey(row('10.0.0.2'))]: 'weight',
    [backendKey(row('10.0.0.4'))]: 'unexpected',
  });
});
