import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { KnownNodes } from '../../../../src/controller/cluster/known-nodes.ts';
import { Store } from '../../../../src/kubernetes/informer/store.ts';
import { type NodeObject, transformNode } from '../../../../src/kubernetes/objects/objects.ts';

function setUp() {
  const store = new Store<NodeObject>();
  const clock = new FakeClock(1_000_000, Date.UTC(2026, 0, 1, 12));
  let version = 0;
  const nodes = new KnownNodes(store, clock);
  return {
    nodes,
    store,
    clock,
    set: (status: 'True' | 'False' | 'Unknown', lastTransitionTime: string, message = '') =>
      store.set(
        transformNode({
          metadata: { name: 'n1', resourceVersion: String(++version) },
          status: { conditions: [{ type: 'Ready', status, lastTransitionTime, message }] },
        }),
      ),
  };
}

test('when a node’s readiness changed is what was seen, and at first sight what the node tells', async () => {
  const { nodes, clock, set } = setUp();
  set('True', '2026-01-01T11:59:55Z');
  expect(nodes.get('n1')?.readyChangedAt).toBe(995_000);
  await clock.advance(1_000_000);
  set('False', '2026-01-01T11:59:55Z');
  await clock.advance(500_000);
  set('False', '2026-01-01T11:59:59Z');
  expect(nodes.get('n1')).toMatchObject({ ready: false, readyChangedAt: 2_000_000 });
});

test('what a node tells by a clock that is ahead of ours has happened just now', () => {
  const { nodes, clock, set } = setUp();
  set('False', '2026-01-01T12:30:00Z');
  expect(nodes.get('n1')?.readyChangedAt).toBe(clock.now());
});

test('a node that tells nothing has been as it is for longer than any other', () => {
  const { nodes, clock, set } = setUp();
  set('False', '');
  expect(nodes.get('n1')?.readyChangedAt).toBeLessThan(clock.now() - 365 * 24 * 3_600_000);
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
