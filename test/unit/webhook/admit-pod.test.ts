import { describe, expect, test } from '@jest/globals';
import { HOLD_ANNOTATION, READINESS_GATE, ZERO_DOWNTIME_LABEL } from '../../../src/api/names.ts';
import type { JsonObject } from '../../../src/json.ts';
import { admitPod, type BoundService, type Offer } from '../../../src/webhook/admit-pod.ts';
import { withChanges } from '../../../src/zero-downtime/field-change.ts';

const ALL: Offer = { gates: true, holds: true };
const sleep = (seconds: number) => ({ lifecycle: { preStop: { sleep: { seconds } } } });
const web: BoundService = { selector: { app: 'web' }, addsPods: true, holdSeconds: 15 };

interface PodFields {
  readonly labels?: object;
  readonly annotations?: object;
  readonly container?: object;
  readonly spec?: object;
}

function pod({ labels = {}, annotations, container = {}, spec = {} }: PodFields = {}): JsonObject {
  return {
    metadata: {
      generateName: 'web-',
      labels: { app: 'web', ...labels },
      ...(annotations && { annotations }),
    },
    spec: { containers: [{ name: 'app', ...container }], terminationGracePeriodSeconds: 30, ...spec },
  };
}

/** The admitted pod; undefined for parts that it does not have. */
function admitted(before: JsonObject, bound: readonly BoundService[], offer = ALL) {
  const { result, changes, warnings } = admitPod(before, bound, offer);
  const after = withChanges(before, changes) as {
    metadata: { annotations?: Record<string, string> };
    spec: {
      readinessGates?: { conditionType: string }[];
      terminationGracePeriodSeconds?: number;
      containers: { lifecycle?: { preStop?: { sleep?: { seconds: number } } } }[];
    };
  };
  return {
    result,
    warnings,
    gate: after.spec.readinessGates?.map(({ conditionType }) => conditionType).join(),
    hold: after.spec.containers[0]?.lifecycle?.preStop?.sleep?.seconds,
    grace: after.spec.terminationGracePeriodSeconds,
  };
}

describe('a new pod', () => {
  test('that a binding adds gets gate and hold, and a grace period that is as much longer', () => {
    expect(admitted(pod(), [web])).toEqual({
      result: 'changed',
      warnings: [],
      gate: READINESS_GATE,
      hold: 15,
      grace: 45,
    });
  });

  test.each<[string, readonly BoundService[]]>([
    ['no binding is there', []],
    ['no Service that a binding names selects it', [{ ...web, selector: { app: 'other' } }]],
    ['it lacks one of the labels', [{ ...web, selector: { app: 'web', tier: 'front' } }]],
  ])('stays as it is when %s', (_, bound) => {
    expect(admitPod(pod(), bound, ALL)).toEqual({ result: 'unwanted', changes: [], warnings: [] });
  });

  test('of several bindings gets the longest hold that one asks for', () => {
    expect(admitted(pod(), [web, { ...web, holdSeconds: 45 }, { ...web, holdSeconds: 20 }])).toMatchObject({
      hold: 45,
      grace: 75,
    });
  });

  test('that no binding adds gets a hold and no gate: nobody would open it', () => {
    expect(admitted(pod(), [{ ...web, addsPods: false }])).toMatchObject({ gate: undefined, hold: 15 });
    expect(admitted(pod(), [{ ...web, addsPods: false }, web])).toMatchObject({ gate: READINESS_GATE });
  });

  test('gets no gate of an operator without --readiness-gates', () => {
    expect(admitted(pod(), [web], { ...ALL, gates: false })).toMatchObject({ gate: undefined, hold: 15 });
  });

  test('gets no hold from a cluster that would refuse it for that, and its creator is told', () => {
    expect(admitted(pod(), [web], { ...ALL, holds: false })).toEqual({
      result: 'changed',
      warnings: ['no termination hold: it needs Kubernetes 1.30'],
      gate: READINESS_GATE,
      hold: undefined,
      grace: 30,
    });
  });

  test('that has both already stays as it is: a second look finds nothing to do', () => {
    const { changes } = admitPod(pod(), [web], ALL);
    const after = withChanges(pod(), changes) as JsonObject;
    expect(admitPod(after, [web], ALL)).toEqual({ result: 'unchanged', changes: [], warnings: [] });
  });

  test('keeps a hold that was written longer, and gets one that was written shorter made longer', () => {
    const injected = (seconds: number) =>
      pod({
        annotations: { [HOLD_ANNOTATION]: String(seconds) },
        container: sleep(seconds),
        spec: { terminationGracePeriodSeconds: 30 + seconds },
      });
    expect(admitted(injected(40), [web])).toMatchObject({ hold: 40, grace: 70 });
    expect(admitted(injected(10), [web])).toMatchObject({ hold: 15, grace: 45 });
  });

  test('takes no length of hold from an annotation that no container bears out', () => {
    const claims = pod({ annotations: { [HOLD_ANNOTATION]: '100000' } });
    expect(admitted(claims, [web])).toMatchObject({ hold: 15, grace: 45 });
  });

  test('with a preStop of its own keeps it, gets the gate, and its creator is told', () => {
    const own = pod({ container: { lifecycle: { preStop: { exec: { command: ['/stop'] } } } } });
    expect(admitted(own, [web])).toMatchObject({
      result: 'changed',
      gate: READINESS_GATE,
      hold: undefined,
      warnings: [expect.stringContaining('container app has its own preStop')],
    });
  });

  test('with hostNetwork gets both: a sleep needs no network, and its row is its node’s', () => {
    expect(admitted(pod({ spec: { hostNetwork: true } }), [web])).toMatchObject({
      gate: READINESS_GATE,
      hold: 15,
    });
  });

  test.each<[string, PodFields]>([
    ['is of a Job', { spec: { restartPolicy: 'OnFailure' } }],
    ['never restarts', { spec: { restartPolicy: 'Never' } }],
    ['is a mirror pod', { annotations: { 'kubernetes.io/config.mirror': 'x' } }],
    ['opts out', { labels: { [ZERO_DOWNTIME_LABEL]: 'disabled' } }],
  ])('that %s is left alone', (_, fields) => {
    expect(admitPod(pod(fields), [web], ALL)).toEqual({ result: 'left-alone', changes: [], warnings: [] });
  });

  test('with a value of the label that nobody knows is treated as any other, and its creator is told', () => {
    const told =
      'label slb.alibabacloud.com/zero-downtime is "off": expected enabled or disabled; taken as enabled';
    const misspelt = pod({ labels: { [ZERO_DOWNTIME_LABEL]: 'off' } });
    expect(admitted(misspelt, [web])).toMatchObject({ result: 'changed', hold: 15, warnings: [told] });
    expect(admitPod(misspelt, [], ALL).warnings).toEqual([told]);
  });

  test('of any number of containers has its creator told in so many words as the API server passes on', () => {
    const containers = Array.from({ length: 50 }, (_, i) => ({
      name: `c${i}`.padEnd(63, 'x'),
      lifecycle: { preStop: { exec: { command: ['/stop'] } } },
    }));
    const { warnings } = admitPod(pod({ spec: { containers } }), [web], ALL);
    expect(warnings.join('').length).toBeLessThan(4_096);
    for (const warning of warnings) expect(warning.length).toBeLessThan(256);
  });
});
