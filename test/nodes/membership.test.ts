import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { CallRecorder } from '../../lab/environment/calls.ts';
import { runScenario } from '../../lab/traffic/run.ts';
import { rollouts } from '../../lab/traffic/scenarios/rollouts.ts';
import { type BackendKind, type Scenario, WELL_BEHAVED } from '../../lab/traffic/scenarios/scenario.ts';
import { type Bed, startBed } from '../../lab/traffic/stage/bed.ts';
import { OwnOperators } from '../../lab/traffic/stage/operators.ts';
import { Stage } from '../../lab/traffic/stage/stage.ts';

jest.setTimeout(240_000);

let bed: Bed;
let stage: Stage | undefined;

beforeAll(async () => {
  bed = await startBed();
}, 120_000);
afterEach(async () => {
  await stage?.repairNodes();
  await stage?.strike();
  stage = undefined;
});
afterAll(async () => {
  await bed?.close();
});

test('a rolling update under load ends with every group right, and what was sent has been counted', async () => {
  const scenario = rollouts.find(({ name }) => name === 'rollout-1') as Scenario;
  const { measured } = await runScenario(bed, scenario, 'operator alone', new OwnOperators(bed.env));
  expect(measured).toHaveLength(15);
  for (const { requests, failed, causes } of measured) {
    expect(requests).toBeGreaterThan(0);
    expect(failed).toBeLessThan(requests);
    expect(Object.values(causes).reduce((sum, count) => sum + count, 0)).toBe(failed);
  }
});

test('kubectl drain: each pod of the node leaves the group once, and each that replaces it joins once', async () => {
  const { set, calls } = await setUp('eni', 4);
  const node = set.busiestNode();
  const leaving = await addressesOn(set, node);
  await set.limitDisruption(1);
  await set.drainNode(node);
  await set.untilAtRest();
  expect(backendsOf(calls, 'Remove')).toEqual(leaving);
  expect(backendsOf(calls, 'Add')).toHaveLength(leaving.length);
  expect(await addressesOn(set, node)).toEqual([]);
});

test('a killed kubelet: its pods leave when the node is not Ready, and come back with it, though they ran all the time', async () => {
  const { set, calls } = await setUp('eni', 3);
  const node = set.busiestNode();
  const leaving = await addressesOn(set, node);
  await set.node(node).killKubelet();
  await set.untilNotReady(node);
  await set.untilAtRest();
  expect(backendsOf(calls, 'Remove')).toEqual(leaving);
  await set.node(node).startKubelet();
  await set.untilReady(node);
  await set.untilAtRest();
  expect(backendsOf(calls, 'Add')).toEqual(leaving);
  expect(await addressesOn(set, node)).toEqual(leaving);
});

test('ecs, policy Local: a node leaves with its last pod, and comes back with the next one', async () => {
  const { set, calls } = await setUp('ecs-local', 3);
  await set.scale(1);
  await set.untilAtRest();
  expect(backendsOf(calls, 'Remove')).toHaveLength(2);
  await set.scale(3);
  await set.untilAtRest();
  expect(backendsOf(calls, 'Add')).toEqual(backendsOf(calls, 'Remove'));
});

async function setUp(
  kind: BackendKind,
  replicas: number,
): Promise<{ readonly set: Stage; readonly calls: CallRecorder }> {
  const scenario: Scenario = {
    name: 'test',
    what: '',
    app: { ...WELL_BEHAVED, replicas },
    backends: [kind],
    act: async () => {},
  };
  stage = await Stage.set(bed, scenario, new OwnOperators(bed.env));
  const calls = bed.env.recordCalls(stage.groups[0] ?? '');
  return { set: stage, calls };
}

async function addressesOn(set: Stage, node: string): Promise<readonly string[]> {
  const pods = await set.app.pods('web');
  return pods
    .filter(({ spec, metadata }) => spec.nodeName === node && metadata.deletionTimestamp === undefined)
    .map(({ status }) => `${status.podIP}:8080`)
    .sort();
}

function backendsOf(calls: CallRecorder, action: 'Add' | 'Remove'): readonly string[] {
  return calls
    .of(action)
    .flatMap(({ backends }) => backends)
    .sort();
}
