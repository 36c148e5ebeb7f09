import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TestCluster } from '../unit/controller/group/cluster.ts';
import { apiError, type Call } from '../unit/controller/group/fake-cloud.ts';

const PODS = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
const BINDINGS = ['web', 'api'];
/** Shorter than the defaults, so that one run covers several timeouts. */
const READINESS = { timeoutSeconds: 60, settleSeconds: 5 };
const HEALTHY = { ...READINESS, gate: 'Healthy' };
/** Long enough for the timeout of each binding, a settling period, and the longest pause after a failed write. */
const IN_THE_END_MS = 120_000;

const FAULTS = {
  none: undefined,
  full: ['quota', 'BackendServerQuotaExceeded', 'add'],
  gone: ['groupMissing', 'TheSpecifiedVServerGroupIdNotFound', undefined],
  unreadable: ['denied', 'Forbidden.RAM', 'describe'],
  'without an answer': ['transient', 'ECONNRESET', undefined],
  'of unknown health': ['denied', 'Forbidden.RAM', 'health'],
} as const;

const name = fc.constantFrom(...BINDINGS);
const pod = fc.constantFrom(...PODS);
const spec = fc.record(
  {
    suspend: fc.boolean(),
    mode: fc.constantFrom('Sync', 'RemoveOnly'),
    backendType: fc.constantFrom('eni', 'ecs'),
    serviceRef: fc.record({ name: fc.constantFrom('web', 'wbe'), port: fc.constantFrom(80, 81) }),
    readiness: fc.constantFrom(READINESS, HEALTHY),
  },
  { requiredKeys: [] },
);
/** Mostly the usual case. */
const usual = fc.constantFrom({}, { readiness: HEALTHY });
const check = fc.array(fc.constantFrom('normal' as const, 'abnormal' as const, 'unavailable' as const), {
  maxLength: 2,
});

const step = fc.record({
  ms: fc.constantFrom(0, 100, 1_000, 5_000, 30_000, 70_000),
  event: fc.oneof(
    fc.record({ is: fc.constant('bind' as const), name, spec: fc.oneof(usual, spec) }),
    fc.record({ is: fc.constant('delete' as const), name }),
    fc.record({ is: fc.constant('unbind' as const), name }),
    fc.record({ is: fc.constant('service' as const), there: fc.boolean() }),
    fc.record({ is: fc.constant('pod' as const), pod, registrable: fc.boolean() }),
    fc.record({ is: fc.constant('replaced' as const), pod }),
    fc.record({ is: fc.constant('listed' as const), pods: fc.subarray(PODS) }),
    fc.record({
      is: fc.constant('fault' as const),
      fault: fc.constantFrom(...(Object.keys(FAULTS) as (keyof typeof FAULTS)[])),
    }),
    fc.record({ is: fc.constant('eni' as const), pod, found: fc.boolean() }),
    fc.record({ is: fc.constant('api server' as const), takes: fc.boolean() }),
    fc.record({ is: fc.constant('checked' as const), pod, check }),
    fc.record({ is: fc.constant('emptied by hand' as const) }),
  ),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

let uid = 0;

function happen({ event }: Step, cluster: TestCluster): void {
  const { bindings, services } = cluster.caches;
  switch (event.is) {
    case 'bind':
      cluster.bind(event.name, { readiness: READINESS, ...event.spec });
      break;
    case 'delete':
      if (bindings.get(`shop/${event.name}`) !== undefined)
        cluster.bind(event.name, { readiness: READINESS }, { deletionTimestamp: '2026-01-01T00:00:00Z' });
      break;
    case 'unbind':
      cluster.unbind(event.name);
      break;
    case 'service':
      if (event.there) cluster.service();
      else services.remove('shop/web');
      break;
    case 'pod':
      cluster.gatedPod(`pod-${event.pod}`, { registrable: event.registrable });
      break;
    case 'replaced':
      cluster.gatedPod(`pod-${event.pod}`, { uid: `new-${++uid}`, registrable: true, gate: undefined });
      break;
    case 'listed':
      cluster.endpoints(event.pods.filter((ip) => cluster.gatedPods.get(`shop/pod-${ip}`) !== undefined));
      break;
    case 'fault':
      cluster.groups.behave = failing(FAULTS[event.fault]);
      break;
    case 'eni':
      cluster.enis.answer(
        event.pod,
        event.found ? { state: 'found', eniId: `eni-${event.pod}` } : { state: 'missing', since: 0 },
      );
      break;
    case 'api server':
      cluster.answerPatch = () => {
        if (!event.takes) throw new Error('refused by the test');
      };
      break;
    case 'checked':
      cluster.groups.health.set(
        event.pod,
        Object.fromEntries(event.check.map((one, i) => [`tcp:${i}`, one])),
      );
      break;
    case 'emptied by hand':
      cluster.groups.rows = [];
  }
}

function failing(fault: (typeof FAULTS)[keyof typeof FAULTS]) {
  return ({ action }: Call) => {
    if (fault === undefined) return undefined;
    const [kind, code, only] = fault;
    if (only === undefined || only === action) throw apiError(kind, code);
    return undefined;
  };
}

test('whatever happened to bindings, Services, groups and pods: who waits for nothing else is let in in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const cluster = new TestCluster({ readinessGates: true });
      cluster.start();
      for (const one of steps) {
        happen(one, cluster);
        await cluster.after(one.ms);
      }
      cluster.answerPatch = () => {};
      await cluster.after(IN_THE_END_MS);
      const shut = cluster.gatedPods
        .list()
        .filter(({ leaving, registrable, gate }) => !leaving && registrable && !gate?.open);
      await cluster.stop();
      expect(shut.map(({ name: one, gate }) => `${one}: ${gate?.reason}`)).toEqual([]);
    }),
    { numRuns: 300 },
  );
}, 60_000);
