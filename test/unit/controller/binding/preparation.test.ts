import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HOLD_ANNOTATION } from '../../../../src/api/names.ts';
import { addresses, TestCluster, type TestClusterOptions } from '../group/cluster.ts';

type Options = Omit<TestClusterOptions<never>, 'groups'>;

let cluster: TestCluster;

/** Four pods behind a binding, with the given hold of each pod. */
async function setUp(
  holds: readonly number[],
  spec: Record<string, unknown> = {},
  options: Options = {},
): Promise<void> {
  cluster = new TestCluster({ defaultDrainSeconds: 20, ...options });
  cluster.showsStatus = true;
  pods(holds);
  cluster.bind('web', spec);
  cluster.start();
  await cluster.after(1_000);
}

function pods(holds: readonly number[], annotations: Record<string, string> = {}): void {
  const ips = addresses(holds.length);
  cluster.endpoints(ips);
  holds.forEach((holdSeconds, i) => {
    cluster.pod(`pod-${ips[i]}`, annotations, { holdSeconds });
  });
}

afterEach(async () => {
  await cluster.stop();
});

/** The hold that pods need, how many lack it, and how many have no gate. */
function told(name = 'web'): readonly unknown[] {
  const { holdSeconds, podsWithoutHold, podsWithoutGate } = cluster.statuses.get(name) ?? {};
  return [holdSeconds, podsWithoutHold, podsWithoutGate];
}

describe('status tells for how long pods have to be held, and how many are held for less', () => {
  test("by the operator's drain, if the binding has none", async () => {
    await setUp([35, 34, 0, 36]);
    expect(told()).toEqual([20 + 10 + 5, 2, undefined]);
  });

  test("by the binding's, and again when that changes", async () => {
    await setUp([35, 34, 0, 36], { drain: { seconds: 0, propagationSeconds: 2 } });
    expect(told()).toEqual([0 + 2 + 5, 1, undefined]);
    cluster.bind('web', { drain: { seconds: 30, propagationSeconds: 2 } });
    await cluster.after(1_000);
    expect(told()).toEqual([30 + 2 + 5, 4, undefined]);
  });

  test('with pods that come and go', async () => {
    await setUp([35, 0]);
    pods([35, 0, 0]);
    await cluster.after(1_000);
    expect(told()).toEqual([35, 2, undefined]);
    pods([35]);
    await cluster.after(1_000);
    expect(told()).toEqual([35, 0, undefined]);
  });

  test('of each binding by its own drain', async () => {
    await setUp([20, 40]);
    cluster.bind('other', { drain: { seconds: 0 } });
    await cluster.after(1_000);
    expect([told(), told('other')]).toEqual([
      [35, 1, undefined],
      [15, 0, undefined],
    ]);
  });

  test('of RemoveOnly as well: what it removes is sent requests for as long', async () => {
    await setUp([35, 0], { mode: 'RemoveOnly' });
    expect(told()).toEqual([35, 1, undefined]);
  });

  test('not how many while the pods are not known', async () => {
    cluster = new TestCluster();
    cluster.podsKnown = false;
    cluster.endpoints(addresses(2));
    cluster.bind();
    cluster.start();
    await cluster.after(1_000);
    expect(told()).toEqual([15, undefined, undefined]);
    cluster.podsAreListed();
    await cluster.after(1_000);
    expect(told()).toEqual([15, 2, undefined]);
  });

  test('not how many while the binding names a Service that there is not', async () => {
    await setUp([0], { serviceRef: { name: 'typo', port: 80 } });
    expect(told()).toEqual([35, undefined, undefined]);
  });

  test('and not of a pod that is gone, though it is still an endpoint', async () => {
    await setUp([0, 0]);
    cluster.podIsGone('pod-10.0.0.1');
    await cluster.after(1_000);
    expect(told()).toEqual([35, 1, undefined]);
  });

  test('and changes nothing but together with the backends: it costs no write of its own', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.subarray(addresses(6)), { minLength: 1, maxLength: 6 }),
        async (rounds) => {
          cluster = new TestCluster({ defaultDrainSeconds: 20 });
          cluster.showsStatus = true;
          let last = { rest: '', podsWithoutHold: undefined as number | undefined };
          const alone: unknown[] = [];
          const { statuses } = cluster;
          const set = statuses.set.bind(statuses);
          statuses.set = (name, { podsWithoutHold, ...others }) => {
            const rest = JSON.stringify(others);
            if (rest === last.rest && podsWithoutHold !== last.podsWithoutHold) alone.push(podsWithoutHold);
            last = { rest, podsWithoutHold };
            return set(name, { ...others, ...(podsWithoutHold !== undefined && { podsWithoutHold }) });
          };
          cluster.bind();
          cluster.start();
          for (const ips of rounds) {
            cluster.endpoints(ips);
            // The hold of an existing pod never changes.
            for (const ip of ips) cluster.pod(`pod-${ip}`, {}, { holdSeconds: ip.endsWith('.1') ? 35 : 0 });
            await cluster.after(3_000);
          }
          expect(alone).toEqual([]);
          await cluster.stop();
        },
      ),
      { numRuns: 30 },
    );
  });

  test('nothing where nodes are the backends, nor of a binding that is being deleted', async () => {
    await setUp([0], { backendType: 'ecs' });
    expect(told()).toEqual([undefined, undefined, undefined]);
    cluster.bind('going', { mode: 'RemoveOnly' }, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    await cluster.after(1_000);
    expect(told('going')).toEqual([undefined, undefined, undefined]);
  });
});

