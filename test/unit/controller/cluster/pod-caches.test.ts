import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import { PodCaches } from '../../../../src/controller/cluster/pod-caches.ts';
import { createCaches } from '../../../../src/controller/cluster/resources.ts';
import type { Informers } from '../../../../src/kubernetes/informer/informers.ts';
import type { Reflector } from '../../../../src/kubernetes/informer/reflector.ts';
import { Store } from '../../../../src/kubernetes/informer/store.ts';
import {
  type PodObject,
  transformNode,
  transformService,
} from '../../../../src/kubernetes/objects/objects.ts';

/** Returns the namespaces whose pods are watched, and the objects that decide which these are. */
function watching() {
  const caches = createCaches('cn-hangzhou', new FakeClock(), (_, error) => {
    throw error;
  });
  const watched = new Set<object>();
  const informers = {
    add: (reflector: object) => void watched.add(reflector),
    remove: async (reflector: object) => void watched.delete(reflector),
  };
  const create = () => ({ store: new Store<PodObject>(), waitForSync: async () => {} });
  new PodCaches(informers as unknown as Informers, create as unknown as () => Reflector<PodObject>, caches);
  let version = 0;
  const named = (name: string) => ({ name, namespace: 'shop', uid: name, resourceVersion: `${++version}` });
  return {
    watched,
    bind: (backendType: string) =>
      caches.bindings.set(
        transformBinding({
          metadata: named('web'),
          spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, backendType },
        }),
      ),
    service: (externalTrafficPolicy: string) =>
      caches.services.set(transformService({ metadata: named('web'), spec: { externalTrafficPolicy } })),
    node: (labels: object) => caches.nodes.set(transformNode({ metadata: { ...named('n1'), labels } })),
    removeNode: () => caches.nodes.remove('n1'),
  };
}

test('the pods of an ecs binding are watched with externalTrafficPolicy Local, and while there are virtual nodes', () => {
  const { watched, bind, service, node, removeNode } = watching();
  bind('ecs');
  service('Cluster');
  node({});
  expect(watched.size).toBe(0);
  node({ type: 'virtual-kubelet' });
  expect(watched.size).toBe(1);
  removeNode();
  expect(watched.size).toBe(0);
  service('Local');
  expect(watched.size).toBe(1);
});
