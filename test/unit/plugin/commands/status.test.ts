import { expect, test } from '@jest/globals';
import { transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import { describe as rowOf } from '../../../../src/plugin/commands/status.ts';

function unreadable(observedGeneration: number) {
  const condition = {
    type: 'Ready',
    status: 'False',
    reason: 'Deleting',
    message: '2 backends leave.',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    observedGeneration,
  };
  return transformBinding({
    metadata: { namespace: 'shop', name: 'web', uid: 'uid-web', generation: 3 },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, weight: 101 },
    status: { observedGeneration, conditions: [condition] },
  });
}

test('a binding whose spec cannot be read: what the operator tells of it, or what is wrong with it', () => {
  expect(rowOf(unreadable(3))).toEqual({
    namespace: 'shop',
    name: 'web',
    group: 'rsp-1',
    ready: 'False',
    stalled: false,
    reason: 'Deleting',
    message: '2 backends leave.',
  });
  expect(rowOf(unreadable(2))).toMatchObject({
    stalled: true,
    reason: 'InvalidSpec',
    message: 'spec.weight: Too big: expected number to be <=100. Correct the spec.',
  });
});

test('a group by its name: the one that was found or, until then, the name', () => {
  const row = (status: object) =>
    rowOf(
      transformBinding({
        metadata: { namespace: 'shop', name: 'web', uid: 'uid-web', generation: 3 },
        spec: {
          vServerGroup: { loadBalancerId: 'lb-1', name: 'web' },
          serviceRef: { name: 'web', port: 80 },
        },
        status: { observedGeneration: 3, ...status },
      }),
    );
  expect(row({ vServerGroupId: 'rsp-1' })).toMatchObject({ group: 'rsp-1' });
  expect(row({})).toMatchObject({ group: 'web (lb-1)' });
});

test('what pods lack is in the row as far as the status tells it', () => {
  const binding = (status: object) =>
    transformBinding({
      metadata: { namespace: 'shop', name: 'web', uid: 'uid-web', generation: 3 },
      spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 } },
      status: { observedGeneration: 3, ...status },
    });
  const prepared = { holdSeconds: 45, podsWithoutHold: 3, podsWithoutGate: 0 };
  expect(rowOf(binding(prepared))).toMatchObject(prepared);
  for (const field of Object.keys(prepared)) expect(rowOf(binding({}))).not.toHaveProperty(field);
});
