import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { FINALIZER } from '../../../src/api/names.ts';
import { ownershipTag } from '../../../src/api/ownership-tag.ts';
import { KubeApiError } from '../../../src/kubernetes/client/api-error.ts';
import { addresses, CLUSTER_ID, ownRow, TestCluster } from './group/cluster.ts';
import { apiError, FakeVServerGroups } from './group/fake-cloud.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});

afterEach(async () => {
  await cluster.stop();
});

const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends.length}`);
const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z' };
const RELEASED = ['web []'];

/** Rejects the first patches of finalizers with these statuses. */
function patchesAnswered(...statuses: number[]): void {
  cluster.answerPatch = () => {
    const status = statuses.shift();
    if (status === undefined) return;
    const body = { reason: '', message: '', causes: [] };
    throw new KubeApiError({ method: 'PATCH', path: '/' }, status, body);
  };
}

describe('a binding whose group cannot be read', () => {
  /** Names a load balancer where a group is expected. */
  const NO_GROUP = { vServerGroupId: 'lb-1' };
  const RECORDED = { backends: [{ ...ownRow('10.0.0.1'), state: 'Registered' }] };

  test('that is there at the start is told so, and costs no call', async () => {
    cluster.bind('web', NO_GROUP);
    await cluster.after(1_000);
    cluster.start();
    await cluster.after(1_000);
    expect(cluster.conditions.get('web')).toEqual(['Ready InvalidSpec', 'Stalled InvalidSpec']);
    expect(cluster.events).toHaveLength(1);
    expect(calls()).toEqual([]);
  });

  test('that comes later is told so in the turn of its event, and it gets no finalizer', async () => {
    cluster.start();
    cluster.bind('web', NO_GROUP, { finalizers: [] });
    expect(cluster.conditions.get('web')).toEqual(['Ready InvalidSpec', 'Stalled InvalidSpec']);
    expect(cluster.patched).toEqual([]);
  });

  test('is told nothing by a process that may not write', () => {
    cluster.mayWrite = false;
    cluster.bind('web', NO_GROUP);
    expect([cluster.conditions.size, cluster.events]).toEqual([0, []]);
  });

  test('is let go when it is deleted with nothing recorded, also when the patch fails at first', async () => {
    cluster.start();
    patchesAnswered(500);
    cluster.bind('web', NO_GROUP, DELETED);
    await cluster.after(900);
    expect([cluster.patched, cluster.unpatched]).toEqual([[], ['web']]);
    await cluster.after(200);
    expect(cluster.patched).toEqual(RELEASED);
  });

  test('stays while it records a backend: nobody knows where that is', async () => {
    cluster.start();
    cluster.bind('web', NO_GROUP, DELETED, RECORDED);
    await cluster.after(1_000);
    expect(cluster.patched).toEqual([]);
    expect(cluster.conditions.get('web')).toEqual(['Ready DeletionBlocked', 'Stalled DeletionBlocked']);
  });

  test('stays in a dry run', async () => {
    cluster = new TestCluster({ dryRun: true });
    cluster.bind('web', NO_GROUP, DELETED);
    await cluster.after(2_000);
    expect(cluster.patched).toEqual([]);
    expect(cluster.conditions.get('web')).toEqual(['Ready InvalidSpec', 'Stalled InvalidSpec']);
  });
});

test('answers about ENIs that come within a short time are planned together', async () => {
  const ips = addresses(20);
  for (const ip of ips) cluster.enis.answers.set(ip, { state: 'pending' });
  cluster.endpoints(ips);
  cluster.bind();
  cluster.start();
  await cluster.after(1_000);
  const planned = cluster.enis.asked.length;
  for (const ip of ips.slice(0, 10)) cluster.enis.answer(ip, { state: 'found', eniId: `eni-${ip}` });
  await cluster.after(9);
  expect(cluster.enis.asked).toHaveLength(planned);
  for (const ip of ips.slice(10)) cluster.enis.answer(ip, { state: 'found', eniId: `eni-${ip}` });
  await cluster.after(1);
  expect(cluster.enis.asked).toHaveLength(planned + ips.length);
  await cluster.after(1_000);
  expect(calls()).toEqual(['describe 0', 'add 20']);
});

describe('a patch of the finalizer', () => {
  test('that fails is told, and made again a second later', async () => {
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    patchesAnswered(500);
    cluster.bind('web', {}, { finalizers: [] });
    await cluster.after(900);
    expect([cluster.patched, cluster.unpatched]).toEqual([[], ['web']]);
    await cluster.after(200);
    expect(cluster.patched).toEqual([`web ["${FINALIZER}"]`]);
  });

  test('that a write of the status has overtaken is made again soon, and is no news', async () => {
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    patchesAnswered(409);
    cluster.bind('web', {}, { finalizers: [] });
    await cluster.after(90);
    expect(cluster.patched).toEqual([]);
    await cluster.after(20);
    expect([cluster.patched, cluster.unpatched]).toEqual([[`web ["${FINALIZER}"]`], []]);
  });

  test('is not made by a process that may not write', async () => {
    cluster.mayWrite = false;
    cluster.bind('web', {}, { finalizers: [] });
    cluster.start();
    await cluster.after(5_000);
    expect(cluster.patched).toEqual([]);
  });
});

describe('what has failed', () => {
  /** Attempts an addition that is denied, so that retries are a minute apart. */
  async function denied(): Promise<number> {
    cluster.groups.behave = ({ action }) => {
      if (action === 'add') throw apiError('denied', 'Forbidden.RAM');
      return undefined;
    };
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', {}, { generation: 1 });
    cluster.start();
    await cluster.after(600_000);
    return cluster.groups.writes.length;
  }

  test('is tried again at once when the spec of a binding changes', async () => {
    const before = await denied();
    cluster.bind('web', { weight: 50 }, { generation: 2 });
    await cluster.after(0);
    expect(cluster.groups.writes).toHaveLength(before + 1);
  });

  test('goes on waiting when anything else of a binding changes', async () => {
    const before = await denied();
    cluster.bind('web', {}, { generation: 1, finalizers: [FINALIZER, 'shop.example/own'] });
    cluster.bind('web', {}, { generation: 1 }, { registered: 7 });
    await cluster.after(0);
    expect(cluster.groups.writes).toHaveLength(before);
  });

  test('for want of credentials is tried again at once when there are others', async () => {
    cluster.groups.behave = () => {
      throw apiError('credentials', 'InvalidAccessKeyId.NotFound');
    };
    cluster.bind();
    cluster.start();
    await cluster.after(600_000);
    const before = cluster.groups.calls.length;
    cluster.groups.behave = () => undefined;
    cluster.credentialsChanged();
    await cluster.after(0);
    expect(cluster.groups.calls).toHaveLength(before + 1);
  });
});

describe('a group comes back', () => {
  async function requeuedAfter(change: () => void): Promise<unknown> {
    cluster.groups.rows = addresses(2).map((ip) => ownRow(ip));
    cluster.endpoints(addresses(2));
    cluster.bind('web', { drain: { seconds: 0 } });
    cluster.start();
    await cluster.after(1_000);
    const addAfter = jest.spyOn(cluster.queue, 'addAfter');
    change();
    await cluster.after(50);
    return addAfter.mock.lastCall?.[2];
  }

  test('before the additions of others when a removal has to wait', async () => {
    cluster.groups.behave = ({ action }) => {
      if (action === 'remove') throw apiError('busy', 'VServerGroupProcessing');
      return undefined;
    };
    expect(await requeuedAfter(() => cluster.endpoints(addresses(1)))).toBe('high');
  });

  test('before them when a drain ends', async () => {
    const drain = () => {
      cluster.bind('web', { drain: { seconds: 30 } });
      cluster.endpoints(addresses(1));
    };
    expect(await requeuedAfter(drain)).toBe('high');
  });

  test('among them when additions have to wait', async () => {
    cluster.groups.behave = ({ action }) => {
      if (action === 'add') throw apiError('busy', 'VServerGroupProcessing');
      return undefined;
    };
    expect(await requeuedAfter(() => cluster.endpoints(addresses(3)))).toBe('normal');
  });

  test('among them for its resync', async () => {
    expect(await requeuedAfter(() => cluster.service({ type: 'NodePort' }))).toBe('normal');
  });
});

test('of pods that come and go while the API refuses them nothing is kept', async () => {
  cluster.groups.behave = ({ action }) => {
    if (action === 'add') throw apiError('badBackend', 'ObtainIpFail');
    return undefined;
  };
  cluster.endpoints([]);
  cluster.bind();
  cluster.start();
  for (const ip of addresses(50)) {
    cluster.endpoints([ip]);
    await cluster.after(1_000);
  }
  cluster.endpoints(addresses(1));
  await cluster.after(1_000);
  const [back = ''] = addresses(1);
  expect(cluster.statuses.get('web')?.backends).toMatchObject([{ serverIp: back, state: 'Refused' }]);
  expect(cluster.failures.at(-1)).toMatchObject({ action: 'add', attempts: 1 });
});

test('what waited for the pods of a namespace goes on once they are known', async () => {
  cluster.podsKnown = false;
  cluster.endpoints(['10.0.0.1']);
  cluster.bind();
  cluster.start();
  await cluster.after(5_000);
  expect(calls()).toEqual(['describe 0']);
  cluster.podsAreListed();
  await cluster.after(1_000);
  expect(calls()).toEqual(['describe 0', 'add 1']);
});

test('of a binding that is gone nothing is remembered: one that comes with its UID is told anew', async () => {
  cluster.groups.behave = () => {
    throw apiError('denied', 'Forbidden.RAM');
  };
  cluster.bind();
  cluster.start();
  await cluster.after(1_000);
  cluster.unbind();
  await cluster.after(1_000);
  expect(cluster.forgotten).toEqual(['web']);
  cluster.bind();
  await cluster.after(1_000);
  expect(cluster.events.map((event) => event.split(':')[0])).toEqual(['AccessDenied', 'AccessDenied']);
});

test('a binding whose status was set back by a restored etcd is told anew at once, and not forgotten', async () => {
  cluster.endpoints(['10.0.0.1']);
  cluster.bind();
  const backup = cluster.caches.bindings.get('shop/web');
  cluster.start();
  await cluster.after(5_000);
  cluster.showStatus();
  await cluster.after(5_000);
  cluster.statuses.clear();
  if (backup !== undefined) cluster.caches.bindings.set(backup);
  await cluster.after(1_000);
  expect(cluster.statuses.get('web')).toMatchObject({ registered: 1, conditions: [{ reason: 'Synced' }] });
  expect(cluster.lost).toEqual(['web']);
  expect(cluster.forgotten).toEqual([]);
});

test('a call carries no more rows, and a row no longer description, than the groups of a kind take', async () => {
  await cluster.stop();
  const rowsPerCall = { add: 5, set: 40, remove: 40 };
  const clock = new FakeClock();
  const groups = new FakeVServerGroups(clock);
  groups.limits = { ...groups.limits, rowsPerCall, description: { min: 2, max: 50 } };
  cluster = new TestCluster({ clock, groups });
  const name = 'a-name-that-is-too-long-for-a-description';
  cluster.endpoints(addresses(10));
  cluster.bind(name, { serviceRef: { name: 'web', port: 80 } });
  cluster.start();
  await cluster.after(1_000);
  expect(calls()).toEqual(['describe 0', 'add 5', 'add 5']);
  for (const { description } of cluster.groups.rows) {
    expect(description).toBe(ownershipTag(CLUSTER_ID, 'shop', name, 50));
    expect(description?.length).toBeLessThanOrEqual(50);
  }
});
