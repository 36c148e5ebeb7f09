import { beforeEach, expect, test } from '@jest/globals';
import {
  addIndexes,
  type BindingObject,
  transformBinding,
} from '../../../src/controller/cluster/cluster-caches.ts';
import { Store } from '../../../src/kubernetes/informer/store.ts';
import {
  type EndpointsObject,
  type NodeObject,
  type ServiceObject,
  transformService,
} from '../../../src/kubernetes/objects/objects.ts';
import { boundServices } from '../../../src/operator/bound-services.ts';

const DEFAULT_DRAIN = 30;
let caches: { readonly bindings: Store<BindingObject>; readonly services: Store<ServiceObject> };

beforeEach(() => {
  caches = { bindings: new Store(), services: new Store() };
  const others = { endpoints: new Store<EndpointsObject>(), nodes: new Store<NodeObject>() };
  addIndexes({ ...caches, ...others }, 'cn-hangzhou');
  service('web', { app: 'web' });
});

function service(name: string, selector: object | undefined, namespace = 'shop'): void {
  const metadata = { namespace, name, resourceVersion: '1' };
  caches.services.set(transformService({ metadata, spec: { selector } }));
}

function bind(spec: object = {}, metadata: object = {}): void {
  caches.bindings.set(
    transformBinding({
      metadata: { namespace: 'shop', name: 'web', resourceVersion: '1', ...metadata },
      spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, ...spec },
    }),
  );
}

const bound = (namespace = 'shop') => boundServices(namespace, caches, DEFAULT_DRAIN);

test('a binding asks for a hold of its drain, or the default, and what the load balancer takes', () => {
  bind({ drain: { seconds: 20 } });
  bind({}, { name: 'another' });
  expect(bound()).toEqual([
    { selector: { app: 'web' }, addsPods: true, holdSeconds: 35 },
    { selector: { app: 'web' }, addsPods: true, holdSeconds: 45 },
  ]);
});

test.each([[{ mode: 'RemoveOnly' }], [{ backendType: 'ecs' }]])('a binding with %j adds no pods', (spec) => {
  bind(spec);
  expect(bound()).toMatchObject([{ addsPods: false, holdSeconds: 45 }]);
});

test('a suspended binding asks for the same: it may go on while the pod lives', () => {
  bind({ suspend: true });
  expect(bound()).toMatchObject([{ addsPods: true, holdSeconds: 45 }]);
});

test('a binding with a typing error elsewhere asks for the same', () => {
  bind({ weight: 'heavy' });
  expect(bound()).toMatchObject([{ addsPods: true, holdSeconds: 45 }]);
});

test('a binding that is being deleted, of another namespace, or of no Service that selects pods asks for nothing', () => {
  bind({}, { name: 'deleted', deletionTimestamp: '2026-01-01T00:00:00Z' });
  bind({ serviceRef: { name: 'missing', port: 80 } }, { name: 'missing' });
  service('bare', undefined);
  bind({ serviceRef: { name: 'bare', port: 80 } }, { name: 'bare' });
  bind({}, { namespace: 'elsewhere' });
  expect(bound()).toEqual([]);
});
