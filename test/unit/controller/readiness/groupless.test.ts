import { afterEach, describe, expect, test } from '@jest/globals';
import { GROUP, TestCluster, type TestClusterOptions } from '../group/cluster.ts';
import { apiError, type FakeVServerGroups } from '../group/fake-cloud.ts';

const POD = 'pod-10.0.0.1';
const BY_NAME = { vServerGroupId: undefined, vServerGroup: { loadBalancerId: 'lb-1', name: 'web' } };
const ROLE = { roleArn: 'acs:ram::2:role/slb' };

let cluster: TestCluster;

/** A pod that waits only for its gate, of a binding that gives its group by name. */
function setUp(
  options: TestClusterOptions<FakeVServerGroups> = {},
  spec: Record<string, unknown> = {},
): void {
  cluster = new TestCluster({ readinessGates: true, ...options });
  cluster.showsStatus = true;
  cluster.bind('web', { ...BY_NAME, ...spec });
  cluster.gatedPod(POD);
  cluster.endpoints(['10.0.0.1']);
}

const groupIsThere = () => void cluster.groups.lists.set('lb-1', [{ id: GROUP, name: 'web' }]);

afterEach(async () => {
  await cluster.stop();
});

describe('a pod of a binding whose group', () => {
  test('no load balancer has by that name is told so, and let in once it is in the group', async () => {
    setUp();
    cluster.start();
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([`${POD} False GroupNotFound`]);
    groupIsThere();
    await cluster.after(60_000);
    expect(cluster.gates.at(-1)).toBe(`${POD} True Registered`);
  });

  test('is ambiguous is told so', async () => {
    setUp();
    groupIsThere();
    cluster.groups.lists.set('lb-1', [
      ...(cluster.groups.lists.get('lb-1') ?? []),
      { id: 'rsp-2', name: 'web' },
    ]);
    cluster.start();
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([`${POD} False GroupNameAmbiguous`]);
  });

  test('may not be looked up is told so, also when the binding changes', async () => {
    setUp();
    cluster.groups.beforeList = () => {
      throw apiError('denied', 'Forbidden.RAM');
    };
    cluster.start();
    await cluster.after(1_000);
    cluster.bind('web', { ...BY_NAME, weight: 50 }, {}, cluster.statuses.get('web'));
    await cluster.after(4_000);
    expect(cluster.gates).toEqual([`${POD} False AccessDenied`]);
  });

  test('no longer exists, nor another one of its name, is told so', async () => {
    setUp();
    groupIsThere();
    cluster.start();
    cluster.groups.behave = ({ action }) => {
      if (action === 'add') throw apiError('groupMissing', 'InvalidParameter');
      return undefined;
    };
    await cluster.after(500);
    cluster.groups.lists.set('lb-1', []);
    await cluster.after(60_000);
    expect(cluster.statuses.get('web')).not.toHaveProperty('vServerGroupId');
    expect(cluster.gates).toEqual([`${POD} False GroupNotFound`]);
  });

  test('is found is let in by one patch', async () => {
    setUp();
    groupIsThere();
    cluster.start();
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is not granted is let in', async () => {
    setUp({ requireGrants: true });
    cluster.grant('');
    cluster.start();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True GroupNotGranted`]);
  });

  test('is not granted is let in; one that starts when it has just been granted is let in by the group', async () => {
    setUp({ requireGrants: true });
    groupIsThere();
    cluster.grant('');
    cluster.start();
    await cluster.after(1_000);
    cluster.gates.length = 0;
    cluster.groups.latencyMs = 500;
    cluster.grant('lb-1');
    cluster.gatedPod('pod-10.0.0.2');
    cluster.endpoints(['10.0.0.1', '10.0.0.2']);
    await cluster.after(3_000);
    expect(cluster.gates).toEqual(['pod-10.0.0.2 True Registered']);
  });

  test('is of a role that may not be assumed is let in', async () => {
    setUp({}, { assumeRole: ROLE });
    cluster.start();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True RoleNotAllowed`]);
  });
});

test.each([
  ['by its name', {}],
  ['by its id', { vServerGroupId: GROUP, vServerGroup: undefined }],
])('a pod waits until its namespace is known, if the binding gives the group %s', async (_, spec) => {
  setUp({ requireGrants: true }, spec);
  groupIsThere();
  cluster.start();
  await cluster.after(5_000);
  expect(cluster.gates).toEqual([]);
  cluster.grant(GROUP);
  await cluster.after(5_000);
  expect(cluster.gates).toEqual([`${POD} True Registered`]);
});
