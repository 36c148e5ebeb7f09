import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { groupsByRole } from '../../../../src/alibaba/groups-by-role.ts';
import type { AssumedRole } from '../../../../src/cloud/group-ref.ts';
import { GROUP, ownRow, TestCluster, type TestClusterOptions } from './cluster.ts';
import { apiError, FakeVServerGroups } from './fake-cloud.ts';

const ROLE: AssumedRole = { roleArn: 'acs:ram::2:role/slb', externalId: 'shop/1' };
const OTHER_ROLE: AssumedRole = { roleArn: 'acs:ram::2:role/other' };
const LISTED = [ROLE.roleArn, OTHER_ROLE.roleArn];

/** The group with this ID in the operator's own account, and the one in account 2. */
let own: FakeVServerGroups;
let far: FakeVServerGroups;
/** The roles with which account 2 was called, without consecutive repeats. */
let roles: AssumedRole[];
let cluster: TestCluster<ReturnType<typeof groupsByRole>>;

function setUp(options: Omit<TestClusterOptions<never>, 'groups' | 'clock'> = { assumableRoles: LISTED }) {
  const clock = new FakeClock(1_000);
  own = new FakeVServerGroups(clock);
  far = new FakeVServerGroups(clock);
  roles = [];
  const groups = groupsByRole(own, (role) => {
    if (roles.at(-1) !== role) roles.push(role);
    return far;
  });
  cluster = new TestCluster({ ...options, clock, groups });
  cluster.endpoints(['10.0.0.1']);
}

beforeEach(() => setUp());
afterEach(async () => {
  await cluster.stop();
});

const callsOf = ({ calls }: FakeVServerGroups) =>
  calls.map(({ action, backends }) => `${action} ${backends}`.trim());

test('a group of another account is read and changed with the role, and named with the account', async () => {
  cluster.bind('web', { assumeRole: ROLE });
  cluster.start();
  await cluster.after(2_000);
  expect([callsOf(own), callsOf(far), roles]).toEqual([[], ['describe', 'add 10.0.0.1'], [ROLE]]);
  expect(cluster.events).toEqual([
    `Added: Added 1 backend to vServer group ${GROUP} (cn-hangzhou, account 2): 10.0.0.1:8080 (request request-2).`,
  ]);
});

test('one id in two accounts is two groups', async () => {
  cluster.bind('web');
  cluster.bind('far', { assumeRole: ROLE });
  cluster.start();
  await cluster.after(2_000);
  expect([own.shown, far.shown]).toEqual([['10.0.0.1:8080*100'], ['10.0.0.1:8080*100']]);
  own.behave = () => {
    throw apiError('denied', 'Forbidden.RAM');
  };
  cluster.endpoints([]);
  await cluster.after(2_000);
  expect([own.shown, far.shown]).toEqual([['10.0.0.1:8080*100'], []]);
});

test('bindings of one account are on one group, which the oldest calls with its role until it goes', async () => {
  const at = (second: number) => ({ creationTimestamp: `2026-01-01T00:00:0${second}Z` });
  cluster.bind('a', { assumeRole: OTHER_ROLE }, at(2));
  cluster.bind('b', { assumeRole: ROLE }, at(1));
  cluster.start();
  await cluster.after(2_000);
  expect(roles).toEqual([ROLE]);
  expect(far.mostInFlight).toBe(1);
  cluster.unbind('b');
  cluster.endpoints(['10.0.0.1', '10.0.0.2']);
  await cluster.after(2_000);
  expect(roles).toEqual([ROLE, OTHER_ROLE]);
});

test('a role that the cloud refuses makes room for that of the next binding, which stays', async () => {
  const at = (second: number) => ({ creationTimestamp: `2026-01-01T00:00:0${second}Z` });
  far.behave = () => {
    if (roles.at(-1)?.roleArn === ROLE.roleArn) throw apiError('credentials', 'NoPermission');
    return undefined;
  };
  cluster.bind('a', { assumeRole: OTHER_ROLE }, at(2));
  cluster.bind('b', { assumeRole: ROLE }, at(1));
  cluster.start();
  await cluster.after(5_000);
  expect(far.shown).toEqual(['10.0.0.1:8080*100']);
  cluster.endpoints([]);
  await cluster.after(2_000);
  expect(far.shown).toEqual([]);
  expect(roles).toEqual([ROLE, OTHER_ROLE]);
});

