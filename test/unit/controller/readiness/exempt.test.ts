import { afterEach, expect, test } from '@jest/globals';
import { TestCluster, type TestClusterOptions } from '../group/cluster.ts';
import type { FakeVServerGroups } from '../group/fake-cloud.ts';

let cluster: TestCluster;

afterEach(async () => {
  await cluster.stop();
});

test.each<[string, Record<string, unknown>, TestClusterOptions<FakeVServerGroups>]>([
  ['that only removes', { mode: 'RemoveOnly' }, {}],
  ['that is suspended', { suspend: true }, {}],
  ['whose backends are nodes', { backendType: 'ecs' }, {}],
  ['of a dry run', {}, { dryRun: true }],
])(
  'a binding %s adds nothing for a pod that waits for its gate, whatever keeps that closed',
  async (_, spec, options) => {
    cluster = new TestCluster({ readinessGates: true, ...options });
    // With this policy, a node is a backend only if it has ready endpoints.
    const [type, externalTrafficPolicy] = ['NodePort', 'Local'] as const;
    const ports = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 }];
    cluster.service({ type, externalTrafficPolicy, ports });
    cluster.answerPatch = () => {
      throw new Error('refused by the test');
    };
    cluster.bind('web', spec);
    cluster.start();
    cluster.gatedPod('pod-10.0.0.1');
    cluster.endpoints(['10.0.0.1']);
    await cluster.after(60_000);
    expect(cluster.gatedPods.get('shop/pod-10.0.0.1')?.gate).toBeUndefined();
    expect([cluster.groups.writes, cluster.withheld]).toEqual([[], []]);
  },
);
