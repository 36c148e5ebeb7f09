import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FINALIZER } from '../../../../src/api/names.ts';
import { ownRow, TestCluster } from '../group/cluster.ts';
import { apiError } from '../group/fake-cloud.ts';

let cluster: TestCluster;

const BY_NAME = { vServerGroupId: undefined, vServerGroup: { loadBalancerId: 'lb-1', name: 'web' } };
const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z' };
const MINUTES = 60_000;

beforeEach(() => {
  cluster = new TestCluster();
  cluster.showsStatus = true;
  cluster.groups.latencyMs = 1;
});

afterEach(async () => {
  await cluster.stop();
});

/** Sets the groups that load balancer lb-1 lists, as `id name`. */
function lists(...groups: readonly string[]): void {
  const named = groups.map((group) => group.split(' ')).map(([id = '', name = '']) => ({ id, name }));
  cluster.groups.lists.set('lb-1', named);
}

const calls = () => cluster.groups.calls.map(({ action, group }) => `${action} ${group}`);
const status = (name = 'web') => cluster.statuses.get(name);
const ready = (name = 'web') => status(name)?.conditions.find(({ type }) => type === 'Ready');

/** The group in the status, and why the binding is (not) Ready. */
const told = (name = 'web') => [status(name)?.vServerGroupId, ready(name)?.reason];

/** Makes the group not exist, whatever the load balancer lists. */
function isGone(id: string): void {
  cluster.groups.behave = ({ group }) => {
    if (group === id) throw apiError('groupMissing', 'InvalidParameter');
    return undefined;
  };
}

/** Binds to rsp-1 by its name, with one backend. */
async function bound(spec: object = {}): Promise<void> {
  lists('rsp-1 web');
  cluster.endpoints(['10.0.0.1']);
  cluster.bind('web', { ...BY_NAME, ...spec });
  cluster.start();
  await cluster.after(2_000);
  expect(told()).toEqual(['rsp-1', 'Synced']);
}

describe('a group by its name', () => {
  test('is found with one call, recorded, and then read and written to', async () => {
    lists('rsp-2 api', 'rsp-1 web');
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(2_000);
    expect(cluster.groups.listCalls).toEqual(['lb-1']);
    expect(calls()).toEqual(['describe rsp-1', 'add rsp-1']);
    expect([told(), cluster.found]).toEqual([['rsp-1', 'Synced'], ['web rsp-1']]);
  });

  test('is neither read nor written to before the API server shows that it is recorded', async () => {
    cluster.showsStatus = false;
    lists('rsp-1 web');
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(10 * MINUTES);
    expect([told(), calls()]).toEqual([['rsp-1', 'Progressing'], []]);
    expect(cluster.groups.listCalls).toEqual(['lb-1']);
    cluster.showStatus();
    await cluster.after(2_000);
    expect(calls()).toEqual(['describe rsp-1', 'add rsp-1']);
  });

  test('is recorded again when the record was replaced before the API server had it', async () => {
    await cluster.stop();
    cluster = new TestCluster({ requireGrants: true });
    cluster.groups.latencyMs = 1;
    cluster.grant('lb-1');
    lists('rsp-1 web');
    cluster.endpoints(['10.0.0.1']);
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(2_000);
    expect(told()).toEqual(['rsp-1', 'Progressing']);
    cluster.grant('');
    await cluster.after(2_000);
    expect(told()).toEqual([undefined, 'GroupNotGranted']);
    cluster.showStatus();
    cluster.showsStatus = true;
    cluster.grant('lb-1');
    await cluster.after(5_000);
    expect(told()).toEqual(['rsp-1', 'Synced']);
  });

  test('leaves no timer once it is found', async () => {
    cluster.showsStatus = false;
    lists('rsp-1 web');
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(1_000);
    const before = cluster.clock.pending;
    await cluster.after(1_500);
    expect(cluster.clock.pending).toBe(before - 1);
  });

  test('is compared as a whole, in the same case', async () => {
    lists('rsp-1 web-old', 'rsp-2 Web', 'rsp-3 my-web', 'rsp-4 web');
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(1_000);
    expect(status()?.vServerGroupId).toBe('rsp-4');
  });

  test('costs no call when the status records it, at a start or for as long as it exists', async () => {
    cluster.bind('web', BY_NAME, {}, { vServerGroupId: 'rsp-1' });
    cluster.start();
    await cluster.after(60 * MINUTES);
    expect(cluster.groups.listCalls).toEqual([]);
    expect(new Set(calls())).toEqual(new Set(['describe rsp-1']));
  });

  test('costs one call for all bindings of a load balancer', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `web-${i}`);
    lists(...names.map((name, i) => `rsp-${i} ${name}`));
    for (const name of names)
      cluster.bind(name, { ...BY_NAME, vServerGroup: { loadBalancerId: 'lb-1', name } });
    cluster.start();
    await cluster.after(2_000);
    expect([cluster.groups.listCalls.length, cluster.found.length]).toEqual([1, 100]);
  });

  test('of bindings that come one after another costs at most one call a second', async () => {
    lists('rsp-1 web');
    cluster.start();
    for (let i = 0; i < 20; i++) {
      cluster.bind(`web-${i}`, { ...BY_NAME, vServerGroup: { loadBalancerId: 'lb-1', name: `web-${i}` } });
      await cluster.after(100);
    }
    expect(cluster.groups.listCalls.length).toBeLessThanOrEqual(3);
  });

  test('is not looked up by a process that may not write', async () => {
    cluster.mayWrite = false;
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(MINUTES);
    expect([cluster.groups.listCalls, cluster.statuses.size]).toEqual([[], 0]);
  });

  test('that another binding gives by its id is one group: neither removes what the other wants', async () => {
    await bound({ ownership: 'Exclusive' });
    cluster.bind('by-id', { backendType: 'ecs', serviceRef: { name: 'web', port: 80 } });
    cluster.service({
      type: 'NodePort',
      ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }],
    });
    await cluster.after(2_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', 'i-node-0:30080*100', 'i-node-1:30080*100']);
    expect(cluster.groups.writes.some(({ action }) => action === 'remove')).toBe(false);
  });
});

