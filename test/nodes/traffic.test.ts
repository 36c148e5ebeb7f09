import { expect, jest, test } from '@jest/globals';
import type { KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import { runScenario } from '../../lab/traffic/run.ts';
import { rollouts } from '../../lab/traffic/scenarios/rollouts.ts';
import type { Scenario } from '../../lab/traffic/scenarios/scenario.ts';
import { startBed } from '../../lab/traffic/stage/bed.ts';
import { OwnOperators } from '../../lab/traffic/stage/operators.ts';

jest.setTimeout(300_000);

test('a rolling update under load ends with every group right, and each request is counted', async () => {
  const bed = await startBed();
  try {
    const scenario = rollouts.find(({ name }) => name === 'rollout-1') as Scenario;
    const { measured, timeline } = await runScenario(bed, scenario, 'alone', new OwnOperators(bed.env));
    // Of five loads each at three listeners.
    expect(measured).toHaveLength(15);
    for (const { requests, failed, causes } of measured) {
      expect(requests).toBeGreaterThan(0);
      expect(failed).toBeLessThan(requests);
      expect(Object.values(causes).reduce((sum, count) => sum + count, 0)).toBe(failed);
    }
    const marks = (kind: string) => timeline.marks.filter((mark) => mark.kind === kind).length;
    expect([marks('pod terminating'), marks('pod gone')]).toEqual([1, 1]);
    // The stage is struck: the next one is set on an empty bed.
    const namespaces = await bed.env.api.list<KubeObject>('/api/v1/namespaces');
    const left = namespaces.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    expect(left.map(({ metadata }) => metadata.name)).not.toContainEqual(expect.stringMatching(/^traffic-/));
  } finally {
    await bed.close();
  }
});
