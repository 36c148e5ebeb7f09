import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TestCluster } from '../group/cluster.ts';
import { apiError } from '../group/fake-cloud.ts';

const POD = 'pod-10.0.0.1';
const TIMEOUT_MS = 600_000;
const HEALTHY = { readiness: { gate: 'Healthy' } };

let cluster: TestCluster;

beforeEach(() => {
  cluster = new TestCluster({ readinessGates: true });
});

afterEach(async () => {
  await cluster.stop();
});

/** Creates pods of the Service that wait only for their gates, and lists them as endpoints. */
function wait(...ips: readonly string[]): void {
  for (const ip of ips) cluster.gatedPod(`pod-${ip}`);
  cluster.endpoints(ips);
}

function checksSay(ip: string, ...statuses: readonly ('normal' | 'abnormal' | 'unavailable')[]): void {
  cluster.groups.health.set(ip, Object.fromEntries(statuses.map((status, i) => [`tcp:${80 + i}`, status])));
}

/** The number of health calls within this many milliseconds. */
async function callsWithin(ms: number): Promise<number> {
  const before = cluster.groups.healthCalls.length;
  await cluster.after(ms);
  return cluster.groups.healthCalls.length - before;
}

describe('a pod whose binding wants it to be healthy', () => {
  test('is let in by one patch once the load balancer finds it so, and not before', async () => {
    cluster.bind('web', HEALTHY);
    checksSay('10.0.0.1', 'unavailable');
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(7_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.1:8080*100']);
    expect(cluster.gates).toEqual([]);
    checksSay('10.0.0.1', 'normal');
    await cluster.after(2_500);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is let in once it is so by each listener', async () => {
    cluster.bind('web', HEALTHY);
    checksSay('10.0.0.1', 'normal', 'unavailable');
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(7_000);
    expect(cluster.gates).toEqual([]);
    checksSay('10.0.0.1', 'normal', 'normal');
    await cluster.after(2_500);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('whose check fails is told so after 15 s, and is let in after its time-out', async () => {
    cluster.bind('web', HEALTHY);
    checksSay('10.0.0.1', 'abnormal');
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(14_000);
    expect(cluster.gates).toEqual([]);
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([`${POD} False Unhealthy`]);
    await cluster.after(TIMEOUT_MS - 20_000);
    expect(cluster.gates).toHaveLength(1);
    await cluster.after(2_000);
    expect(cluster.gates.at(-1)).toBe(`${POD} True TimedOut`);
    expect(cluster.events.at(-1)).toContain(
      'the health check of listener tcp:80 of load balancer lb-1 fails',
    );
  });

  test('whose check passes in the end is let in', async () => {
    cluster.bind('web', HEALTHY);
    checksSay('10.0.0.1', 'abnormal');
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(100_000);
    checksSay('10.0.0.1', 'normal');
    await cluster.after(2_500);
    expect(cluster.gates).toEqual([`${POD} False Unhealthy`, `${POD} True Registered`]);
  });

  test.each([
    ['is on no listener', []],
    ['has no result on any', ['unavailable'] as const],
    ['has none on one of two', ['normal', 'unavailable'] as const],
  ])('that %s is let in after 15 s, by one patch', async (_, statuses) => {
    cluster.bind('web', HEALTHY);
    checksSay('10.0.0.1', ...statuses);
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(14_000);
    expect(cluster.gates).toEqual([]);
    await cluster.after(5_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('is not let in by what was said of the pod that had its address before', async () => {
    cluster.bind('web', HEALTHY);
    cluster.start();
    wait('10.0.0.1', '10.0.0.2');
    checksSay('10.0.0.2', 'abnormal');
    await cluster.after(3_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
    cluster.gatedPod(POD, { leaving: true });
    await cluster.after(100);
    checksSay('10.0.0.1', 'unavailable');
    cluster.gatedPod('next');
    cluster.endpoints(['10.0.0.1', '10.0.0.2'], { '10.0.0.1': 'next' });
    await cluster.after(10_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
    checksSay('10.0.0.1', 'normal');
    await cluster.after(2_500);
    expect(cluster.gates.at(-1)).toBe('next True Registered');
  });

  test('is not let in by what was said of it at the port that it had before', async () => {
    cluster.bind('web', { readiness: { gate: 'Healthy', settleSeconds: 10 } });
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(5_000);
    checksSay('10.0.0.1', 'unavailable');
    cluster.moveTo(9090);
    await cluster.after(13_000);
    expect(cluster.gates).toEqual([]);
    checksSay('10.0.0.1', 'normal');
    await cluster.after(2_500);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('keeps an open gate whatever the load balancer finds later', async () => {
    cluster.bind('web', HEALTHY);
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(3_000);
    checksSay('10.0.0.1', 'abnormal');
    await cluster.after(TIMEOUT_MS);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('waits for settleSeconds as well', async () => {
    cluster.bind('web', { readiness: { gate: 'Healthy', settleSeconds: 10 } });
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(9_000);
    expect(cluster.gates).toEqual([]);
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });

  test('of a group whose load balancer the cloud does not tell is let in after 15 s, and nobody is asked', async () => {
    const { groups } = cluster;
    const describe_ = groups.describe.bind(groups);
    groups.describe = async (group) => ({ ...(await describe_(group)), loadBalancerId: undefined as never });
    cluster.bind('web', HEALTHY);
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(14_000);
    expect(cluster.gates).toEqual([]);
    await cluster.after(2_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
    expect(groups.healthCalls).toEqual([]);
  });

  test('of a kind of groups that does not tell of health is let in once it is in its group', async () => {
    await cluster.stop();
    cluster = new TestCluster({ readinessGates: true, tellsHealth: false });
    cluster.bind('web', HEALTHY);
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(1_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
  });
});

describe('a load balancer is asked', () => {
  test('each two seconds while pods wait, once for all of them, and never again when they are let in', async () => {
    cluster.bind('web', HEALTHY);
    cluster.bind('api', { ...HEALTHY, vServerGroupId: 'rsp-2' });
    const ips = Array.from({ length: 40 }, (_, i) => `10.0.0.${i + 1}`);
    for (const ip of ips) checksSay(ip, 'unavailable');
    cluster.start();
    wait(...ips);
    await cluster.after(1_000);
    expect(await callsWithin(10_000)).toBeLessThanOrEqual(5);
    for (const ip of ips.slice(1)) checksSay(ip, 'normal');
    await cluster.after(2_500);
    expect(cluster.gates).toHaveLength(39);
    expect(await callsWithin(2_100)).toBe(1);
    checksSay('10.0.0.1', 'normal');
    await cluster.after(2_500);
    expect(cluster.gates).toHaveLength(40);
    expect(await callsWithin(TIMEOUT_MS)).toBe(0);
  });

  test('never for a binding that wants pods registered only, or before a pod is in its group', async () => {
    cluster.bind();
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(10_000);
    cluster.groups.behave = ({ action }) => {
      if (action === 'add') throw apiError('quota', 'BackendServerQuotaExceeded');
      return undefined;
    };
    cluster.bind('web', HEALTHY);
    cluster.gatedPod('pod-10.0.0.2');
    cluster.endpoints(['10.0.0.1', '10.0.0.2']);
    await cluster.after(60_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`, 'pod-10.0.0.2 False QuotaExceeded']);
    expect(cluster.groups.healthCalls).toEqual([]);
  });

  test('no more about a pod that it has found healthy, and that waits for another group', async () => {
    cluster.bind('web', HEALTHY);
    cluster.bind('api', { vServerGroupId: 'rsp-2', readiness: { settleSeconds: 60 } });
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(5_000);
    expect(cluster.groups.healthCalls).toHaveLength(1);
    await cluster.after(60_000);
    expect(cluster.gates).toEqual([`${POD} True Registered`]);
    expect(cluster.groups.healthCalls).toHaveLength(1);
  });

  test.each<[string, () => void]>([
    ['ends', () => cluster.gatedPod(POD, { leaving: true })],
    ['is gone', () => void cluster.gatedPods.remove(`shop/${POD}`)],
    ['fails its probe', () => cluster.gatedPod(POD, { registrable: false })],
    ['is let in by hand', () => cluster.gatedPod(POD, { gate: { open: true, reason: 'ByHand' } })],
    ['is wanted by nobody any more', () => cluster.unbind()],
    ['is of a binding that is suspended', () => cluster.bind('web', { ...HEALTHY, suspend: true })],
    ['is of a binding that wants it registered', () => cluster.bind('web')],
  ])('no more when the last pod that waits %s', async (_, happen) => {
    cluster.bind('web', HEALTHY);
    checksSay('10.0.0.1', 'abnormal');
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(30_000);
    happen();
    await cluster.after(1_000);
    expect(await callsWithin(60_000)).toBe(0);
  });

  test('no more by an operator that stops', async () => {
    cluster.bind('web', HEALTHY);
    checksSay('10.0.0.1', 'abnormal');
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(10_000);
    await cluster.stop();
    expect(await callsWithin(60_000)).toBe(0);
  });
});

describe('a load balancer that does not say it', () => {
  const refuse = (kind: 'denied' | 'throttled' | 'transient', code: string) => {
    cluster.groups.behave = ({ action }) => {
      if (action === 'health') throw apiError(kind, code);
      return undefined;
    };
  };

  test.each([
    ['may not be asked', 'denied', 'Forbidden.RAM', 'AccessDenied'],
    ['is asked too often', 'throttled', 'Throttling.User', 'Throttled'],
    ['can not be reached', 'transient', 'ECONNRESET', 'ApiUnavailable'],
  ] as const)(
    'because it %s is asked with growing pauses; the pod is told, and let in after its time-out',
    async (_, kind, code, reason) => {
      refuse(kind, code);
      cluster.bind('web', HEALTHY);
      cluster.start();
      wait('10.0.0.1');
      await cluster.after(5_000);
      expect(cluster.gates).toEqual([`${POD} False ${reason}`]);
      await cluster.after(60_000);
      expect(await callsWithin(300_000)).toBeLessThanOrEqual(13);
      await cluster.after(TIMEOUT_MS);
      expect(cluster.gates).toEqual([`${POD} False ${reason}`, `${POD} True TimedOut`]);
    },
  );

  test('and then does lets the pod in', async () => {
    refuse('denied', 'Forbidden.RAM');
    cluster.bind('web', HEALTHY);
    cluster.start();
    wait('10.0.0.1');
    await cluster.after(60_000);
    cluster.groups.behave = () => undefined;
    await cluster.after(31_000);
    expect(cluster.gates).toEqual([`${POD} False AccessDenied`, `${POD} True Registered`]);
  });

  test('holds no write of the group back', async () => {
    refuse('denied', 'Forbidden.RAM');
    cluster.bind('web', HEALTHY);
    cluster.start();
    wait('10.0.0.1', '10.0.0.2');
    await cluster.after(20_000);
    cluster.gatedPod(POD, { leaving: true });
    await cluster.after(1_000);
    expect(cluster.groups.shown).toEqual(['10.0.0.2:8080*100']);
  });
});