describe('a binding without a grant that names another role', () => {
  const WRONG: AssumedRole = { roleArn: ROLE.roleArn, externalId: 'wrong' };
  const OLDER = { namespace: 'rival', creationTimestamp: '2026-01-01T00:00:00Z' };
  const NEWER = { creationTimestamp: '2026-01-02T00:00:00Z' };
  const DELETED = { deletionTimestamp: '2026-01-02T00:00:00Z', finalizers: ['example.com/keep'] };
  const UNREADABLE = {
    backendType: 'ecs',
    nodeSelector: { matchLabels: { ['x'.repeat(400)]: '' } },
  };

  beforeEach(() => {
    setUp({ assumableRoles: LISTED, requireGrants: true });
    far.behave = () => {
      if (roles.at(-1)?.externalId === WRONG.externalId) throw apiError('credentials', 'NoPermission');
      return undefined;
    };
  });

  test.each([
    ['lives', '', {}, {}, undefined],
    ['is kept from being deleted', '', {}, DELETED, undefined],
    ['has grants of load balancers only', 'lb-9', {}, {}, undefined],
    ['can’t be read', '', UNREADABLE, {}, undefined],
    ['was served once', '', {}, {}, { loadBalancerId: 'lb-1' }],
    ['was served once and can’t be read', '', UNREADABLE, {}, { loadBalancerId: 'lb-1' }],
  ])('and %s decides nothing, though it is older', async (_, grants, spec, metadata, status) => {
    cluster.grant(grants, 'rival');
    cluster.grant(GROUP);
    cluster.bind('spy', { assumeRole: WRONG, ...spec }, { ...OLDER, ...metadata }, status);
    cluster.bind('web', { assumeRole: ROLE }, NEWER);
    cluster.start();
    await cluster.after(2_000);
    expect([roles, far.shown]).toEqual([[ROLE], ['10.0.0.1:8080*100']]);
  });

  test('and can’t be read has no call made for it, and gets no finalizer', async () => {
    cluster.grant('', 'rival');
    cluster.bind('spy', { assumeRole: WRONG, ...UNREADABLE }, { ...OLDER, finalizers: [] });
    cluster.start();
    await cluster.after(700_000);
    expect([roles, cluster.patched]).toEqual([[], []]);
  });

  test('does not block one whose grant is found by reading the group', async () => {
    cluster.grant('lb-9', 'rival');
    cluster.grant('lb-1');
    cluster.bind('spy', { assumeRole: WRONG }, OLDER);
    cluster.bind('web', { assumeRole: ROLE }, NEWER);
    cluster.start();
    await cluster.after(5_000);
    expect([roles, far.shown]).toEqual([[WRONG, ROLE], ['10.0.0.1:8080*100']]);
  });

  test('does not keep dead backends of one whose grant was withdrawn', async () => {
    far.rows = [ownRow('10.0.0.9')];
    for (const namespace of ['rival', 'shop']) cluster.grant('', namespace);
    const served = { loadBalancerId: 'lb-1', backends: [{ ...ownRow('10.0.0.9'), state: 'Registered' }] };
    cluster.bind('spy', { assumeRole: WRONG }, { ...OLDER, ...DELETED });
    cluster.bind('web', { assumeRole: ROLE }, NEWER, served);
    cluster.start();
    await cluster.after(5_000);
    expect(far.shown).toEqual([]);
  });

  test('has all roles tried after growing pauses, and none for ever', async () => {
    far.behave = () => {
      throw apiError('credentials', 'NoPermission');
    };
    for (const namespace of ['rival', 'shop']) cluster.grant('lb-1', namespace);
    cluster.bind('spy', { assumeRole: WRONG }, OLDER);
    cluster.bind('web', { assumeRole: ROLE }, NEWER);
    cluster.start();
    await cluster.after(700_000);
    expect(roles.slice(0, 4)).toEqual([WRONG, ROLE, WRONG, ROLE]);
    expect(far.calls.length).toBeLessThan(25);
  });
});

test('sessions of the role that are renewed wake the groups that waited for them, and no others', async () => {
  for (const groups of [own, far])
    groups.behave = () => {
      throw apiError('credentials', 'InvalidSecurityToken.Expired');
    };
  cluster.bind('web');
  cluster.bind('far', { assumeRole: ROLE });
  cluster.start();
  await cluster.after(31_000);
  own.calls.length = 0;
  far.calls.length = 0;
  cluster.credentialsChanged(OTHER_ROLE);
  await cluster.after(30);
  expect([callsOf(own), callsOf(far)]).toEqual([[], []]);
  cluster.credentialsChanged(ROLE);
  await cluster.after(30);
  expect([callsOf(own), callsOf(far)]).toEqual([[], ['describe']]);
  cluster.credentialsChanged(undefined);
  await cluster.after(30);
  expect([callsOf(own), callsOf(far)]).toEqual([['describe'], ['describe']]);
});

test('a group by its name is looked up with the role', async () => {
  far.lists.set('lb-1', [{ id: GROUP, name: 'web' }]);
  const vServerGroup = { loadBalancerId: 'lb-1', name: 'web' };
  cluster.showsStatus = true;
  cluster.bind('web', { vServerGroupId: undefined, vServerGroup, assumeRole: ROLE });
  cluster.start();
  await cluster.after(3_000);
  expect([own.listCalls, far.listCalls, far.shown]).toEqual([[], ['lb-1'], ['10.0.0.1:8080*100']]);
});

