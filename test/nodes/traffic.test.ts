import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import { HALF_LOAD, runScenario } from '../../lab/traffic/run.ts';
import { trialOf } from '../../lab/traffic/scenarios/trials.ts';
import { type Bed, startBed } from '../../lab/traffic/stage/bed.ts';
import { OwnOperators } from '../../lab/traffic/stage/operators.ts';

jest.setTimeout(300_000);

let bed: Bed;

beforeAll(async () => {
  bed = await startBed();
});
afterAll(async () => {
  await bed?.close();
});

test('a rolling update under load ends with every group right, and each request is counted', async () => {
  const { scenario, variant } = trialOf('rollout-1', 'operator alone');
  const operators = new OwnOperators(bed.env);
  const { measured, timeline } = await runScenario(bed, scenario, variant, operators, HALF_LOAD);
  // Five loads, each on three listeners.
  expect(measured).toHaveLength(15);
  for (const { requests, failed, causes } of measured) {
    expect(requests).toBeGreaterThan(0);
    expect(failed).toBeLessThan(requests);
    expect(Object.values(causes).reduce((sum, count) => sum + count, 0)).toBe(failed);
  }
  const marks = (kind: string) => timeline.marks.filter((mark) => mark.kind === kind).length;
  expect([marks('pod terminating'), marks('pod gone')]).toEqual([1, 1]);
  // The stage has been struck: the next one starts from scratch.
  const namespaces = await bed.env.api.list<KubeObject>('/api/v1/namespaces');
  const left = namespaces.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  expect(left.map(({ metadata }) => metadata.name)).not.toContainEqual(expect.stringMatching(/^traffic-/));
});

test('a rolling update with gate and hold fails no request, however long the load balancer takes', async () => {
  const { scenario, variant } = trialOf('rollout-1', 'gate and hold');
  const operators = new OwnOperators(bed.env);
  const { measured, failures } = await runScenario(bed, scenario, variant, operators, HALF_LOAD);
  expect(measured).toHaveLength(15);
  expect(failures).toEqual([]);
  expect(measured.filter(({ requests, failed }) => requests === 0 || failed > 0)).toEqual([]);
});