describe('a name that no group has', () => {
  test('is told, and looked up again after growing pauses until there is one', async () => {
    lists('rsp-2 api');
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(1_000);
    expect(told()).toEqual([undefined, 'GroupNotFound']);
    expect(ready()?.message).toContain('lb-1 (cn-hangzhou) has no vServer group named web');
    expect(cluster.events).toEqual([expect.stringMatching(/^GroupNotFound: .*named web/)]);
    await cluster.after(60 * MINUTES);
    const asked = cluster.groups.listCalls.length;
    expect(asked).toBeGreaterThan(60);
    expect(asked).toBeLessThan(80);
    lists('rsp-2 api', 'rsp-1 web');
    await cluster.after(MINUTES);
    expect([told(), calls(), cluster.events.length]).toEqual([['rsp-1', 'Synced'], ['describe rsp-1'], 2]);
    expect(cluster.events[1]).toMatch(/^Recovered: /);
  });

  test('is looked up at once, and as often as at first, when another binding names the load balancer', async () => {
    lists();
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(60 * MINUTES);
    lists('rsp-1 web');
    cluster.bind('api', BY_NAME);
    await cluster.after(1_000);
    expect([told('web'), told('api')]).toEqual([
      ['rsp-1', 'Synced'],
      ['rsp-1', 'Synced'],
    ]);
    lists();
    cluster.bind('other', { ...BY_NAME, vServerGroup: { loadBalancerId: 'lb-1', name: 'other' } });
    const asked = cluster.groups.listCalls.length;
    await cluster.after(4_000);
    expect(cluster.groups.listCalls.length).toBe(asked + 2);
  });

  test('lets its binding go when that is deleted, without a call, for nothing was ever written', async () => {
    lists();
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(1_000);
    cluster.bind('web', BY_NAME, DELETED);
    await cluster.after(60 * MINUTES);
    expect([cluster.patched, cluster.groups.listCalls.length]).toEqual([['web []'], 1]);
  });

  test('keeps a binding that is deleted in a dry run', async () => {
    await cluster.stop();
    cluster = new TestCluster({ dryRun: true });
    cluster.bind('web', BY_NAME, DELETED);
    cluster.start();
    await cluster.after(MINUTES);
    expect(cluster.patched).toEqual([]);
  });

  test('costs nothing more once its binding is gone', async () => {
    lists();
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(1_000);
    cluster.unbind();
    await cluster.after(60 * MINUTES);
    expect(cluster.groups.listCalls).toHaveLength(1);
  });
});

