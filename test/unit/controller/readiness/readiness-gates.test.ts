import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import { ownRow, TestCluster } from '../group/cluster.ts';
import { apiError } from '../group/fake-cloud.ts';

const POD = 'pod-10.0.0.1';
const TIMEOUT_MS = 600_000;

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster({ readinessGates: true });
});

afterEach(async () => {
  await cluster.stop();
});

/** A pod of the Service that waits only for its gate, and is listed as an endpoint. */
function waits(name = POD): void {
  cluster.gatedPod(name);
  cluster.endpoints([name.slice('pod-'.length)]);
}

/** The list is not written by Kubernetes, but may follow the readiness of pods. */
function listsByHand(ready: boolean): void {
  cluster.relist(({ subsets }) => ({
    byKubernetes: false,
    subsets: subsets.map(({ addresses, ports }) => ({
      ports,
      addresses: addresses.map((address) => ({ ...address, ready, serving: ready })),
    })),
  }));
}

const CODES = {
  quota: 'BackendServerQuotaExceeded',
  groupMissing: 'TheSpecifiedVServerGroupIdNotFound',
  denied: 'Forbidden.RAM',
};

const refusing = (kind: keyof typeof CODES, action?: string) => (call: { action: string }) => {
  if (action === undefined || call.action === action) throw apiError(kind, CODES[kind]);
  return undefined;
};

