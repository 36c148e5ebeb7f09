import { describe, expect, test } from '@jest/globals';
import { HOLD_ANNOTATION, READINESS_GATE, ZERO_DOWNTIME_LABEL } from '../../../src/api/names.ts';
import type { JsonObject } from '../../../src/json.ts';
import { valueAt, withChanges } from '../../../src/zero-downtime/field-change.ts';
import { leftAlone, planTemplate, type Wanted } from '../../../src/zero-downtime/pod-template-plan.ts';

const HOLD_25: Wanted = { gate: false, holdSeconds: 25 };
const GATE: Wanted = { gate: true, holdSeconds: undefined };

/** A pod template with one container for each given `preStop`. */
function template(preStops: readonly unknown[], spec: object = {}, hold?: string): JsonObject {
  return {
    ...(hold !== undefined && { metadata: { annotations: { [HOLD_ANNOTATION]: hold } } }),
    spec: {
      containers: preStops.map((preStop, i) => ({
        name: `c${i}`,
        ...(preStop !== undefined && { lifecycle: { preStop } }),
      })),
      ...spec,
    },
  };
}

const sleep = (seconds: number) => ({ sleep: { seconds } });
const exec = { exec: { command: ['/stop'] } };

interface Held {
  readonly annotation: unknown;
  readonly preStops: readonly unknown[];
  readonly grace: unknown;
  readonly refused: readonly unknown[];
}

/** The resulting annotation, sleeps and grace period of a template. */
function held(before: JsonObject, wanted: Wanted = HOLD_25): Held {
  const { changes, refused } = planTemplate(before, wanted);
  const after = withChanges(before, changes);
  const containers = valueAt(after, ['spec', 'containers']) as readonly unknown[];
  expect(planTemplate(after as JsonObject, wanted).changes).toEqual([]);
  return {
    annotation: valueAt(after, ['metadata', 'annotations', HOLD_ANNOTATION]),
    preStops: containers.map((container) => valueAt(container, ['lifecycle', 'preStop'])),
    grace: valueAt(after, ['spec', 'terminationGracePeriodSeconds']),
    refused,
  };
}

describe('hold', () => {
  test.each<[string, JsonObject, Partial<Held>]>([
    [
      'a container without preStop sleeps, and has its 30 seconds after that',
      template([undefined]),
      { annotation: '25', preStops: [sleep(25)], grace: 55 },
    ],
    [
      'a grace period of its own is raised by the hold',
      template([undefined], { terminationGracePeriodSeconds: 10 }),
      { grace: 35 },
    ],
    [
      'a grace period of 0 is raised too: a sleep may be no longer than it',
      template([undefined], { terminationGracePeriodSeconds: 0 }),
      { grace: 25 },
    ],
    ['an empty preStop is none', template([{}, null]), { preStops: [sleep(25), sleep(25)] }],
    [
      'a preStop of its own stays; the others sleep',
      template([exec, undefined]),
      {
        preStops: [exec, sleep(25)],
        grace: 55,
        refused: [expect.stringContaining('container c0 has its own preStop')],
      },
    ],
    [
      'a sleep of its own that is long enough stays, and nothing is said',
      template([sleep(40), undefined]),
      { preStops: [sleep(40), sleep(25)], grace: 55, refused: [] },
    ],
    [
      'a sleep of its own that is too short stays, and is told',
      template([sleep(5), undefined]),
      { preStops: [sleep(5), sleep(25)], refused: [expect.stringContaining('takes 25 s or more')] },
    ],
    [
      'no container to hold: neither annotation nor grace period',
      template([exec]),
      { annotation: undefined, grace: undefined, refused: [expect.any(String)] },
    ],
    [
      'a grace period that is no number: no hold, and told',
      template([undefined], { terminationGracePeriodSeconds: '30' }),
      {
        annotation: undefined,
        preStops: [undefined],
        refused: [expect.stringContaining('terminationGracePeriodSeconds is "30"')],
      },
    ],
    [
      'an earlier hold of another length is replaced, and the grace period changes by the difference',
      template([sleep(15), sleep(40)], { terminationGracePeriodSeconds: 45 }, '15'),
      { annotation: '25', preStops: [sleep(25), sleep(40)], grace: 55 },
    ],
    [
      'a longer one too',
      template([sleep(60)], { terminationGracePeriodSeconds: 70 }, '60'),
      { annotation: '25', preStops: [sleep(25)], grace: 35 },
    ],
    [
      'a container that came after the hold gets it',
      template([sleep(25), undefined], { terminationGracePeriodSeconds: 55 }, '25'),
      { preStops: [sleep(25), sleep(25)], grace: 55 },
    ],
    [
      'a grace period shorter than the earlier hold was written by others: raised anew',
      template([sleep(25)], { terminationGracePeriodSeconds: 20 }, '25'),
      { grace: 45 },
    ],
    [
      'an earlier hold whose grace period was deleted: that of Kubernetes, raised anew',
      template([sleep(25)], {}, '25'),
      { grace: 55 },
    ],
    [
      'an annotation left over without its sleeps says nothing about the grace period',
      template([undefined], { terminationGracePeriodSeconds: 30 }, '25'),
      { preStops: [sleep(25)], grace: 55 },
    ],
    [
      'an annotation that is no number is replaced',
      template([undefined], {}, 'long'),
      { annotation: '25', grace: 55 },
    ],
  ])('%s', (_, before, expected) => {
    expect(held(before)).toMatchObject(expected);
  });

  test('init containers have none', () => {
    const init = [{ name: 'init' }, { name: 'sidecar', restartPolicy: 'Always' }];
    const { changes } = planTemplate(template([undefined], { initContainers: init }), HOLD_25);
    expect(changes.filter(({ path }) => path.includes('initContainers'))).toEqual([]);
  });
});

describe('gate', () => {
  const gate = { conditionType: READINESS_GATE };
  const other = { conditionType: 'example.com/warm' };

  test.each<[string, unknown, unknown]>([
    ['none', undefined, [gate]],
    ['an empty list', [], [gate]],
    ['others', [other], [other, gate]],
    ['ours among others', [gate, other], [gate, other]],
  ])('%s: ours is there once', (_, readinessGates, expected) => {
    const before = template([undefined], { readinessGates });
    const after = withChanges(before, planTemplate(before, GATE).changes);
    expect(valueAt(after, ['spec', 'readinessGates'])).toEqual(expected);
    expect(planTemplate(after as JsonObject, GATE).changes).toEqual([]);
  });
});

test.each<[string, JsonObject, RegExp | undefined]>([
  ['ends by itself', { spec: { restartPolicy: 'OnFailure' } }, /restartPolicy is OnFailure/],
  ['restarts', { spec: { restartPolicy: 'Always' } }, undefined],
  ['is a mirror pod', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }, /mirror pod/],
  ['opts out', { metadata: { labels: { [ZERO_DOWNTIME_LABEL]: 'disabled' } } }, /label .* is disabled/],
  ['opts in', { metadata: { labels: { [ZERO_DOWNTIME_LABEL]: 'enabled' } } }, undefined],
  ['uses hostNetwork: a sleep needs none', { spec: { hostNetwork: true } }, undefined],
])('a pod that %s: left as it is, or not', (_, pod, reason) => {
  if (reason === undefined) expect(leftAlone(pod)).toBeUndefined();
  else expect(leftAlone(pod)).toMatch(reason);
});
