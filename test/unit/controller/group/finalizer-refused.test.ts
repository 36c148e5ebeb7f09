import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FINALIZER } from '../../../../src/api/names.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import { ownRow, TestCluster } from './cluster.ts';

let cluster: TestCluster;
let patches: number;

beforeEach(() => {
  cluster = new TestCluster({ readinessGates: true });
  cluster.showsStatus = true;
  patches = 0;
});
afterEach(async () => {
  await cluster.stop();
});

const WORDS = 'admission policy "labels" denied request: label team is missing';

function refuse(status = 403, retryAfterMs?: number): void {
  cluster.answerPatch = (path) => {
    if (!path.includes('/vservergroupbindings/')) return;
    patches++;
    const answer = { reason: 'Forbidden', message: WORDS, causes: [], ...(retryAfterMs && { retryAfterMs }) };
    throw new KubeApiError({ method: 'PATCH', path: '/web' }, status, answer);
  };
}

const shown = (name = 'web') =>
  cluster.statuses.get(name)?.conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const message = () => cluster.statuses.get('web')?.conditions[0]?.message;
const warnings = () => cluster.events.filter((event) => event.startsWith('FinalizerNotWritten'));
const NOT_WRITTEN = ['Ready False FinalizerNotWritten', 'Stalled True FinalizerNotWritten'];
const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z', generation: 2 };

describe('a finalizer that the API server does not let the operator add', () => {
  async function refused(): Promise<void> {
    refuse();
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', {}, { finalizers: [], generation: 1 });
    cluster.start();
    await cluster.after(5_000);
  }

  test('is what the condition and one event tell, in the words of the API server', async () => {
    await refused();
    await cluster.after(295_000);
    expect(shown()).toEqual(NOT_WRITTEN);
    expect(message()).toBe(
      `shop/web lacks the finalizer ${FINALIZER}, without which nothing is added to vServer group rsp-1 (cn-hangzhou): PATCH /web: 403 Forbidden: ${WORDS}. Let the operator patch vservergroupbindings: see its ClusterRole and the admission policies. The operator retries automatically.`,
    );
    expect(warnings()).toHaveLength(1);
    expect(cluster.groups.writes).toEqual([]);
  });

  test('is patched at growing intervals, up to a minute, whatever else happens to the group', async () => {
    await refused();
    for (let second = 5; second < 300; second++) {
      cluster.endpoints([`10.0.1.${second % 200}`]);
      await cluster.after(1_000);
    }
    expect(patches).toBe(10);
  });

  test('is patched no earlier than the API server asks for', async () => {
    refuse(429, 30_000);
    cluster.bind('web', {}, { finalizers: [], generation: 1 });
    cluster.start();
    await cluster.after(29_900);
    expect(patches).toBe(1);
    await cluster.after(200);
    expect(patches).toBe(2);
  });

  test('is patched at once when the spec changes', async () => {
    await refused();
    await cluster.after(295_000);
    const before = patches;
    cluster.bind('web', { weight: 50 }, { finalizers: [], generation: 2 });
    await cluster.after(0);
    expect(patches).toBe(before + 1);
  });

  test('is added within a minute after the refusal ends, and so are the backends', async () => {
    await refused();
    await cluster.after(295_000);
    cluster.answerPatch = () => {
      cluster.bind('web', {}, { generation: 1 }, cluster.statuses.get('web'));
    };
    await cluster.after(62_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(shown()).toEqual(['Ready True Synced']);
  });

  test('is what a pod waits for that only lacks its gate', async () => {
    cluster.gatedPod('pod-10.0.0.1');
    await refused();
    await cluster.after(5_000);
    expect(cluster.gates).toEqual(['pod-10.0.0.1 False FinalizerNotWritten']);
  });

  test.each([500, 503, 429])('for a fault that may pass (%i) does not stall the binding', async (status) => {
    refuse(status);
    cluster.bind('web', {}, { finalizers: [], generation: 1 });
    cluster.start();
    await cluster.after(10_000);
    expect(shown()).toEqual(['Ready False FinalizerNotWritten', 'Reconciling True FinalizerNotWritten']);
  });

  test('is no news the first time', async () => {
    refuse();
    cluster.bind('web', {}, { finalizers: [], generation: 1 });
    cluster.start();
    await cluster.after(900);
    expect(shown()).toEqual(['Ready True Synced']);
  });
});

describe('a finalizer that the API server does not let the operator remove', () => {
  const BACKENDS = [{ ...ownRow('10.0.0.1'), state: 'Registered' }];
  const RELEASED = ['web []'];

  async function refused(spec: object = {}): Promise<void> {
    refuse();
    cluster.groups.rows = [ownRow('10.0.0.1')];
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', { ...spec }, DELETED, { backends: BACKENDS });
    cluster.start();
    await cluster.after(300_000);
  }

  test('is what the condition and one event tell once the backends have left', async () => {
    await refused();
    expect(cluster.groups.rows).toEqual([]);
    expect(shown()).toEqual(NOT_WRITTEN);
    expect(cluster.statuses.get('web')?.backends).toEqual([]);
    expect(message()).toBe(
      `shop/web is being deleted and nothing holds it any more, but its finalizer ${FINALIZER} can't be removed: PATCH /web: 403 Forbidden: ${WORDS}. Let the operator patch vservergroupbindings: see its ClusterRole and the admission policies; or remove the finalizer by hand. The operator retries automatically.`,
    );
    expect(warnings()).toHaveLength(1);
    expect(patches).toBeLessThanOrEqual(10);
  });

  test('is removed within a minute after the refusal ends', async () => {
    await refused();
    cluster.answerPatch = () => {};
    await cluster.after(62_000);
    expect(cluster.patched).toEqual(RELEASED);
  });

  test.each([
    ['is suspended', { suspend: true }],
    ['retains its backends', { deletionPolicy: 'Retain' }],
    ['can still not be read', { weight: 101 }],
  ])('is told, too, of a binding that %s', async (_, spec) => {
    await refused(spec);
    const conditions = cluster.conditions.get('web') ?? shown();
    expect(conditions?.join()).toMatch(
      /^Ready (False )?FinalizerNotWritten,Stalled (True )?FinalizerNotWritten$/,
    );
    expect(warnings()).toHaveLength(1);
  });

  test.each([
    ['names no group that could be read', { vServerGroupId: 'lb-1' }],
    [
      'waits for its group to be found by its name',
      { vServerGroup: { loadBalancerId: 'lb-1', name: 'web' } },
    ],
    ['names a role that may not be assumed', { assumeRole: { roleArn: 'acs:ram::2:role/slb' } }],
  ])('is told, too, of a binding that %s', async (_, spec) => {
    refuse();
    cluster.bind('web', 'vServerGroup' in spec ? { vServerGroupId: undefined, ...spec } : spec, DELETED);
    cluster.start();
    await cluster.after(300_000);
    expect(cluster.conditions.get('web')).toEqual([
      'Ready FinalizerNotWritten',
      'Stalled FinalizerNotWritten',
    ]);
    expect(warnings()).toHaveLength(1);
    expect(patches).toBeLessThanOrEqual(10);
    cluster.answerPatch = () => {};
    await cluster.after(62_000);
    expect(cluster.patched).toEqual(RELEASED);
  });
});

test('once the loop has stopped, no refused finalizer is patched again', async () => {
  refuse();
  cluster.bind('web', {}, { finalizers: [] });
  cluster.start();
  await cluster.after(10_000);
  await cluster.stop();
  const before = patches;
  await cluster.after(600_000);
  expect(patches).toBe(before);
});