describe('a pod that starts', () => {
  test('is added while it waits, and let in by one patch once it is in the group', async () => {
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    waits();
    await cluster.after(2_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
    expect(cluster.gatedPods.get(`shop/${POD}`)).toMatchObject({ gate: { open: true } });
    await cluster.after(TIMEOUT_MS);
    expect(cluster.gates).toHaveLength(1);
    expect(cluster.groups.writes).toHaveLength(1);
  });

  test('is let in although the timer for that fires a moment early', async () => {
    const { clock } = cluster;
    const [now, setTimer] = [clock.now.bind(clock), clock.setTimeout.bind(clock)];
    let asked: number | undefined;
    clock.setTimeout = (callback, ms) => {
      if (ms !== 1_000 || asked !== undefined) return setTimer(callback, ms);
      const early = () => {
        asked = 0;
        callback();
      };
      return setTimer(early, ms - 0.5);
    };
    // Too early for the verdict, and too late for a timer that is set after it.
    clock.now = () => now() + (asked === undefined || asked++ === 0 ? 0 : 0.6);
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(5_000);
    expect(asked).toBeGreaterThan(1);
    expect(cluster.gates).toEqual([`${POD} True NotWanted`]);
  });

  test('is not let in before: its Add has to be answered', async () => {
    cluster.bind();
    cluster.start();
    cluster.groups.latencyMs = 1_000;
    await cluster.after(2_000);
    waits();
    await cluster.after(900);
    expect(cluster.gates).toEqual([]);
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is let in once it has settled', async () => {
    cluster.bind('web', { readiness: { settleSeconds: 10 } });
    cluster.start();
    waits();
    await cluster.after(9_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.gates).toEqual([]);
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is let in once it has settled at the port that it has now', async () => {
    cluster.bind('web', { readiness: { settleSeconds: 30 } });
    cluster.start();
    waits();
    await cluster.after(25_000);
    cluster.moveTo(9090);
    await cluster.after(29_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:9090*100']);
    expect(cluster.gates).toEqual([]);
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is not let in by its row at the port that it had before', async () => {
    cluster.bind('web', { readiness: { settleSeconds: 30 } });
    cluster.start();
    waits();
    await cluster.after(25_000);
    cluster.groups.behave = () => {
      throw apiError('busy', 'BackendServer.configuring');
    };
    cluster.moveTo(9090);
    await cluster.after(60_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.gates.filter((gate) => gate.includes('True'))).toEqual([]);
  });

  test('is let in once it is in the group by one of the addresses that a list made by hand names', async () => {
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    cluster.enis.answers.set('192.168.1.5', { state: 'missing', since: 0 });
    waits();
    cluster.relist(({ subsets }) => ({
      byKubernetes: false,
      subsets: subsets.map(({ addresses, ports }) => ({
        ports,
        addresses: addresses.flatMap((one) => [one, { ...one, ip: '192.168.1.5' }]),
      })),
    }));
    await cluster.after(3_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is let in once it is in the groups of all who want it', async () => {
    cluster.bind('web');
    cluster.bind('api', { vServerGroupId: 'rsp-2', readiness: { settleSeconds: 60 } });
    cluster.start();
    waits();
    await cluster.after(30_000);
    expect(cluster.gates).toEqual([]);
    await cluster.after(40_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is waited for before any list of endpoints names it', async () => {
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    cluster.gatedPod(POD);
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([]);
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is not let in while its containers are not ready', async () => {
    cluster.gatedPod(POD, { registrable: false });
    cluster.start();
    await cluster.after(TIMEOUT_MS);
    expect(cluster.gates).toEqual([]);
  });

  test('is not let in by the row of the pod that had its address before', async () => {
    cluster.bind();
    cluster.groups.rows = [ownRow('10.0.0.1')];
    cluster.enis.answers.set('10.0.0.1', { state: 'pending' });
    cluster.start();
    waits();
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([]);
    cluster.enis.answer('10.0.0.1', { state: 'found', eniId: 'eni-new' });
    await cluster.after(2_000);
    expect(cluster.groups.rows).toMatchObject([{ serverId: 'eni-new' }]);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is let in by the row that somebody else has added for it', async () => {
    cluster.bind();
    cluster.groups.rows = [{ ...ownRow('10.0.0.1'), description: 'by hand' }];
    cluster.start();
    waits();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });
});

describe('a pod that starts behind a row', () => {
  test('of somebody else at its address is not let in before its ENI is known to be there', async () => {
    cluster.bind();
    cluster.groups.rows = [{ ...ownRow('10.0.0.1'), description: 'by hand' }];
    cluster.enis.answers.set('10.0.0.1', { state: 'pending' });
    cluster.start();
    waits();
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([]);
    cluster.enis.answer('10.0.0.1', { state: 'found', eniId: 'eni-10.0.0.1' });
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('without a weight is let in once it has it', async () => {
    cluster.bind();
    cluster.groups.rows = [ownRow('10.0.0.1', 0)];
    cluster.groups.behave = refusing('denied', 'set');
    cluster.start();
    waits();
    await cluster.after(2_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*0']);
    expect(cluster.gates).toEqual([]);
    cluster.groups.behave = () => undefined;
    await cluster.after(400_000);
    expect(cluster.gates.at(-1)).toBe(`${POD} True Registered`);
  });

  test('that is to have no weight is let in', async () => {
    cluster.bind('web', { weight: 0 });
    cluster.start();
    waits();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });
});

test('a pod that starts right after its binding was corrected is judged by it as it is now', async () => {
  cluster.bind('web', { serviceRef: { name: 'web', port: 81 } });
  cluster.start();
  await cluster.after(1_000);
  cluster.bind();
  waits();
  await cluster.after(1_000);
  expect(cluster.gates).toEqual([`${POD} True Registered`]);
});

describe('a pod that waits for slices that lag behind', () => {
  const settling = { readiness: { settleSeconds: 30 } };

  test('is not let in by a port that has another name in them', async () => {
    cluster.bind('web', settling);
    cluster.start();
    waits();
    await cluster.after(2_000);
    cluster.service({ ports: [{ name: 'web', port: 80, protocol: 'TCP' }] });
    await cluster.after(200);
    expect([cluster.groups.shown, cluster.gates]).toEqual([['10.0.0.1:8080*100'], []]);
    cluster.endpoints(['10.0.0.1'], {}, {}, 'web');
    await cluster.after(29_000);
    expect(cluster.gates).toEqual([]);
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  describe('of its address family', () => {
    beforeEach(() => {
      cluster.service({ ipFamilies: ['IPv4', 'IPv6'] });
      cluster.bind('web', { addressFamily: 'IPv6' });
      cluster.start();
      waits();
    });

    const hasAddresses = (...ips: readonly string[]) =>
      cluster.pod(POD, {}, { ready: false, able: false, registrable: true, ips });

    test('is let in once they have its address, too', async () => {
      hasAddresses('10.0.0.1', 'fd00::1');
      await cluster.after(1_000);
      expect(cluster.gates).toEqual([]);
      cluster.endpoints(['fd00::1'], { 'fd00::1': POD });
      await cluster.after(1_000);
      expect(cluster.gates).toEqual([`${POD} True Registered`]);
    });

    test('is let in at once if it has no address of that family', async () => {
      hasAddresses('10.0.0.1');
      await cluster.after(1_000);
      expect(cluster.gates).toEqual([`${POD} True AddressFamilyNotFound`]);
    });
  });

  test('is told so if they don’t follow', async () => {
    cluster.bind('web', settling);
    cluster.start();
    waits();
    await cluster.after(2_000);
    cluster.service({ ports: [{ name: 'web', port: 80, protocol: 'TCP' }] });
    await cluster.after(10_000);
    expect(cluster.gates).toEqual([`${POD} False PortNotFound`]);
    await cluster.after(TIMEOUT_MS);
    expect(cluster.gates.at(-1)).toBe(`${POD} True TimedOut`);
  });
});

describe('a pod that fails its probe', () => {
  test('has its gate closed when its row has left, and waits for it again', async () => {
    cluster.bind();
    cluster.start();
    waits();
    waits('pod-10.0.0.2');
    cluster.endpoints(['10.0.0.1', '10.0.0.2']);
    await cluster.after(2_000);
    cluster.gates.length = 0;
    cluster.gatedPod(POD, { registrable: false });
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.2:8080*100']);
    expect(cluster.gates).toEqual([`${POD} False NotAnEndpoint`]);
    cluster.gatedPod(POD, { registrable: true });
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*100']);
    expect(cluster.gates).toEqual([`${POD} False NotAnEndpoint`, `${POD} True Registered`]);
  });

  test('keeps it open while its row drains', async () => {
    cluster.bind('web', { drain: { seconds: 30 } });
    cluster.start();
    waits();
    await cluster.after(2_000);
    cluster.gates.length = 0;
    cluster.gatedPod(POD, { registrable: false });
    await cluster.after(10_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*0']);
    expect(cluster.gates).toEqual([]);
  });
});

test('a pod that fails its probe keeps its gate while nobody can tell whether it is in the group', async () => {
  cluster.groups.behave = refusing('denied');
  cluster.bind();
  cluster.start();
  cluster.gatedPod(POD, { registrable: false, gate: { open: true, reason: 'Registered' } });
  await cluster.after(60_000);
  expect(cluster.gates).toEqual([]);
});

test('a Ready pod keeps its gate when somebody takes its row out: it is added again', async () => {
  cluster.bind();
  cluster.start();
  waits();
  await cluster.after(2_000);
  cluster.groups.rows = [];
  await cluster.after(400_000);
  expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
  expect(cluster.gates).toEqual([`${POD} True Registered`]);
});

test('a gate that was opened by hand stays open as long as its pod passes its probe', async () => {
  cluster.groups.behave = refusing('quota', 'add');
  cluster.bind();
  waits();
  cluster.gatedPod(POD, { gate: { open: true, reason: 'ByHand' } });
  cluster.start();
  await cluster.after(2 * TIMEOUT_MS);
  expect(cluster.gates).toEqual([]);
  cluster.gatedPod(POD, { registrable: false });
  await cluster.after(1_000);
  expect(cluster.gates).toEqual([`${POD} False QuotaExceeded`]);
});

test('a pod that ends is never touched', async () => {
  cluster.start();
  cluster.gatedPod(POD, { leaving: true });
  await cluster.after(TIMEOUT_MS);
  expect(cluster.gates).toEqual([]);
});

describe('never stuck: a pod is let in', () => {
  test('when nobody binds its Service', async () => {
    cluster.service();
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True NotWanted`]);
  });

  test('when the binding that it waits for is deleted', async () => {
    cluster.groups.behave = refusing('quota', 'add');
    cluster.bind();
    cluster.start();
    waits();
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([`${POD} False QuotaExceeded`]);
    cluster.unbind();
    await cluster.after();
    expect(cluster.gates.at(-1)).toBe(`${POD} True NotWanted`);
  });

  test('when that binding is being deleted', async () => {
    cluster.groups.behave = refusing('quota', 'add');
    cluster.bind();
    cluster.start();
    waits();
    await cluster.after(1_000);
    cluster.bind('web', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Deleting`]);
  });

  test('when the binding is replaced by one of another name, and that has it in the group', async () => {
    cluster.groups.behave = refusing('quota', 'add');
    cluster.bind();
    cluster.start();
    waits();
    await cluster.after(1_000);
    cluster.groups.behave = () => undefined;
    cluster.bind('renamed');
    cluster.unbind();
    await cluster.after(5_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.gates.at(-1)).toBe(`${POD} True Registered`);
  });

  test('when its Service is deleted', async () => {
    cluster.groups.behave = refusing('quota', 'add');
    cluster.bind();
    cluster.start();
    waits();
    await cluster.after(1_000);
    cluster.caches.endpoints.remove('shop/web-1');
    cluster.caches.services.remove('shop/web');
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True NotWanted`]);
  });

  test('when the binding names a Service that there is not', async () => {
    cluster.service();
    cluster.bind('web', { serviceRef: { name: 'wbe', port: 80 } });
    cluster.start();
    waits();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True NotWanted`]);
  });

  test('when the binding names a port that its Service has not', async () => {
    cluster.bind('web', { serviceRef: { name: 'web', port: 81 } });
    cluster.start();
    waits();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True PortNotFound`]);
  });

  test('when it is listed as not ready, and not by Kubernetes: it is added once the list says ready', async () => {
    cluster.service({ selects: false, selector: {} });
    cluster.bind();
    cluster.start();
    waits();
    listsByHand(false);
    await cluster.after(2_000);
    expect([cluster.groups.shown, cluster.gates]).toEqual([[], [`${POD} True ListedNotReady`]]);
    listsByHand(true);
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
  });

  test.each([
    ['is suspended', { suspend: true }, 'Suspended'],
    ['only removes', { mode: 'RemoveOnly' }, 'RemoveOnly'],
    ['has nodes as its backends', { backendType: 'ecs' }, 'NodesAreBackends'],
  ])('when the binding %s', async (_, spec, reason) => {
    cluster.bind('web', spec);
    cluster.start();
    waits();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True ${reason}`]);
  });

  test('when the binding that it waits for is suspended', async () => {
    cluster.groups.behave = refusing('quota', 'add');
    cluster.bind();
    cluster.start();
    waits();
    await cluster.after(1_000);
    cluster.bind('web', { suspend: true });
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Suspended`]);
  });

  test.each([
    ['has no room', 'quota', 'add', 'QuotaExceeded'],
    ['is gone', 'groupMissing', undefined, 'GroupNotFound'],
    ['may not be changed', 'denied', 'add', 'AccessDenied'],
    ['may not be read', 'denied', 'describe', 'AccessDenied'],
  ] as const)('in the end, with an event, when the group %s', async (_, kind, action, reason) => {
    cluster.groups.behave = refusing(kind, action);
    cluster.bind();
    cluster.start();
    waits();
    await cluster.after(TIMEOUT_MS - 1_000);
    expect(cluster.gates).toEqual([`${POD} False ${reason}`]);
    await cluster.after(2_000);
    expect(cluster.gates.at(-1)).toBe(`${POD} True TimedOut`);
    expect(cluster.events.filter((event) => event.startsWith('ReadinessGateTimedOut'))).toHaveLength(1);
    await cluster.after(TIMEOUT_MS);
    expect(cluster.gates).toHaveLength(2);
  });

  test('in the end, when no ENI has its address', async () => {
    cluster.enis.answers.set('10.0.0.1', { state: 'missing', since: 0 });
    cluster.bind('web', { readiness: { timeoutSeconds: 60 } });
    cluster.start();
    waits();
    await cluster.after(61_000);
    expect(cluster.gates).toEqual([`${POD} False EniNotFound`, `${POD} True TimedOut`]);
  });

  test('in the end, when no list of endpoints ever names it', async () => {
    cluster.bind();
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(TIMEOUT_MS + 1_000);
    expect(cluster.gates).toEqual([`${POD} False NotAnEndpoint`, `${POD} True TimedOut`]);
  });

  test('when there is room again', async () => {
    cluster.groups.behave = refusing('quota', 'add');
    cluster.bind();
    cluster.start();
    waits();
    await cluster.after(5_000);
    cluster.groups.behave = () => undefined;
    await cluster.after(300_000);
    expect(cluster.gates).toEqual([`${POD} False QuotaExceeded`, `${POD} True Registered`]);
  });

  test('by an operator that starts after its containers were ready, once it is in the group', async () => {
    cluster.bind();
    waits();
    await cluster.after(2 * TIMEOUT_MS);
    cluster.groups.latencyMs = 2_000;
    cluster.start();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([]);
    await cluster.after(10_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });
});

test('a pod that the Service selects waits for the list of Kubernetes, whatever another one says', async () => {
  cluster.bind();
  cluster.start();
  waits();
  listsByHand(false);
  await cluster.after(5_000);
  expect(cluster.gates).toEqual([`${POD} False NotAnEndpoint`]);
});

test('in a dry run a pod is let in: nothing is ever added for it', async () => {
  await cluster.stop();
  cluster = new TestCluster({ readinessGates: true, dryRun: true });
  cluster.bind();
  cluster.start();
  waits();
  await cluster.after(1_000);
  expect(cluster.gates).toEqual([`${POD} True DryRun`]);
  expect(cluster.groups.writes).toEqual([]);
});

describe('an operator that sees some of the bindings', () => {
  beforeEach(async () => {
    await cluster.stop();
    cluster = new TestCluster({ readinessGates: true, seesAll: false });
  });

  test('lets nobody in that none of them wants', async () => {
    cluster.service();
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(2 * TIMEOUT_MS);
    expect(cluster.gates).toEqual([]);
  });

  test('waits for a Service that is there later', async () => {
    cluster.bind();
    cluster.caches.services.remove('shop/web');
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([]);
    cluster.service();
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([`${POD} False NotAnEndpoint`]);
  });

  test('waits for the first list of a Service without a selector', async () => {
    cluster.bind();
    cluster.service({ selects: false, selector: {} });
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([]);
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(5_000);
    expect(cluster.gates.at(-1)).toBe(`${POD} True Registered`);
  });

  test('lets in whom a list that Kubernetes does not write says not to be ready', async () => {
    cluster.service({ selects: false, selector: {} });
    cluster.bind();
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([]);
    cluster.endpoints(['10.0.0.1']);
    listsByHand(false);
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True ListedNotReady`]);
  });

  test('lets in whom they have in their groups', async () => {
    cluster.bind();
    cluster.start();
    waits();
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });
});

test('without --readiness-gates a pod with the gate is one that is not ready', async () => {
  await cluster.stop();
  cluster = new TestCluster();
  cluster.bind();
  cluster.start();
  waits();
  await cluster.after(TIMEOUT_MS);
  expect(cluster.gates).toEqual([]);
  expect(cluster.groups.rows).toEqual([]);
});

describe('a write', () => {
  test('that fails is tried again, with growing pauses', async () => {
    cluster.answerPatch = () => {
      throw new KubeApiError({ method: 'PATCH', path: '/pods' }, 500, {
        reason: '',
        message: '',
        causes: [],
      });
    };
    cluster.service();
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(60_000);
    expect(cluster.unpatched.length).toBeGreaterThan(5);
    expect(cluster.unpatched.length).toBeLessThan(15);
    cluster.answerPatch = () => {};
    await cluster.after(30_000);
    expect(cluster.gates).toEqual([`${POD} True NotWanted`]);
  });

  test('is made once, however late the watch shows it', async () => {
    cluster.showsGates = false;
    cluster.service();
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(60_000);
    expect(cluster.gates).toEqual([`${POD} True NotWanted`]);
  });

  test('that changes nothing, though it is taken, is one that failed', async () => {
    cluster.dropsGates = true;
    cluster.service();
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(60_000);
    expect(cluster.unpatched.length).toBeGreaterThan(5);
    expect(cluster.gates.length).toBeLessThan(15);
  });

  test.each([
    ['is gone', 404, 'not found'],
    ['was followed by another one of its name', 422, 'metadata.uid: Invalid value: "x": field is immutable'],
  ])('to a pod that %s is not', async (_, status, message) => {
    let patches = 0;
    cluster.answerPatch = () => {
      patches++;
      throw new KubeApiError({ method: 'PATCH', path: '/pods' }, status, { reason: '', message, causes: [] });
    };
    cluster.service();
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(1_500);
    cluster.gatedPods.remove(`shop/${POD}`);
    await cluster.after(60_000);
    expect(patches).toBe(1);
    expect(cluster.unpatched).toEqual([]);
  });

  test('is not made by a process that may not write, nor from caches that may be old', async () => {
    cluster.service();
    cluster.mayWrite = false;
    cluster.start();
    cluster.gatedPod(POD);
    await cluster.after(10_000);
    cluster.stall();
    cluster.mayWrite = true;
    await cluster.after(10_000);
    expect(cluster.gates).toEqual([]);
    cluster.catchesUp();
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([`${POD} True NotWanted`]);
  });

  test('decides anew when its turn comes: of two hundred pods none is written to that is gone by then', async () => {
    cluster.service();
    const names = Array.from({ length: 200 }, (_, i) => `pod-10.0.1.${i}`);
    for (const name of names) cluster.gatedPod(name);
    cluster.start();
    // By then the first eight writes are in flight.
    cluster.answerPatch = () => {
      for (const name of names) cluster.gatedPods.remove(`shop/${name}`);
    };
    await cluster.after(10_000);
    expect(cluster.gates.length).toBeGreaterThan(0);
    expect(cluster.gates.length).toBeLessThan(20);
  });
});

test('a pod is told what it was waited for in vain', async () => {
  cluster.groups.behave = refusing('quota', 'add');
  cluster.bind();
  cluster.start();
  waits();
  await cluster.after(TIMEOUT_MS + 1_000);
  const told = cluster.events.find((event) => event.startsWith('ReadinessGateTimedOut'));
  expect(told).toContain(CODES.quota);
});