test('a name that two groups have: told with both, and neither is read or written to', async () => {
  lists('rsp-2 web', 'rsp-1 web');
  cluster.endpoints(['10.0.0.1']);
  cluster.bind('web', BY_NAME);
  cluster.start();
  await cluster.after(10 * MINUTES);
  expect([told(), calls()]).toEqual([[undefined, 'GroupNameAmbiguous'], []]);
  expect(ready()?.message).toContain('2 vServer groups named web (rsp-1, rsp-2)');
  expect(cluster.events).toEqual([expect.stringMatching(/^GroupNameAmbiguous: /)]);
  lists('rsp-2 web');
  await cluster.after(MINUTES);
  expect([told(), calls()]).toEqual([
    ['rsp-2', 'Synced'],
    ['describe rsp-2', 'add rsp-2'],
  ]);
});

describe('a load balancer that cannot be asked', () => {
  test.each([
    ['is told at once', 1_000, apiError('denied', 'Forbidden.RAM'), 'AccessDenied'],
    ['of an unknown region is told', 11_000, apiError('transient', 'ENOTFOUND'), 'UnknownRegion'],
  ])('%s when somebody has to act', async (_, ms, error, reason) => {
    cluster.groups.beforeList = () => {
      throw error;
    };
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(ms);
    expect(told()).toEqual([undefined, reason]);
    expect(status()?.conditions.map(({ type }) => type)).toEqual(['Ready', 'Stalled']);
  });

  test('is told when it fails for the third time, and no more once it answers', async () => {
    lists('rsp-1 web');
    cluster.groups.beforeList = () => {
      throw apiError('transient', 'ServiceUnavailable');
    };
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(1_000);
    expect(cluster.statuses.size).toBe(0);
    await cluster.after(10_000);
    expect(told()).toEqual([undefined, 'ApiUnavailable']);
    cluster.groups.beforeList = () => {};
    await cluster.after(MINUTES);
    expect(told()).toEqual(['rsp-1', 'Synced']);
  });

  test('for want of credentials is asked again at once when there are others, of its role', async () => {
    lists('rsp-1 web');
    cluster.groups.beforeList = () => {
      throw apiError('credentials', 'InvalidAccessKeyId.NotFound');
    };
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(10 * MINUTES);
    expect(told()).toEqual([undefined, 'CredentialsInvalid']);
    const before = cluster.groups.listCalls.length;
    cluster.groups.beforeList = () => {};
    cluster.credentialsChanged({ roleArn: 'acs:ram::2:role/slb' });
    await cluster.after(100);
    expect(cluster.groups.listCalls).toHaveLength(before);
    cluster.credentialsChanged();
    await cluster.after(1_000);
    expect(cluster.groups.listCalls).toHaveLength(before + 1);
    expect(told()).toEqual(['rsp-1', 'Synced']);
  });

  test('through a mistake of the program: told, and asked again', async () => {
    cluster.groups.beforeList = () => {
      throw new TypeError('not a function');
    };
    cluster.bind('web', BY_NAME);
    cluster.start();
    await cluster.after(MINUTES);
    expect(told()).toEqual([undefined, 'InternalError']);
    expect(cluster.groups.listCalls.length).toBeGreaterThan(3);
  });
});

