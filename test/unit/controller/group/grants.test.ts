import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FINALIZER } from '../../../../src/api/names.ts';
import { GROUP, ownRow, TestCluster } from './cluster.ts';

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster({ requireGrants: true });
  cluster.showsStatus = true;
});
afterEach(async () => {
  await cluster.stop();
});

const byHand = (ip: string) => ({ ...ownRow(ip), description: 'by hand' });
const calls = () => cluster.groups.calls.map(({ action, backends }) => `${action} ${backends}`.trim());
const reasonOf = (name = 'web') =>
  cluster.statuses.get(name)?.conditions.find(({ type }) => type === 'Ready')?.reason;
const conditionsOf = (name = 'web') =>
  cluster.statuses.get(name)?.conditions.map(({ type, status }) => `${type} ${status}`);

/** A group with two pods and a foreign row. */
async function served(spec: Record<string, unknown> = {}, annotation = GROUP): Promise<void> {
  cluster.groups.rows = [byHand('10.9.9.9')];
  cluster.grant(annotation);
  cluster.endpoints(['10.0.0.1', '10.0.0.2']);
  cluster.bind('web', spec);
  cluster.start();
  await cluster.after(2_000);
  cluster.groups.calls.length = 0;
  cluster.events.length = 0;
}

describe('a binding in a namespace that was never granted the group', () => {
  beforeEach(() => {
    cluster.groups.rows = [byHand('10.9.9.9')];
    cluster.endpoints(['10.0.0.1']);
  });

  test('makes no call, gets no finalizer, and is told nothing of the group but this', async () => {
    cluster.grant('rsp-2');
    cluster.bind('web', { ownership: 'Exclusive' }, { finalizers: [] });
    cluster.start();
    await cluster.after(700_000);
    expect([calls(), cluster.patched]).toEqual([[], []]);
    expect(conditionsOf()).toEqual(['Ready False', 'Stalled True']);
    expect(cluster.statuses.get('web')).toMatchObject({ foreign: 0, desired: 0, backends: [] });
    expect(cluster.statuses.get('web')).not.toHaveProperty('loadBalancerId');
    expect(cluster.events).toEqual([
      `GroupNotGranted: Namespace shop is not granted vServer group ${GROUP} (cn-hangzhou): nothing is added to it for this binding; its live backends stay, the others leave as usual. Have a cluster administrator add ${GROUP}, or its load balancer, to the annotation slb.alibabacloud.com/grants of the namespace, or delete the binding.`,
    ]);
  });

  test('goes once it is deleted, and its group keeps what it has', async () => {
    cluster.grant(undefined);
    cluster.bind('web', { ownership: 'Exclusive' }, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    cluster.start();
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe']);
    expect(cluster.patched).toEqual(['web []']);
  });

  test('is served as soon as it is granted', async () => {
    cluster.grant('');
    cluster.bind('web', {}, { finalizers: [FINALIZER] });
    cluster.start();
    await cluster.after(1_000);
    cluster.grant(GROUP);
    await cluster.after(1_000);
    expect(calls()).toEqual(['describe', 'add 10.0.0.1']);
    expect(cluster.events.map((event) => event.split(':')[0])).toEqual([
      'GroupNotGranted',
      'Added',
      'Recovered',
    ]);
  });

  test('with grants of load balancers, has its group read once to know whose it is', async () => {
    cluster.grant('lb-2');
    cluster.bind();
    cluster.start();
    await cluster.after(700_000);
    expect(calls()).toEqual(['describe']);
    expect(reasonOf()).toBe('GroupNotGranted');
    expect(cluster.statuses.get('web')).not.toHaveProperty('loadBalancerId');
    expect(cluster.statuses.get('web')).toMatchObject({ foreign: 0 });
    cluster.grant('lb-2 lb-1');
    await cluster.after(1_000);
    expect(calls().slice(0, 2)).toEqual(['describe', 'add 10.0.0.1']);
  });

  test('that is not known yet is no reason to say that it has no grant', async () => {
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    expect([reasonOf(), cluster.events, calls()]).toEqual(['Progressing', [], []]);
    cluster.grant(GROUP);
    await cluster.after(1_000);
    expect(reasonOf()).toBe('Synced');
  });

  test('does not hold its pods back', async () => {
    await cluster.stop();
    cluster = new TestCluster({ requireGrants: true, readinessGates: true });
    cluster.grant('');
    cluster.bind();
    cluster.start();
    cluster.gatedPod('pod-10.0.0.1');
    await cluster.after(5_000);
    expect(cluster.gates).toEqual(['pod-10.0.0.1 True GroupNotGranted']);
  });
});

describe('the grant is withdrawn', () => {
  test('and comes back: what lives stays, what leaves leaves, what joins waits for the grant', async () => {
    await served();
    cluster.grant('');
    await cluster.after(1_000);
    expect([reasonOf(), calls()]).toEqual(['GroupNotGranted', []]);
    cluster.endpoints(['10.0.0.2', '10.0.0.3']);
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 10.0.0.1']);
    expect(cluster.statuses.get('web')).toMatchObject({ registered: 1, loadBalancerId: 'lb-1' });
    cluster.grant(GROUP);
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 10.0.0.1', 'add 10.0.0.3']);
    expect(cluster.events.map((event) => event.split(':')[0])).toEqual([
      'GroupNotGranted',
      'Removed',
      'Added',
      'Recovered',
    ]);
  });

  test('and another weight or a row that is removed by hand is not put right', async () => {
    await served();
    cluster.grant('');
    await cluster.after(1_000);
    cluster.bind('web', { weight: 50 }, { uid: 'uid-web' }, cluster.statuses.get('web'));
    cluster.groups.rows = cluster.groups.rows.filter(({ serverIp }) => serverIp !== '10.0.0.2');
    await cluster.after(700_000);
    expect(cluster.groups.writes).toEqual([]);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.9.9.9:8080*100']);
  });

  test.each([
    ['Exclusive', { ownership: 'Exclusive' }],
    ['RemoveOnly', { mode: 'RemoveOnly' }],
  ])('from %s: rows of others are left alone, even those for its pods', async (_, spec) => {
    await served(spec, `${GROUP}:Exclusive`);
    cluster.grant('');
    await cluster.after(1_000);
    cluster.groups.rows.push(byHand('10.0.0.7'), byHand('10.8.8.8'));
    cluster.endpoints(['10.0.0.1', '10.0.0.2', '10.0.0.7']);
    await cluster.after(330_000);
    cluster.endpoints(['10.0.0.1', '10.0.0.2']);
    await cluster.after(330_000);
    expect(cluster.groups.writes).toEqual([]);
  });

  test('by a process that begins then, too', async () => {
    await served();
    const status = cluster.statuses.get('web');
    await cluster.stop();
    const { rows } = cluster.groups;
    cluster = new TestCluster({ requireGrants: true });
    cluster.groups.rows = rows;
    cluster.grant('');
    cluster.bind('web', {}, {}, status);
    cluster.endpoints(['10.0.0.2', '10.0.0.3']);
    cluster.start();
    await cluster.after(2_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.2:8080*100', '10.9.9.9:8080*100']);
    expect(reasonOf()).toBe('GroupNotGranted');
  });

  test('and the binding deleted: its backends leave', async () => {
    await served();
    cluster.grant('');
    await cluster.after(1_000);
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    cluster.bind('web', {}, metadata, cluster.statuses.get('web'));
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 10.0.0.1,10.0.0.2']);
    expect(cluster.patched).toEqual(['web []']);
  });

  test('and the binding deleted that retains: they stay', async () => {
    await served({ deletionPolicy: 'Retain' });
    cluster.grant('');
    await cluster.after(1_000);
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    cluster.bind('web', { deletionPolicy: 'Retain' }, metadata, cluster.statuses.get('web'));
    await cluster.after(1_000);
    expect([calls(), cluster.patched]).toEqual([[], ['web []']]);
  });

  test('from a suspended binding: nothing leaves either, and it is told', async () => {
    await served();
    cluster.bind('web', { suspend: true }, {}, cluster.statuses.get('web'));
    cluster.grant('');
    cluster.endpoints([]);
    await cluster.after(1_000);
    expect([reasonOf(), calls()]).toEqual(['GroupNotGranted', []]);
  });

  test('and a pod with a gate joins: it waits, so that the rollout does', async () => {
    await cluster.stop();
    cluster = new TestCluster({ requireGrants: true, readinessGates: true });
    cluster.showsStatus = true;
    await served();
    cluster.grant('');
    await cluster.after(1_000);
    cluster.gatedPod('pod-10.0.0.3');
    cluster.endpoints(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    await cluster.after(10_000);
    expect(cluster.gates).toEqual(['pod-10.0.0.3 False GroupNotGranted']);
    cluster.grant(GROUP);
    await cluster.after(2_000);
    expect(cluster.gates.at(-1)).toBe('pod-10.0.0.3 True Registered');
  });
});

describe('Exclusive without a grant of its own', () => {
  test('leaves the rows of others alone, says so, and does all else', async () => {
    await served({ ownership: 'Exclusive' });
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*100', '10.9.9.9:8080*100']);
    expect([reasonOf(), conditionsOf()]).toEqual(['ExclusiveNotGranted', ['Ready False', 'Stalled True']]);
    cluster.endpoints(['10.0.0.2', '10.0.0.3']);
    await cluster.after(1_000);
    expect(calls()).toEqual(['remove 10.0.0.1', 'add 10.0.0.3']);
    cluster.grant(`${GROUP}:Exclusive`);
    await cluster.after(1_000);
    expect(calls().slice(2)).toEqual(['remove 10.9.9.9']);
    expect(reasonOf()).toBe('Synced');
  });

  test('is granted by the load balancer, too', async () => {
    await served({ ownership: 'Exclusive' }, 'lb-1:Exclusive');
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*100']);
  });
});

describe('a grant that can’t be read', () => {
  const TYPO = 'rsp_1';

  test('takes nothing from a binding that works, nor from one of another process; its user is told once', async () => {
    await served();
    cluster.grant(TYPO);
    cluster.endpoints(['10.0.0.2', '10.0.0.3']);
    await cluster.after(2_000);
    expect(calls()).toEqual(['remove 10.0.0.1', 'add 10.0.0.3']);
    expect(reasonOf()).toBe('Synced');
    const told = cluster.events.filter((event) => event.startsWith('GrantsUnreadable'));
    expect(told).toEqual([
      `GrantsUnreadable: the annotation slb.alibabacloud.com/grants of namespace shop has "rsp_1", which is no id of a group or load balancer, alone or with :Exclusive. Have a cluster administrator correct it. The other entries count, and this binding still changes vServer group ${GROUP} (cn-hangzhou).`,
    ]);
  });

  test('gives an Exclusive binding no right over rows of others', async () => {
    await served({ ownership: 'Exclusive' }, `${GROUP}:Exclusive`);
    cluster.grant(`${TYPO}:Exclusive`);
    cluster.groups.rows.push(byHand('10.8.8.8'));
    await cluster.after(330_000);
    expect(cluster.groups.writes).toEqual([]);
    expect(reasonOf()).toBe('ExclusiveNotGranted');
  });

  test('gives nothing to a binding that was not served', async () => {
    cluster.grant(TYPO);
    cluster.endpoints(['10.0.0.1']);
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    expect(calls()).toEqual([]);
    expect(cluster.events).toEqual([
      expect.stringContaining(
        'Namespace shop, whose grants have "rsp_1", which is no id of a group or load balancer, alone or with :Exclusive, is not granted',
      ),
    ]);
  });

  test('gives nothing back to one whose grant was withdrawn before', async () => {
    await served();
    cluster.grant('');
    await cluster.after(2_000);
    cluster.grant(TYPO);
    cluster.endpoints(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    await cluster.after(2_000);
    expect([reasonOf(), calls()]).toEqual(['GroupNotGranted', []]);
  });
});

test('a spec that can’t be read for a while gives nothing back that was withdrawn, whatever the annotation says', async () => {
  await served();
  cluster.grant('rsp-2');
  await cluster.after(1_000);
  cluster.grant('rsp-2 Rsp-3');
  const status = cluster.statuses.get('web');
  const matchLabels = { ['x'.repeat(400)]: '' };
  cluster.bind('web', { backendType: 'ecs', nodeSelector: { matchLabels } }, {}, status);
  await cluster.after(1_000);
  const conditions = (cluster.conditions.get('web') ?? []).map((one) => {
    const [type, reason] = one.split(' ');
    return { type, status: 'False', reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  });
  cluster.bind('web', {}, {}, { ...status, conditions });
  cluster.endpoints(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  await cluster.after(2_000);
  expect([reasonOf(), calls()]).toEqual(['GroupNotGranted', []]);
});

test('a binding without a grant that can’t be read is told both', async () => {
  cluster.grant('');
  cluster.bind('web', { weight: 101 });
  cluster.start();
  await cluster.after(1_000);
  expect(cluster.events).toEqual([
    `GroupNotGranted: Namespace shop is not granted vServer group ${GROUP} (cn-hangzhou), and shop/web can't be read: spec.weight: Too big: expected number to be <=100. The group is left as it is for this binding. Have a cluster administrator add ${GROUP}, or its load balancer, to the annotation slb.alibabacloud.com/grants of the namespace, and correct the spec, or delete the binding.`,
  ]);
});

test('a namespace that is missing in the cache gives nothing back that was withdrawn', async () => {
  await served();
  cluster.grant('');
  await cluster.after(2_000);
  cluster.caches.namespaces.remove('shop');
  cluster.endpoints(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  await cluster.after(2_000);
  cluster.endpoints(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']);
  await cluster.after(2_000);
  expect([reasonOf(), calls()]).toEqual(['GroupNotGranted', []]);
});

describe('a group by its name', () => {
  const BY_NAME = { vServerGroupId: undefined, vServerGroup: { loadBalancerId: 'lb-1', name: 'web' } };

  beforeEach(() => {
    cluster.groups.lists.set('lb-1', [{ id: GROUP, name: 'web' }]);
    cluster.endpoints(['10.0.0.1']);
  });

  test('of a load balancer that is not granted is not looked up; told; found as soon as it is granted', async () => {
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(70_000);
    expect([cluster.groups.listCalls, cluster.events]).toEqual([[], []]);
    cluster.grant('lb-2');
    await cluster.after(70_000);
    expect([cluster.groups.listCalls, calls(), reasonOf()]).toEqual([[], [], 'GroupNotGranted']);
    expect(cluster.events).toEqual([
      'GroupNotGranted: Namespace shop is not granted load balancer lb-1 (cn-hangzhou): the group of this binding is not looked up. Have a cluster administrator add it, or the id of the group, to the annotation slb.alibabacloud.com/grants of the namespace, or delete the binding.',
    ]);
    cluster.grant('lb-1');
    await cluster.after(2_000);
    expect(calls()).toEqual(['describe', 'add 10.0.0.1']);
    expect(reasonOf()).toBe('Synced');
  });

  test('is looked up where groups are granted, and served only if it is one of them', async () => {
    cluster.grant('rsp-2');
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(2_000);
    expect([cluster.groups.listCalls, calls(), reasonOf()]).toEqual([['lb-1'], [], 'GroupNotGranted']);
    cluster.grant(GROUP);
    await cluster.after(2_000);
    expect(calls()).toEqual(['describe', 'add 10.0.0.1']);
  });

  describe('that is not granted, and then recreated', () => {
    const told = () => [cluster.statuses.get('web')?.vServerGroupId, reasonOf()];
    const isRecreated = () => void cluster.groups.lists.set('lb-1', [{ id: 'rsp-3', name: 'web' }]);

    async function refused(annotation: string): Promise<void> {
      cluster.grant(annotation);
      cluster.bind('web', BY_NAME);
      cluster.start();
      await cluster.after(2_000);
      expect([told(), cluster.groups.listCalls]).toEqual([[GROUP, 'GroupNotGranted'], ['lb-1']]);
    }

    test('is served as soon as the new one is granted', async () => {
      await refused('rsp-2');
      isRecreated();
      cluster.grant('rsp-2 rsp-3');
      await cluster.after(2_000);
      expect([told(), calls()]).toEqual([
        ['rsp-3', 'Synced'],
        ['describe', 'add 10.0.0.1'],
      ]);
    });

    test('is served by an operator that starts after the new one was granted', async () => {
      await refused('rsp-2');
      const status = cluster.statuses.get('web');
      await cluster.stop();
      cluster = new TestCluster({ requireGrants: true });
      cluster.showsStatus = true;
      isRecreated();
      cluster.endpoints(['10.0.0.1']);
      cluster.grant('rsp-3');
      cluster.bind('web', BY_NAME, {}, status);
      cluster.start();
      await cluster.after(2_000);
      expect(told()).toEqual(['rsp-3', 'Synced']);
    });

    test.each([
      ['answers', () => {}],
      [
        'fails',
        () => {
          throw new Error('boom');
        },
      ],
    ])(
      'is found at a resync if the new one was granted before; until then, while the API %s, each costs one call',
      async (_, list) => {
        await refused('rsp-3');
        cluster.groups.beforeList = list;
        for (let minute = 0; minute < 30; minute++) {
          cluster.endpoints([`10.0.0.${minute}`]);
          await cluster.after(60_000);
        }
        expect(told()).toEqual([GROUP, 'GroupNotGranted']);
        expect(cluster.groups.listCalls.length).toBeLessThanOrEqual(7);
        expect(calls()).toEqual([]);
        cluster.groups.beforeList = () => {};
        isRecreated();
        await cluster.after(330_000);
        expect(told()).toEqual(['rsp-3', 'Synced']);
      },
    );
  });
});

test('a namespace that is missing in the cache takes nothing from a binding that works', async () => {
  await served();
  cluster.caches.namespaces.remove('shop');
  cluster.endpoints(['10.0.0.2', '10.0.0.3']);
  await cluster.after(1_000);
  expect(calls()).toEqual(['remove 10.0.0.1', 'add 10.0.0.3']);
});

test('without --require-grants nothing is asked for', async () => {
  await cluster.stop();
  cluster = new TestCluster();
  cluster.endpoints(['10.0.0.1']);
  cluster.bind();
  cluster.start();
  await cluster.after(1_000);
  expect(calls()).toEqual(['describe', 'add 10.0.0.1']);
});
