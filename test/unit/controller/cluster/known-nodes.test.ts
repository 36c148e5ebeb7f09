import { expect, test } from '@jest/globals';
import { KnownNodes } from '../../../../src/controller/cluster/known-nodes.ts';
import { Store } from '../../../../src/kubernetes/informer/store.ts';
import { type NodeObject, transformNode } from '../../../../src/kubernetes/objects/objects.ts';

function setUp() {
  const store = new Store<NodeObject>();
  let now = 1_000_000;
  let version = 0;
  const nodes = new KnownNodes(store, () => now);
  return {
    nodes,
    store,
    at: (time: number) => {
      now = time;
    },
    set: (status: 'True' | 'False' | 'Unknown', lastTransitionTime: string, message = '') =>
      store.set(
        transformNode({
          metadata: { name: 'n1', resourceVersion: String(++version) },
          status: { conditions: [{ type: 'Ready', status, lastTransitionTime, message }] },
        }),
      ),
  };
}

test('when a node’s readiness changed is what was seen, and at first sight what the node tells', () => {
  const { nodes, at, set } = setUp();
  set('True', '1970-01-01T00:00:05Z');
  expect(nodes.get('n1')?.readyChangedAt).toBe(5_000);
  at(2_000_000);
  set('False', '1970-01-01T00:00:05Z');
  at(2_500_000);
  set('False', '1970-01-01T00:00:09Z');
  expect(nodes.get('n1')).toMatchObject({ ready: false, readyChangedAt: 2_000_000 });
});

test('a node that has said that it shuts down does so until it is Ready, however silent it falls', () => {
  const { nodes, set } = setUp();
  const isShuttingDown = () => nodes.get('n1')?.shuttingDown;
  set('True', '');
  set('False', '', 'node is shutting down');
  expect(isShuttingDown()).toBe(true);
  set('Unknown', '', 'Kubelet stopped posting node status.');
  set('False', '', 'container runtime is down');
  expect(isShuttingDown()).toBe(true);
  set('True', '');
  set('False', '', 'container runtime is down');
  expect(isShuttingDown()).toBe(false);
});

test('a node that was here, or that a status names, and is not here is one that it had', () => {
  const { nodes, store, set } = setUp();
  set('True', '');
  nodes.remember('n1');
  expect([nodes.had('n1'), nodes.had('n2')]).toEqual([false, false]);
  nodes.remember('n2');
  store.remove('n1');
  expect([nodes.had('n1'), nodes.had('n2'), [...nodes.values()]]).toEqual([true, true, []]);
});
