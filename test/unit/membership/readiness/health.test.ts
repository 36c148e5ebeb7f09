import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { gateOf } from '../../../../src/membership/readiness/gate.ts';
import { type Health, registrationByHealth } from '../../../../src/membership/readiness/health.ts';

const SINCE = 1_000_000;
const timeoutMs = 600_000;
const registered = { is: 'registered', since: SINCE, settleMs: 2_000 } as const;

type Told = Extract<Health, { is: 'told' }>;
type Status = Told['listeners'][number]['status'];
const told = (after: number, ...statuses: readonly Status[]): Health => ({
  is: 'told',
  askedAt: SINCE + after,
  listeners: statuses.map((status, i) => ({ listener: `tcp:${80 + i}`, status })),
});
const refused: Health = { is: 'refused', reason: 'AccessDenied', message: 'lb-1 does not say it' };

function outcome(health: Health | undefined, loadBalancer: string | undefined = 'lb-1'): string {
  const one = registrationByHealth(registered, loadBalancer, health, timeoutMs);
  if (one.is === 'waiting') return `waiting: ${one.reason}`;
  return one.is === 'registered' ? `registered, settled after ${one.settleMs}` : one.is;
}

const IN = 'registered, settled after 2000';

test.each<[string, Health | undefined, string]>([
  ['was not asked', undefined, 'unknown'],
  ['said it was healthy before the pod was in', told(-1, 'normal'), 'unknown'],
  ['refuses to say', refused, 'waiting: AccessDenied'],
  ['finds it healthy', told(0, 'normal'), IN],
  ['finds it healthy on each listener', told(0, 'normal', 'normal'), IN],
  ['finds it unhealthy at first', told(14_999, 'abnormal'), 'unknown'],
  ['finds it unhealthy still', told(15_000, 'abnormal'), 'waiting: Unhealthy'],
  ['finds it unhealthy on one listener of two', told(15_000, 'normal', 'abnormal'), 'waiting: Unhealthy'],
  ['… of which the other has no result', told(15_000, 'unavailable', 'abnormal'), 'waiting: Unhealthy'],
  ['has no result yet', told(14_999, 'unavailable'), 'unknown'],
  ['has no result on one listener of two yet', told(14_999, 'normal', 'unavailable'), 'unknown'],
  ['has no result in the end', told(15_000, 'normal', 'unavailable'), IN],
  ['has no listener for it at first', told(14_999), 'unknown'],
  ['has no listener for it', told(15_000), IN],
])('a pod in the group whose load balancer %s', (_, health, expected) => {
  expect(outcome(health)).toBe(expected);
});

test('a pod in a group whose load balancer is not known counts after as long', () => {
  const one = registrationByHealth(registered, undefined, undefined, timeoutMs);
  expect(one).toEqual({ ...registered, settleMs: 15_000 });
  const slow = { ...registered, settleMs: 60_000 };
  expect(registrationByHealth(slow, undefined, undefined, timeoutMs)).toEqual(slow);
});

test('what fails is told by its listeners', () => {
  const messageOf = (health: Health) => {
    const one = registrationByHealth(registered, 'lb-1', health, timeoutMs);
    return one.is === 'waiting' ? one.message : undefined;
  };
  expect(messageOf(told(15_000, 'normal', 'abnormal'))).toBe(
    'the health check of listener tcp:81 of load balancer lb-1 fails',
  );
  expect(messageOf(told(15_000, 'abnormal', 'abnormal'))).toBe(
    'the health check of listeners tcp:80, tcp:81 of load balancer lb-1 fails',
  );
});

const status = fc.constantFrom<Status>('normal', 'abnormal', 'unavailable');
const anyHealth: fc.Arbitrary<Health | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant(refused),
  fc.record({
    is: fc.constant('told' as const),
    askedAt: fc.integer({ min: -20_000, max: 40_000 }).map((ms) => SINCE + ms),
    listeners: fc.array(fc.record({ listener: fc.constantFrom('tcp:80', 'http:81'), status }), {
      maxLength: 3,
    }),
  }),
);

test('whatever the load balancer says: a gate opens as Registered only if no check fails, and in the end it opens', () => {
  const now = SINCE + 40_000;
  const pod = { leaving: false, registrable: true, gate: undefined };
  fc.assert(
    fc.property(anyHealth, (health) => {
      const one = registrationByHealth(registered, 'lb-1', health, timeoutMs);
      const input = { pod, registrations: [one], seesAll: true, closedSince: SINCE };
      const { gate } = gateOf({ ...input, now });
      const isTold = health?.is === 'told' && health.askedAt >= SINCE;
      const statuses = isTold ? health.listeners.map((each) => each.status) : [];
      const isHealthy = isTold && statuses.length > 0 && statuses.every((each) => each === 'normal');
      const mayCount = isTold && health.askedAt >= SINCE + 15_000 && !statuses.includes('abnormal');
      expect(gate?.open === true).toBe(isHealthy || mayCount);
      const end = gateOf({ ...input, now: SINCE + timeoutMs }).gate;
      expect([end?.open, end?.reason]).toEqual([true, isHealthy || mayCount ? 'Registered' : 'TimedOut']);
    }),
    { numRuns: 1_000 },
  );
});
