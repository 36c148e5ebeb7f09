import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { refused } from '../../../../src/alibaba/errors/errors.ts';
import { DRAIN_LABEL } from '../../../../src/api/names.ts';
import { addresses, ownRow, TestCluster } from './cluster.ts';
import { apiError, type FakeVServerGroups } from './fake-cloud.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster();
});

afterEach(async () => {
  await cluster.stop();
});

/** A group at rest that holds what its binding wants, with the spacing after its last write over. */
async function settled(
  ips: readonly string[],
  spec: Record<string, unknown> = {},
  status?: object,
): Promise<void> {
  cluster.groups.rows = ips.map((ip) => ownRow(ip));
  cluster.endpoints(ips);
  cluster.bind('web', spec, {}, status);
  cluster.start();
  await cluster.after(1_000);
  cluster.groups.calls.length = 0;
}

/** The same backend in status.backends. */
function recorded(serverIp: string) {
  const podUID = `pod-${serverIp}`;
  const row = { serverId: `eni-${serverIp}`, serverIp, port: 8080, type: 'eni', weight: 100 };
  return { ...row, state: 'Registered', podUID, pod: podUID, node: 'node-0' };
}

const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends.length}`);

describe('the first sight of a group', () => {
  test('a group is read once, and additions go in full batches', async () => {
    cluster.endpoints(addresses(40));
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe 0', 'add 20', 'add 20']);
    expect(cluster.groups.shown).toHaveLength(40);
  });

  test('a group that holds what it should costs one read and no write', async () => {
    cluster.groups.rows = addresses(40).map((ip) => ownRow(ip));
    cluster.endpoints(addresses(40));
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe 0']);
  });

  test('what left while nobody watched is removed from status before the group is read', async () => {
    cluster.groups.rows = [ownRow('10.0.0.1'), ownRow('10.0.0.2')];
    cluster.endpoints(['10.0.0.1']);
    const backends = ['10.0.0.1', '10.0.0.2'].map(recorded);
    cluster.bind('web', {}, {}, { backends });
    cluster.start();
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 1', 'describe 0']);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
  });

  test('nothing is added before the finalizer is in place', async () => {
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', {}, { finalizers: [] });
    cluster.start();
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe 0']);
    expect(cluster.patched).toEqual(['web ["slb.alibabacloud.com/backends"]']);
    cluster.bind();
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe 0', 'add 1']);
  });
});

describe('removals', () => {
  test('the first one goes in the turn of its event: no timer, no read, no look-up in front', async () => {
    await settled(addresses(4));
    cluster.endpoints(addresses(3));
    await cluster.after();
    expect(calls()).toEqual(['remove 1']);
    expect(cluster.groups.calls[0]?.at).toBe(cluster.clock.now());
    expect(cluster.delays).toEqual([]);
    await cluster.after(20);
    expect(cluster.delays).toEqual([20]);
  });

  test('what leaves while a call is in flight, and for the spacing after its start, goes together', async () => {
    await settled(addresses(10));
    for (let left = 9; left >= 4; left--) {
      cluster.endpoints(addresses(left));
      await cluster.after(10);
    }
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 1', 'remove 5']);
    expect((cluster.groups.calls[1]?.at ?? 0) - (cluster.groups.calls[0]?.at ?? 0)).toBe(100);
  });

  test('a full batch does not wait for the spacing', async () => {
    await settled(addresses(60));
    cluster.endpoints(addresses(59));
    await cluster.after(20);
    cluster.endpoints(addresses(19));
    await cluster.after(0);
    expect(calls()).toEqual(['remove 1', 'remove 20']);
  });

  test('a pod that is ready again is added by the ENI that its row had: no look-up', async () => {
    const backends = addresses(2).map(recorded);
    await settled(addresses(2), {}, { backends });
    cluster.endpoints(addresses(1));
    await cluster.after(1_000);
    cluster.endpoints(addresses(2));
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 1', 'add 1']);
    expect(cluster.enis.asked).toEqual([]);
  });

  test('the ENI of a row that RemoveOnly took over is not believed: something else had added it', async () => {
    const backends = addresses(2).map(recorded);
    await settled(addresses(2), { mode: 'RemoveOnly' }, { backends });
    cluster.endpoints(addresses(1));
    await cluster.after(1_000);
    cluster.bind('web', {}, {}, { backends });
    cluster.endpoints(addresses(2));
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 1', 'add 1']);
    expect(cluster.enis.asked).toEqual(addresses(2).slice(1));
  });

  test('a storm costs at most ten calls a second', async () => {
    await settled(addresses(150));
    for (let left = 149; left >= 50; left--) {
      cluster.endpoints(addresses(left));
      await cluster.after(10);
    }
    expect(cluster.groups.writes.length).toBeLessThanOrEqual(11);
  });

  test('removals go before additions, whatever came first', async () => {
    await settled(addresses(4));
    cluster.endpoints([...addresses(3), '10.0.9.9']);
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 1', 'add 1']);
  });

  test('one batch of additions goes first where removing would leave no usable backend', async () => {
    await settled(addresses(2));
    cluster.endpoints(['10.0.9.8', '10.0.9.9']);
    await cluster.after(1_000);
    expect(calls()).toEqual(['add 2', 'remove 2']);
  });

  describe('of the last backends that serve', () => {
    const found = (ip: string) => cluster.enis.answer(ip, { state: 'found', eniId: `eni-${ip}` });

    beforeEach(() => {
      for (const ip of ['10.0.9.8', '10.0.9.9']) cluster.enis.answers.set(ip, { state: 'pending' });
    });

    test('wait for the ENIs of those that replace them', async () => {
      await settled(addresses(2));
      cluster.endpoints(['10.0.9.8', '10.0.9.9']);
      await cluster.after(20_000);
      expect(calls()).toEqual([]);
      found('10.0.9.8');
      found('10.0.9.9');
      await cluster.after(1_000);
      expect(calls()).toEqual(['add 2', 'remove 2']);
    });

    test('have their whole drain after that', async () => {
      await settled(addresses(1), { drain: { seconds: 10 } });
      cluster.endpoints(['10.0.9.9']);
      await cluster.after(15_000);
      expect(cluster.statuses.get('web')?.backends).toMatchObject([{ state: 'Registered' }, {}]);
      found('10.0.9.9');
      await cluster.after(9_000);
      expect(calls()).toEqual(['add 1', 'set 1']);
      await cluster.after(2_000);
      expect(calls()).toEqual(['add 1', 'set 1', 'remove 1']);
    });

    test('wait while they terminate, too', async () => {
      await settled(addresses(1));
      cluster.endpoints([...addresses(1), '10.0.9.9']);
      for (const ip of addresses(1)) cluster.pod(`pod-${ip}`, {}, { terminating: true });
      await cluster.after(20_000);
      expect(calls()).toEqual([]);
      found('10.0.9.9');
      await cluster.after(1_000);
      expect(calls()).toEqual(['add 1', 'remove 1']);
    });

    test('wait after a start, too: the group is read first', async () => {
      cluster.groups.rows = addresses(1).map((ip) => ownRow(ip));
      cluster.endpoints(addresses(1));
      cluster.endpoints(['10.0.9.9']);
      cluster.bind('web', {}, {}, { backends: addresses(1).map(recorded) });
      cluster.start();
      await cluster.after(20_000);
      expect(calls()).toEqual(['describe 0']);
      found('10.0.9.9');
      await cluster.after(1_000);
      expect(calls()).toEqual(['describe 0', 'add 1', 'remove 1']);
    });

    test('wait for an addition that the API refuses for now', async () => {
      await settled(addresses(1));
      cluster.groups.behave = ({ action }) => {
        if (action === 'add') throw apiError('throttled', 'Throttling.User');
        return undefined;
      };
      cluster.endpoints(addresses(1, 50));
      await cluster.after(10_000);
      expect(cluster.groups.shown).toEqual(addresses(1).map((ip) => `${ip}:8080*100`));
      cluster.groups.behave = () => undefined;
      await cluster.after(3_000);
      expect(cluster.groups.shown).toEqual(addresses(1, 50).map((ip) => `${ip}:8080*100`));
      expect(calls().slice(-2)).toEqual(['add 1', 'remove 1']);
    });

    test('wait for 30 s at most', async () => {
      await settled(addresses(2));
      cluster.enis.answers.set('10.0.9.9', { state: 'missing', since: 0 });
      cluster.endpoints(['10.0.9.9']);
      await cluster.after(29_900);
      expect(calls()).toEqual([]);
      await cluster.after(200);
      expect(calls()).toEqual(['remove 2']);
    });

    test.each<[string, (uid: string) => void]>([
      ['is gone', (uid) => cluster.podIsGone(uid)],
      ['is not Ready any more', (uid) => cluster.pod(uid, {}, { ready: false, able: false })],
    ])('go in the turn in which their pod %s', async (_, happen) => {
      await settled(addresses(1));
      cluster.endpoints(['10.0.9.9']);
      await cluster.after(5_000);
      expect(calls()).toEqual([]);
      for (const ip of addresses(1)) happen(`pod-${ip}`);
      await cluster.after();
      expect(calls()).toEqual(['remove 1']);
    });
  });

  test('a removal does not wait for the look-up of an ENI', async () => {
    await settled(addresses(2));
    cluster.enis.answers.set('10.0.9.9', { state: 'pending' });
    cluster.endpoints(['10.0.0.1', '10.0.9.9']);
    await cluster.after(500);
    expect(calls()).toEqual(['remove 1']);
    cluster.enis.answer('10.0.9.9', { state: 'found', eniId: 'eni-9' });
    await cluster.after(500);
    expect(calls()).toEqual(['remove 1', 'add 1']);
  });

  test('an addition that is refused holds no removal back', async () => {
    await settled(addresses(2));
    cluster.groups.behave = ({ action }) => {
      if (action === 'add') throw apiError('denied', 'Forbidden.RAM');
      return undefined;
    };
    cluster.endpoints([...addresses(2), '10.0.9.9']);
    await cluster.after(300);
    cluster.endpoints(['10.0.0.1', '10.0.9.9']);
    await cluster.after(0);
    expect(cluster.groups.calls.at(-1)).toMatchObject({ action: 'remove', backends: ['10.0.0.2'] });
  });

  test('additions are not starved by endless removals', async () => {
    await settled(addresses(100));
    for (let left = 99; left >= 60; left--) {
      cluster.endpoints([...addresses(left), '10.0.9.9']);
      await cluster.after(100);
    }
    expect(calls()).toContain('add 1');
  });

  test('a pod that is back before its removal was sent stays', async () => {
    await settled(addresses(3));
    cluster.endpoints(addresses(2));
    await cluster.after(10);
    cluster.endpoints(addresses(1));
    await cluster.after(10);
    cluster.endpoints(addresses(2));
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 1']);
    expect(cluster.groups.shown).toHaveLength(2);
  });

  test('what was planned before a wait for a token is planned again after it', async () => {
    await settled(addresses(3));
    cluster.groups.hold();
    cluster.endpoints(addresses(2));
    await cluster.after(500);
    cluster.endpoints(['10.0.0.1', '10.0.0.3']);
    cluster.groups.release();
    await cluster.after(500);
    expect(cluster.groups.calls.map(({ action, backends }) => `${action} ${backends}`)).toEqual([
      'remove 10.0.0.2',
    ]);
  });

  test('nothing is sent once this process may not write any more', async () => {
    await settled(addresses(2));
    cluster.mayWrite = false;
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(10_000);
    expect(calls()).toEqual([]);
  });

  test('a call that may not leave any more when its turn comes is forgotten, and its row is not taken for written', async () => {
    await settled(addresses(2));
    cluster.groups.beforeLeaving = () => {
      cluster.mayWrite = false;
    };
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(1_000);
    expect(calls()).toEqual([]);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*100']);
  });

  test('writes to one group never overlap', async () => {
    await settled(addresses(80));
    cluster.groups.latencyMs = 300;
    for (let left = 79; left >= 1; left -= 3) {
      cluster.endpoints([...addresses(left), '10.0.9.9']);
      await cluster.after(30);
    }
    await cluster.after(5_000);
    expect(cluster.groups.mostInFlight).toBe(1);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.9.9:8080*100']);
  });
});

test('what departs gets weight 0 in the turn of its event, the last that take requests only once others are in', async () => {
  await settled(addresses(1));
  cluster.node('node-0', { expiring: true });
  await cluster.after(1_000);
  expect(calls()).toEqual([]);
  cluster.node('node-1');
  cluster.endpoints(addresses(2), {}, { '10.0.0.2': 'node-1' });
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*0', '10.0.0.2:8080*100']);
  expect(calls()).toEqual(['add 1', 'set 1']);
  cluster.node('node-0');
  await cluster.after();
  expect(calls()).toEqual(['add 1', 'set 1', 'set 1']);
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*100']);
  cluster.node('node-1', { ready: false, shuttingDown: true });
  await cluster.after();
  expect(calls()).toEqual(['add 1', 'set 1', 'set 1', 'set 1']);
});

test('who is held on a node that shut down keeps weight 0 when the node falls silent, and gets it back once it is Ready', async () => {
  await settled(addresses(2), { minBackends: 2 });
  cluster.node('node-1', { ready: false, shuttingDown: true });
  cluster.endpoints(addresses(2), {}, { '10.0.0.2': 'node-1' });
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*0']);
  cluster.showStatus();
  cluster.endpoints(addresses(1));
  await cluster.after(1_000);
  cluster.node('node-1', { ready: false, shuttingDown: false });
  await cluster.after(1_000);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*0']);
  cluster.node('node-1');
  await cluster.after(400_000);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*100']);
});

describe('endpoints that name no pod', () => {
  /** The same endpoints, written by hand. */
  function unnamed(ips: readonly string[]): void {
    cluster.endpoints(ips);
    cluster.relist(({ subsets }) => ({
      subsets: subsets.map(({ addresses: all, ...rest }) => ({
        ...rest,
        addresses: all.map(({ pod: _, ...address }) => address),
      })),
    }));
  }

  test('whose address is behind another ENI than its row says, after a restart: the row moves', async () => {
    cluster.groups.rows = addresses(3).map((ip) => ownRow(ip));
    unnamed(addresses(3));
    cluster.bind(
      'web',
      {},
      {},
      { backends: addresses(3).map((ip) => ({ ...recorded(ip), podUID: undefined })) },
    );
    cluster.enis.answers.set('10.0.0.2', { state: 'pending' });
    cluster.start();
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe 0']);
    cluster.enis.answer('10.0.0.2', { state: 'found', eniId: 'eni-next' });
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe 0', 'remove 1', 'add 1']);
    expect(cluster.groups.rows.map(({ serverId }) => serverId).sort()).toEqual(
      ['eni-10.0.0.1', 'eni-10.0.0.3', 'eni-next'].sort(),
    );
  });

  test('whose address moves meanwhile: the row moves when a look-up says so, at the latest with the next resync', async () => {
    unnamed(addresses(2));
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    cluster.enis.answers.set('10.0.0.1', { state: 'found', eniId: 'eni-next' });
    await cluster.after(350_000);
    expect(cluster.groups.rows.map(({ serverId }) => serverId).sort()).toEqual(['eni-10.0.0.2', 'eni-next']);
  });

  test('whose addresses no ENI has are told of once, and keep no binding from being Ready', async () => {
    cluster.enis.answers.set('10.0.0.2', { state: 'missing', since: 0 });
    unnamed(addresses(2));
    cluster.bind();
    cluster.start();
    await cluster.after(400_000);
    const { conditions, desired, registered } = cluster.statuses.get('web') ?? {};
    expect(conditions).toMatchObject([{ type: 'Ready', status: 'True', reason: 'Synced' }]);
    expect([desired, registered]).toEqual([2, 1]);
    expect(cluster.events.filter((event) => event.startsWith('AddressOutside'))).toHaveLength(1);
  });

  test('but one that names a pod of this cluster does', async () => {
    cluster.enis.answers.set('10.0.0.2', { state: 'missing', since: 0 });
    cluster.endpoints(addresses(2));
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    expect(cluster.statuses.get('web')?.conditions[0]).toMatchObject({
      status: 'False',
      reason: 'EniNotFound',
    });
    cluster.podIsGone('pod-10.0.0.2');
    await cluster.after(400_000);
    expect(cluster.statuses.get('web')?.conditions[0]).toMatchObject({ status: 'True', reason: 'Synced' });
  });

  test.each<[string, (ips: readonly string[]) => void, Record<string, unknown>]>([
    ['a pod', (ips) => cluster.endpoints(ips), { status: 'False', reason: 'EniNotFound' }],
    ['no pod', unnamed, { status: 'True', reason: 'Synced' }],
  ])('nor does one of another binding on the group, whether it names %s', async (_, list, other) => {
    cluster.enis.answers.set('10.0.0.2', { state: 'missing', since: 0 });
    list(['10.0.0.2']);
    cluster.handOver('api');
    cluster.endpoints(['10.0.0.1']);
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    const ready = ['web', 'api'].map((name) => cluster.statuses.get(name)?.conditions[0]);
    expect(ready).toMatchObject([{ status: 'True', reason: 'Synced' }, other]);
  });

  test('nor does one on a hybrid node: it may never have a network interface', async () => {
    cluster.enis.answers.set('10.0.0.2', { state: 'missing', since: 0 });
    cluster.endpoints(addresses(2));
    cluster.pod('pod-10.0.0.2', {}, { nodeName: 'node-9' });
    cluster.node('node-9', { providerID: 'ack-hybrid://node-9' });
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    expect(cluster.statuses.get('web')?.conditions[0]).toMatchObject({ status: 'True', reason: 'Synced' });
    expect(cluster.events.filter((event) => event.startsWith('AddressOutside'))).toHaveLength(1);
  });

  test('are asked for once a minute at most, however often the group is decided about', async () => {
    unnamed(addresses(20));
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    const asked = cluster.enis.asked.length;
    for (let count = 19; count > 0; count--) {
      unnamed(addresses(count));
      await cluster.after(1_000);
    }
    expect(cluster.enis.asked).toHaveLength(asked);
  });
});

describe('deletion', () => {
  const LOAD_BALANCER_GONE = {
    code: 'InvalidLoadBalancerId.NotFound',
    text: 'The specified LoadBalancerId does not exist.',
    httpStatus: 404,
  };
  const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z' };

  test('the backends of a binding leave, then it is released', async () => {
    await settled(addresses(2));
    cluster.bind('web', {}, deleted);
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual([]);
    expect(cluster.patched).toEqual(['web []']);
  });

  test('with RemoveOnly what something else added stays while it lives, and what left is removed first', async () => {
    cluster.groups.rows = addresses(2).map((ip) => ({ ...ownRow(ip), description: 'someone else' }));
    await cluster.after();
    cluster.endpoints(addresses(2));
    cluster.bind('web', { mode: 'RemoveOnly' });
    cluster.start();
    await cluster.after(1_000);
    cluster.endpoints(addresses(1));
    cluster.bind('web', { mode: 'RemoveOnly' }, deleted);
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.patched).toEqual(['web []']);
  });

  test('with RemoveOnly on a drained node: the weights come back, and it is released', async () => {
    await settled(addresses(2), { mode: 'RemoveOnly' });
    cluster.showsStatus = true;
    cluster.node('node-0', { labels: { [DRAIN_LABEL]: 'true' } });
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual(addresses(2).map((ip) => `${ip}:8080*0`));
    cluster.bind('web', { mode: 'RemoveOnly' }, deleted, cluster.statuses.get('web'));
    await cluster.after(1_000);
    expect(calls()).toEqual(['set 2', 'set 2']);
    expect(cluster.groups.shown).toEqual(addresses(2).map((ip) => `${ip}:8080*100`));
    expect(cluster.patched).toEqual(['web []']);
  });

  const EXCLUSIVE = { ownership: 'Exclusive', drain: { seconds: 60 } };

  test.each<[string, () => void, readonly string[]]>([
    ['deleted', () => cluster.bind('web', EXCLUSIVE, deleted), ['10.0.9.9:8080*30']],
    [
      'Shared',
      () => cluster.bind('web', { ...EXCLUSIVE, ownership: 'Shared' }),
      ['10.0.0.1:8080*100', '10.0.9.9:8080*30'],
    ],
  ])(
    'rows of others that drain for an Exclusive binding stay, with their weight, if it is %s',
    async (_, end, left) => {
      cluster.groups.rows = [ownRow('10.0.0.1'), { ...ownRow('10.0.9.9', 30), description: 'by hand' }];
      cluster.endpoints(['10.0.0.1']);
      cluster.bind('web', EXCLUSIVE);
      cluster.start();
      await cluster.after(1_000);
      expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.9.9:8080*0']);
      const { backends, foreign } = cluster.statuses.get('web')!;
      expect([backends.map(({ serverIp }) => serverIp), foreign]).toEqual([['10.0.0.1'], 1]);
      end();
      await cluster.after(62_000);
      expect(cluster.groups.shown).toEqual(left);
      expect(cluster.patched).toEqual(left.length === 1 ? ['web []'] : []);
    },
  );

  /** The API carries writes out, but no reply arrives, and the group can't be read. */
  const silent: FakeVServerGroups['behave'] = ({ action }) => {
    if (action === 'describe') throw apiError('transient', 'ServiceUnavailable');
    return 'no-reply';
  };

  test('a binding waits until it is known whether its last addition was carried out, and leaks no row', async () => {
    await settled([]);
    cluster.groups.behave = silent;
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(1_000);
    cluster.bind('web', {}, deleted);
    await cluster.after(60_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.patched).toEqual([]);
    cluster.groups.behave = () => undefined;
    await cluster.after(3_000);
    expect(cluster.groups.shown).toEqual([]);
    expect(cluster.patched).toEqual(['web []']);
  });

  test('with RemoveOnly it waits until it is known whether weight 0 was set, and leaves no live backend with it', async () => {
    await settled(['10.0.0.1'], { mode: 'RemoveOnly' });
    cluster.showsStatus = true;
    cluster.groups.behave = silent;
    cluster.node('node-0', { labels: { [DRAIN_LABEL]: 'true' } });
    await cluster.after(1_000);
    cluster.node('node-0');
    cluster.bind('web', { mode: 'RemoveOnly' }, deleted, cluster.statuses.get('web'));
    await cluster.after(60_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*0']);
    expect(cluster.patched).toEqual([]);
    cluster.groups.behave = () => undefined;
    await cluster.after(3_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.patched).toEqual(['web []']);
  });

  test('with RemoveOnly an unknown outcome in a group that may not be read any more does not hold it', async () => {
    await settled(['10.0.0.1'], { mode: 'RemoveOnly' });
    cluster.showsStatus = true;
    cluster.groups.behave = silent;
    cluster.node('node-0', { labels: { [DRAIN_LABEL]: 'true' } });
    await cluster.after(1_000);
    cluster.groups.behave = () => {
      throw apiError('denied', 'Forbidden.RAM');
    };
    cluster.node('node-0');
    cluster.bind('web', { mode: 'RemoveOnly' }, deleted, cluster.statuses.get('web'));
    await cluster.after(3_000);
    expect(cluster.patched).toEqual(['web []']);
  });

  test.each([
    ['group', apiError('groupMissing', 'InvalidParameter')],
    ['load balancer', refused('Remove', undefined, LOAD_BALANCER_GONE)],
  ])('a %s that is gone holds no binding: two calls', async (_, error) => {
    await settled(addresses(2));
    cluster.groups.behave = () => {
      throw error;
    };
    cluster.bind('web', {}, deleted);
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 2', 'describe 0']);
    expect(cluster.patched).toEqual(['web []']);
  });

  test.each<[string, () => FakeVServerGroups['behave']]>([
    [
      'are accepted and not carried out',
      () => {
        const before = [...cluster.groups.rows];
        return ({ action }) =>
          (reply) => {
            if (action === 'remove') cluster.groups.rows = [...before];
            return { ...reply, rows: before };
          };
      },
    ],
    [
      'are refused',
      () =>
        ({ action }) => {
          if (action === 'remove') throw apiError('badBackend', 'ObtainIpFail');
          return undefined;
        },
    ],
  ])('with RemoveOnly it waits for a while, not for ever, for removals that %s', async (_, behaviour) => {
    await settled(addresses(3), { mode: 'RemoveOnly' });
    cluster.groups.behave = behaviour();
    cluster.endpoints(addresses(2));
    cluster.bind('web', { mode: 'RemoveOnly' }, deleted, cluster.statuses.get('web'));
    await cluster.after(500);
    expect(cluster.patched).toEqual([]);
    await cluster.after(60_000);
    expect(cluster.patched).toEqual(['web []']);
  });

  test('with RemoveOnly a refused removal of a pod that has come back holds it no longer than until its next try', async () => {
    await settled(addresses(3), { mode: 'RemoveOnly' });
    cluster.groups.behave = ({ action }) => {
      if (action === 'remove') throw apiError('badBackend', 'ObtainIpFail');
      return undefined;
    };
    cluster.endpoints(addresses(2));
    cluster.bind('web', { mode: 'RemoveOnly' }, deleted, cluster.statuses.get('web'));
    await cluster.after(500);
    expect(cluster.patched).toEqual([]);
    cluster.endpoints(addresses(3));
    await cluster.after(3_000);
    expect(calls()).toEqual(['remove 1']);
    expect(cluster.patched).toEqual(['web []']);
  });

  test('with RemoveOnly a group that may not be read holds no binding of which nothing is known to leave', async () => {
    const backends = addresses(2).map(recorded);
    cluster.endpoints(addresses(2));
    cluster.groups.behave = () => {
      throw apiError('denied', 'Forbidden.RAM');
    };
    cluster.bind('web', { mode: 'RemoveOnly' }, deleted, { backends, loadBalancerId: 'lb-1' });
    cluster.start();
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe 0']);
    expect(cluster.patched).toEqual(['web []']);
  });

  describe('from a region that no name server knows', () => {
    beforeEach(() => {
      cluster.groups.behave = () => {
        throw apiError('transient', 'ENOTFOUND');
      };
      cluster.start();
    });

    const types = () => cluster.statuses.get('web')?.conditions.map(({ type }) => type);

    test.each(['Sync', 'RemoveOnly'])('with %s: told as lasting, and released', async (mode) => {
      cluster.endpoints(addresses(1));
      cluster.bind('web', { mode });
      await cluster.after(5_000);
      expect(types()).toEqual(['Ready', 'Stalled']);
      cluster.bind('web', { mode }, deleted);
      await cluster.after(5_000);
      expect(cluster.patched).toEqual(['web []']);
    });

    test.each([
      ['shows backends', { backends: addresses(1).map(recorded), loadBalancerId: 'lb-1' }],
      ['shows that its group was read', { loadBalancerId: 'lb-1' }],
    ])('one whose status %s stays: it is the name server that fails', async (_, status) => {
      cluster.endpoints(addresses(1));
      cluster.bind('web', {}, {}, status);
      await cluster.after(5_000);
      expect(types()).toEqual(['Ready', 'Reconciling']);
      cluster.bind('web', {}, deleted, status);
      await cluster.after(60_000);
      expect(cluster.patched).toEqual([]);
    });
  });
});

describe('failures', () => {
  test('a busy group is tried again with a new plan, after 100 ms or so', async () => {
    await settled(addresses(3));
    let refusals = 1;
    cluster.groups.behave = () => {
      if (refusals-- > 0) throw apiError('busy', 'VServerGroupProcessing');
      return undefined;
    };
    cluster.endpoints(addresses(2));
    await cluster.after(30);
    cluster.endpoints(['10.0.0.1', '10.0.0.3']);
    await cluster.after(500);
    expect(cluster.groups.calls.map(({ action, backends }) => `${action} ${backends}`)).toEqual([
      'remove 10.0.0.3',
      'remove 10.0.0.2',
    ]);
  });

  test('a fault that ends is noticed within two seconds, however long it lasted', async () => {
    await settled(addresses(2));
    let down = true;
    cluster.groups.behave = () => {
      if (down) throw apiError('busy', 'ServiceIsConfiguring');
      return undefined;
    };
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(60_000);
    down = false;
    await cluster.after(2_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
  });

  test.each<[string, FakeVServerGroups['behave']]>([
    [
      'the group can’t be read',
      () => {
        throw apiError('transient', 'InternalError');
      },
    ],
    ...(['badBackend', 'unfitBackend'] as const).map((kind): [string, FakeVServerGroups['behave']] => [
      `backends are refused (${kind})`,
      ({ action }) => {
        if (action === 'add') throw apiError(kind, 'ObtainIpFail');
        return undefined;
      },
    ]),
  ])(
    'while %s, the status changes once or twice, although each attempt has another request id',
    async (_, fault) => {
      cluster.groups.behave = fault;
      cluster.showsStatus = true;
      cluster.endpoints(addresses(2));
      cluster.bind();
      cluster.start();
      await cluster.after(1_000);
      cluster.statusChanges = 0;
      const before = cluster.groups.calls.length;
      await cluster.after(120_000);
      expect(cluster.groups.calls.length - before).toBeGreaterThanOrEqual(5);
      expect(cluster.statusChanges).toBeLessThanOrEqual(2);
    },
  );

  test('a problem that the operator before has told of is told to be over', async () => {
    const ready = { type: 'Ready', status: 'False', reason: 'BackendsRefused', message: 'refused.' };
    const conditions = [{ ...ready, observedGeneration: 1, lastTransitionTime: '2025-12-31T00:00:00Z' }];
    await settled(addresses(2), {}, { conditions });
    expect(cluster.events).toEqual([expect.stringMatching(/^Recovered: /)]);
  });

  test.each(['Sync', 'RemoveOnly'])(
    'weight 0 for a drained node is refused: the status says which weight is left, until it is set (%s)',
    async (mode) => {
      await settled(addresses(2), { mode });
      cluster.showsStatus = true;
      let busy = true;
      cluster.groups.behave = () => {
        if (busy) throw apiError('busy', 'VServerGroupProcessing');
        return undefined;
      };
      const told = () => cluster.statuses.get('web')?.backends.map(({ state, message }) => [state, message]);
      cluster.node('node-0', { labels: { [DRAIN_LABEL]: 'true' } });
      await cluster.after(3_000);
      expect(told()).toEqual(addresses(2).map(() => ['Draining', 'still has weight 100']));
      busy = false;
      await cluster.after(3_000);
      expect(cluster.groups.shown).toEqual(addresses(2).map((ip) => `${ip}:8080*0`));
      expect(told()).toEqual(addresses(2).map(() => ['Draining', undefined]));
    },
  );

  test('after an unknown outcome the group is read before anything else is written', async () => {
    await settled(addresses(3));
    let lost = 1;
    cluster.groups.behave = ({ action }) => (action === 'remove' && lost-- > 0 ? 'no-reply' : undefined);
    cluster.endpoints(addresses(2));
    await cluster.after(2_000);
    expect(calls()).toEqual(['remove 1', 'describe 0']);
  });

  test('a lost reply to an addition leaks nothing: its tag tells whose it is', async () => {
    await settled(addresses(2));
    let lost = 1;
    cluster.groups.behave = ({ action }) => (action === 'add' && lost-- > 0 ? 'no-reply' : undefined);
    cluster.endpoints([...addresses(2), '10.0.9.9']);
    await cluster.after(30);
    cluster.endpoints(addresses(2));
    await cluster.after(2_000);
    expect(cluster.groups.shown).toHaveLength(2);
  });

  test('a reply that contradicts its call is not believed: the group is read', async () => {
    await settled(addresses(3));
    const before = [...cluster.groups.rows];
    let lies = 1;
    cluster.groups.behave = ({ action }) =>
      action === 'remove' && lies-- > 0 ? (reply) => ({ ...reply, rows: before }) : undefined;
    cluster.endpoints(addresses(2));
    await cluster.after(2_000);
    expect(calls()).toEqual(['remove 1', 'describe 0']);
  });

  test('a refused removal of a pod that has come back is told no longer than until its next try', async () => {
    const reason = () => cluster.statuses.get('web')?.conditions[0]?.reason;
    await settled(addresses(2));
    cluster.groups.behave = ({ action }) => {
      if (action === 'remove') throw apiError('badBackend', 'ObtainIpFail');
      return undefined;
    };
    cluster.endpoints(addresses(1));
    await cluster.after(500);
    expect(reason()).toBe('BackendsRefused');
    cluster.endpoints(addresses(2));
    await cluster.after(3_000);
    expect(reason()).toBe('Synced');
  });

  test('a bad backend is split off, the others land at once, and it alone is tried again', async () => {
    await settled([]);
    const bad = '10.0.0.7';
    cluster.groups.behave = ({ action, backends }) => {
      if (action === 'add' && backends.includes(bad)) throw apiError('badBackend', 'ObtainIpFail');
      return undefined;
    };
    cluster.endpoints(addresses(20));
    await cluster.after(400);
    expect(cluster.groups.shown).toHaveLength(19);
    expect(cluster.groups.calls.length).toBeLessThanOrEqual(11);
    const tried = cluster.groups.calls.length;
    await cluster.after(2_500);
    expect(cluster.groups.calls.slice(tried).every(({ backends }) => backends.join() === bad)).toBe(true);
    expect(cluster.groups.calls.length).toBeGreaterThan(tried);
    cluster.groups.behave = () => undefined;
    await cluster.after(60_000);
    expect(cluster.groups.shown).toHaveLength(20);
  });

  test('a bad backend that the message names stands alone at once', async () => {
    await settled([]);
    cluster.groups.behave = ({ action, backends }) => {
      if (action === 'add' && backends.includes('10.0.0.7'))
        throw apiError(
          'badBackend',
          'ResourceNotFound.vServers',
          'refused',
          'The ENI eni-10.0.0.7 does not exist',
        );
      return undefined;
    };
    cluster.endpoints(addresses(20));
    await cluster.after(200);
    expect(calls()).toEqual(['add 20', 'add 1', 'add 19']);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'a retry that falls due while it is decided, %d looks at the clock later, is not lost',
    async (looks) => {
      await settled([]);
      cluster.groups.behave = ({ action }) => {
        if (action === 'add') throw apiError('badBackend', 'ObtainIpFail');
        return undefined;
      };
      cluster.endpoints(['10.0.0.1']);
      await cluster.after(20);
      expect(calls()).toEqual(['add 1']);
      await cluster.after(1_500 - looks);
      const { now } = FakeClock.prototype;
      let looked = 0;
      cluster.clock.now = () => now.call(cluster.clock) + looked++;
      cluster.endpoints(['10.0.0.1']);
      await cluster.after();
      cluster.clock.now = now;
      await cluster.after(20_000);
      expect(calls().length).toBeGreaterThan(2);
    },
  );

  describe('many backends that the load balancer refuses for one reason', () => {
    const refusing = (code: string, ...but: readonly string[]): FakeVServerGroups['behave'] => {
      const bad = addresses(20).filter((ip) => !but.includes(ip));
      const kind = code === 'NetworkConflict' ? 'unfitBackend' : 'badBackend';
      return ({ action, backends }) => {
        if (action === 'add' && backends.some((ip) => bad.includes(ip))) throw apiError(kind, code);
        return undefined;
      };
    };

    async function refused(code: string): Promise<void> {
      await settled([]);
      cluster.groups.behave = refusing(code);
      cluster.endpoints(addresses(22));
      await cluster.after(60_000);
    }

    test('are tried again together, and one of them alone, each time later; no look-up', async () => {
      await refused('NetworkConflict');
      expect(cluster.groups.shown).toHaveLength(2);
      expect(cluster.enis.asked).toHaveLength(22);
      expect(cluster.groups.calls.length).toBeLessThanOrEqual(55);
      cluster.groups.calls.length = 0;
      await cluster.after(10 * 60_000);
      expect(cluster.groups.writes.length).toBeLessThanOrEqual(14);
      expect(new Set(calls())).toEqual(new Set(['add 20', 'add 1', 'describe 0']));
      const alone = cluster.groups.writes.filter(({ backends }) => backends.length === 1);
      expect(new Set(alone.map(({ backends }) => backends.join())).size).toBe(alone.length);
    });

    test('are all in with one call as soon as the reason is gone, by themselves within two minutes', async () => {
      await refused('NetworkConflict');
      cluster.groups.behave = () => undefined;
      cluster.groups.calls.length = 0;
      await cluster.after(120_000);
      expect(calls()).toEqual(['add 20']);
      expect(cluster.groups.shown).toHaveLength(22);
    });

    test('are all in at once after a change of the binding', async () => {
      await refused('NetworkConflict');
      cluster.groups.behave = () => undefined;
      cluster.bind('web', { minBackends: 1 });
      await cluster.after(1_000);
      expect(cluster.groups.shown).toHaveLength(22);
    });

    test('and are unknown to it: those that it comes to know are in, whatever becomes of the others', async () => {
      await refused('ObtainIpFail');
      cluster.groups.behave = refusing('ObtainIpFail', ...addresses(10));
      cluster.groups.calls.length = 0;
      await cluster.after(5 * 60_000);
      expect(cluster.groups.shown).toHaveLength(12);
      expect(cluster.groups.writes.length).toBeLessThanOrEqual(60);
    });

    test('hold no new backend up: it is not in a call with them', async () => {
      await refused('NetworkConflict');
      cluster.endpoints([...addresses(22), '10.0.9.9']);
      await cluster.after(1_000);
      expect(cluster.groups.shown).toContain('10.0.9.9:8080*100');
    });
  });

  test('a backend whose weight is refused is removed all the same when it leaves', async () => {
    await settled(addresses(2));
    cluster.groups.behave = ({ action }) => {
      if (action === 'set') throw apiError('badBackend', 'ObtainIpFail');
      return undefined;
    };
    cluster.bind('web', { weight: 50 });
    await cluster.after(1_000);
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(0);
    expect(cluster.groups.calls.at(-1)).toMatchObject({ action: 'remove', backends: ['10.0.0.2'] });
  });

  test('a full load balancer: not even one fits, so what leaves goes first, then the addition', async () => {
    await settled(addresses(4));
    cluster.groups.behave = ({ action }) => {
      if (action === 'add' && cluster.groups.rows.length >= 4)
        throw apiError('quota', 'InstanceBackendServerNumberOverLimit');
      return undefined;
    };
    cluster.endpoints(addresses(4, 50));
    await cluster.after(3_000);
    expect(calls()).toEqual(['add 4', 'add 2', 'add 1', 'remove 4', 'add 4']);
    expect(cluster.groups.shown).toHaveLength(4);
  });
});

describe('a wall clock that is set', () => {
  const HOUR = 3_600_000;

  test.each([1, -1])(
    'by %d h: a drain lasts as long as it should, whatever is planned meanwhile',
    async (hours) => {
      await settled(addresses(3), { drain: { seconds: 60 } });
      cluster.endpoints(addresses(2));
      await cluster.after(20_000);
      expect(calls()).toEqual(['set 1']);
      cluster.clock.jump(hours * HOUR);
      cluster.endpoints(addresses(1));
      await cluster.after(20_000);
      expect(calls()).toEqual(['set 1', 'set 1']);
      const { backends } = cluster.statuses.get('web') ?? { backends: [] };
      const begun = backends.flatMap(({ drainingSince }) =>
        drainingSince ? [Date.parse(drainingSince)] : [],
      );
      const secondsAgo = begun.map((at) => Math.round((cluster.clock.wall() - at) / 1_000));
      expect(secondsAgo.sort((a, b) => a - b)).toEqual([20, 40]);
      await cluster.after(19_900);
      expect(calls()).toEqual(['set 1', 'set 1']);
      await cluster.after(100);
      expect(calls()).toEqual(['set 1', 'set 1', 'remove 1']);
      await cluster.after(20_000);
      expect(calls()).toEqual(['set 1', 'set 1', 'remove 1', 'remove 1']);
    },
  );

  /** `ready`: the names of those of the ten nodes that are Ready. */
  function nodes(ready: string): void {
    for (const name of 'abcdefghij') cluster.node(name, { ready: ready.includes(name) });
  }

  async function settledOnNodes(): Promise<void> {
    for (const { key } of cluster.caches.nodes.list()) cluster.caches.nodes.remove(key);
    nodes('abcdefghij');
    const ports = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }];
    cluster.service({ type: 'NodePort', ports });
    cluster.bind('web', { backendType: 'ecs' });
    cluster.start();
    await cluster.after(1_000);
    cluster.groups.calls.length = 0;
  }

  test.each([1, -1])(
    'by %d h: a node that is not Ready leaves after the tolerance, and stays out',
    async (hours) => {
      await settledOnNodes();
      nodes('abcdefghi');
      await cluster.after(2_000);
      cluster.clock.jump(hours * HOUR);
      await cluster.after(2_900);
      expect(calls()).toEqual([]);
      await cluster.after(200);
      expect(calls()).toEqual(['remove 1']);
      cluster.clock.jump(hours * HOUR);
      nodes('abcdefghi');
      await cluster.after(60_000);
      expect(calls()).toEqual(['remove 1']);
    },
  );

  test.each([1, -1])(
    'by %d h: who stayed because most nodes were lost stays until they recover',
    async (hours) => {
      await settledOnNodes();
      nodes('');
      await cluster.after(60_000);
      nodes('ab');
      await cluster.after(60_000);
      cluster.clock.jump(hours * HOUR);
      nodes('abc');
      await cluster.after(60_000);
      expect(cluster.groups.writes).toEqual([]);
      await cluster.after(8 * 60_000);
      expect(calls().filter((call) => call !== 'describe 0')).toEqual(['remove 5']);
    },
  );
});