describe('a role that is not listed', () => {
  beforeEach(() => setUp({}));

  const conditions = () => cluster.conditions.get('web');
  const served = { loadBalancerId: 'lb-1', backends: [{ ...ownRow('10.0.0.9'), state: 'Registered' }] };

  test('is told: no call, no finalizer', async () => {
    cluster.bind('web', { assumeRole: ROLE }, { finalizers: [] });
    cluster.start();
    await cluster.after(700_000);
    expect([callsOf(own), callsOf(far), cluster.patched]).toEqual([[], [], []]);
    expect(conditions()).toEqual(['Ready RoleNotAllowed', 'Stalled RoleNotAllowed']);
    expect(cluster.events).toEqual([
      `RoleNotAllowed: shop/web names the RAM role acs:ram::2:role/slb, which this operator may not assume: vServer group ${GROUP} (cn-hangzhou, account 2) is not called, and nothing is changed in it. Have the operator's --assumable-role list the role, or delete the binding.`,
    ]);
  });

  test('has what the binding has in the group stay, and its status with it', async () => {
    cluster.bind('web', { assumeRole: ROLE }, {}, served);
    cluster.start();
    await cluster.after(700_000);
    expect([callsOf(far), cluster.patched, cluster.statuses.size]).toEqual([[], [], 0]);
    expect(conditions()).toEqual(['Ready RoleNotAllowed', 'Stalled RoleNotAllowed']);
  });

  test.each([
    ['that was never served goes', {}, undefined, ['web []']],
    ['that has backends stays', {}, served, []],
    ['that leaves its backends goes', { deletionPolicy: 'Retain' }, served, ['web []']],
  ])('and a binding that is deleted: one %s, without a call', async (_, spec, status, patched) => {
    const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    cluster.bind('web', { assumeRole: ROLE, ...spec }, deleted, status);
    cluster.start();
    await cluster.after(1_000);
    expect([callsOf(far), cluster.patched]).toEqual([[], patched]);
    expect(cluster.events.filter((event) => event.includes('1 backend stays in'))).toHaveLength(
      patched.length === 0 ? 1 : 0,
    );
  });

  test('has no load balancer asked for the name of a group', async () => {
    const vServerGroup = { loadBalancerId: 'lb-1', name: 'web' };
    cluster.bind('web', { vServerGroupId: undefined, vServerGroup, assumeRole: ROLE });
    cluster.start();
    await cluster.after(5_000);
    expect(far.listCalls).toEqual([]);
    expect(cluster.events[0]).toContain('load balancer lb-1 (cn-hangzhou, account 2) is not called');
  });

  test('and is listed again gives back no grant that was withdrawn, whatever the annotation says', async () => {
    await cluster.stop();
    setUp({ assumableRoles: LISTED, requireGrants: true });
    const refused = { type: 'Ready', status: 'False', reason: 'RoleNotAllowed', message: '' };
    const conditions = [{ ...refused, lastTransitionTime: '2026-01-01T00:00:00Z' }];
    cluster.grant('Rsp-1');
    cluster.bind('web', { assumeRole: ROLE }, {}, { ...served, conditions });
    cluster.start();
    await cluster.after(2_000);
    expect(far.writes.map(({ action }) => action)).not.toContain('add');
    expect(cluster.events.map((event) => event.split(':')[0])).toContain('GroupNotGranted');
  });

  test('has rows that nobody touches, not even for an Exclusive binding with a role that is', async () => {
    await cluster.stop();
    setUp({ assumableRoles: [OTHER_ROLE.roleArn] });
    far.rows = [ownRow('10.0.0.9', 100, 'web'), { ...ownRow('10.0.0.8'), description: 'by hand' }];
    cluster.bind('web', { assumeRole: ROLE }, {}, served);
    cluster.bind('mine', { assumeRole: OTHER_ROLE, ownership: 'Exclusive' });
    cluster.start();
    await cluster.after(3_000);
    expect(far.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.9:8080*100']);
    expect(roles).toEqual([OTHER_ROLE]);
  });

  test.each([
    ['never served lets its pods be Ready', undefined, ['pod-10.0.0.1 True RoleNotAllowed']],
    ['served until now has its new pods wait', served, ['pod-10.0.0.1 False RoleNotAllowed']],
  ])('and a binding with readiness gates: one %s', async (_, status, gates) => {
    await cluster.stop();
    setUp({ readinessGates: true });
    cluster.bind('web', { assumeRole: ROLE }, {}, status);
    cluster.start();
    cluster.gatedPod('pod-10.0.0.1');
    await cluster.after(5_000);
    expect(cluster.gates).toEqual(gates);
  });
});