describe('status tells how many pods have no gate', () => {
  test('with --readiness-gates only', async () => {
    await setUp([35, 35], {}, { readinessGates: true });
    expect(told()).toEqual([35, 0, 2]);
  });

  test('and not those that have one', async () => {
    await setUp([35, 35], {}, { readinessGates: true });
    cluster.gatedPod('pod-10.0.0.1', { gate: { open: true, reason: 'Registered' } });
    await cluster.after(1_000);
    expect(told()).toEqual([35, 1, 1]);
  });

  test.each<[string, Record<string, unknown>, Options]>([
    ['a binding that only removes', { mode: 'RemoveOnly' }, {}],
    ['a suspended binding', { suspend: true }, {}],
    ['a dry run', {}, { dryRun: true }],
  ])('not of %s, which opens none', async (_, spec, options) => {
    await setUp([35, 35], spec, { readinessGates: true, ...options });
    expect(told()).toEqual([35, 0, undefined]);
  });
});

describe('a hold that is too short, by its annotation', () => {
  const tooShort = () => cluster.events.filter((event) => event.startsWith('HoldTooShort'));

  test('is told with the pods and with what to do; once for all pods of a template', async () => {
    await setUp([35]);
    pods([20, 20], { [HOLD_ANNOTATION]: '20' });
    await cluster.after(1_000);
    pods([20, 20, 20], { [HOLD_ANNOTATION]: '20' });
    await cluster.after(1_000);
    expect(tooShort()).toEqual([
      expect.stringMatching(
        /2 pods are held for less than the 35 s .*pod-10\.0\.0\.1 \(20 s, annotated 20\), pod-10\.0\.0\.2 .*--hold-seconds 35/,
      ),
    ]);
  });

  test('is told again when it is another one, and when the drain is', async () => {
    await setUp([20], {});
    pods([20], { [HOLD_ANNOTATION]: '20' });
    await cluster.after(1_000);
    pods([10], { [HOLD_ANNOTATION]: '20' });
    await cluster.after(1_000);
    cluster.bind('web', { drain: { seconds: 60 } });
    await cluster.after(1_000);
    expect(tooShort().map((event) => /for less than the (\d+) s .*\((\d+) s/.exec(event)?.slice(1))).toEqual([
      ['35', '20'],
      ['35', '10'],
      ['75', '10'],
    ]);
  });

  test('is not told of pods that say nothing of a hold, nor of those that are held', async () => {
    await setUp([0, 20, 35]);
    pods([35], { [HOLD_ANNOTATION]: '35' });
    await cluster.after(1_000);
    expect(tooShort()).toEqual([]);
  });
});