describe('a group that was found by its name', () => {
  test('and is called something else now stays the one; an event says so, once', async () => {
    await bound();
    cluster.groups.name = 'web-old';
    lists('rsp-1 web-old', 'rsp-2 web');
    await cluster.after(20 * MINUTES);
    cluster.endpoints(['10.0.0.1', '10.0.0.2']);
    await cluster.after(2_000);
    expect([told(), cluster.groups.shown.length]).toEqual([['rsp-1', 'Synced'], 2]);
    expect(cluster.groups.listCalls).toHaveLength(1);
    expect(cluster.events.filter((event) => event.startsWith('GroupRenamed: '))).toEqual([
      expect.stringMatching(/rsp-1 .* was found by the name web and is now called web-old/),
    ]);
  });

  test('and is deleted and made anew: the new one is the one, and nothing of the old one is taken for its', async () => {
    await bound();
    isGone('rsp-1');
    const others = { ...ownRow('10.0.0.1', 50), description: 'of somebody else' };
    cluster.groups.rows = [others];
    lists('rsp-2 web');
    await cluster.after(6 * MINUTES);
    expect(told()).toEqual(['rsp-2', 'Synced']);
    expect(status()).toMatchObject({ registered: 0, foreign: 1, backends: [] });
    expect(cluster.groups.rows).toEqual([others]);
    cluster.endpoints([]);
    await cluster.after(2_000);
    expect(cluster.groups.rows).toEqual([others]);
  });

  test('and is made anew: what is told of the old one meanwhile does not undo that', async () => {
    await bound();
    isGone('rsp-1');
    lists('rsp-2 web');
    cluster.showsStatus = false;
    const written: (string | undefined)[] = [];
    const set = cluster.statuses.set.bind(cluster.statuses);
    cluster.statuses.set = (name, next) => {
      written.push(next.vServerGroupId);
      return set(name, next);
    };
    await cluster.after(6 * MINUTES);
    cluster.endpoints(['10.0.0.1', '10.0.0.2']);
    await cluster.after(MINUTES);
    expect(new Set(written.slice(written.indexOf('rsp-2')))).toEqual(new Set(['rsp-2']));
    expect([told(), status()?.backends]).toEqual([['rsp-2', 'Progressing'], []]);
  });

  test('and is made anew while no operator runs, is found at the start', async () => {
    isGone('rsp-1');
    lists('rsp-2 web');
    cluster.endpoints(['10.0.0.2']);
    const backends = [{ ...ownRow('10.0.0.1'), state: 'Registered' }];
    cluster.bind('web', BY_NAME, {}, { vServerGroupId: 'rsp-1', loadBalancerId: 'lb-1', backends });
    cluster.start();
    await cluster.after(MINUTES);
    expect([told(), cluster.groups.shown]).toEqual([['rsp-2', 'Synced'], ['10.0.0.2:8080*100']]);
  });

  test('and is deleted: told as a name that no group has, and the binding is on none', async () => {
    await bound();
    isGone('rsp-1');
    lists();
    await cluster.after(6 * MINUTES);
    expect(told()).toEqual([undefined, 'GroupNotFound']);
    expect(ready()?.message).toContain('has no vServer group named web');
    expect(status()).toMatchObject({ desired: 0, registered: 0, backends: [] });
  });

  test('and does not exist by one word, but is listed, stays the one, with what it holds', async () => {
    await bound();
    isGone('rsp-1');
    await cluster.after(6 * MINUTES);
    expect([told(), status()?.backends.length]).toEqual([['rsp-1', 'GroupNotFound'], 1]);
    cluster.groups.behave = () => undefined;
    await cluster.after(3 * MINUTES);
    expect(told()).toEqual(['rsp-1', 'Synced']);
  });

  test('and does not exist, and whose load balancer does not answer, stays the one', async () => {
    await bound();
    isGone('rsp-1');
    cluster.groups.beforeList = () => {
      throw apiError('groupMissing', 'InvalidLoadBalancerId.NotFound');
    };
    await cluster.after(30 * MINUTES);
    expect([told(), status()?.backends.length]).toEqual([['rsp-1', 'GroupNotFound'], 1]);
  });

  test('and that is gone lets its binding go', async () => {
    await bound();
    isGone('rsp-1');
    cluster.bind('web', BY_NAME, DELETED, status());
    await cluster.after(MINUTES);
    expect(cluster.patched).toEqual(['web []']);
    expect(cluster.groups.listCalls).toHaveLength(1);
  });

  test('holds the rows of a binding whose spec cannot be read any more', async () => {
    await bound();
    cluster.bind('web', { ...BY_NAME, weight: 'heavy' }, { finalizers: [FINALIZER] }, status());
    cluster.endpoints([]);
    await cluster.after(MINUTES);
    expect([cluster.groups.shown, cluster.conditions.get('web')]).toEqual([
      ['10.0.0.1:8080*100'],
      ['Ready InvalidSpec', 'Stalled InvalidSpec'],
    ]);
  });
});
