import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { FINALIZER, GRANTS_ANNOTATION } from '../../../../src/api/names.ts';
import {
  addIndexes,
  type BindingObject,
  type ClusterCaches,
  transformBinding,
} from '../../../../src/controller/cluster/cluster-caches.ts';
import { KnownNodes } from '../../../../src/controller/cluster/known-nodes.ts';
import { type NamespaceObject, transformNamespace } from '../../../../src/controller/cluster/namespaces.ts';
import { connectTriggers } from '../../../../src/controller/cluster/triggers.ts';
import { Store } from '../../../../src/kubernetes/informer/store.ts';
import {
  type EndpointsObject,
  type NodeObject,
  type ServiceObject,
  transformNode,
} from '../../../../src/kubernetes/objects/objects.ts';

let caches: ClusterCaches;
let enqueued: string[];
let version = 0;

beforeEach(() => {
  const nodes = new Store<NodeObject>();
  caches = {
    bindings: new Store<BindingObject>(),
    services: new Store<ServiceObject>(),
    endpoints: new Store<EndpointsObject>(),
    nodes,
    knownNodes: new KnownNodes(nodes, new FakeClock()),
    namespaces: new Store<NamespaceObject>(),
    pods: { in: () => undefined },
    closedNamespaces: new Set(),
  };
  addIndexes(caches, 'cn-hangzhou');
  enqueued = [];
  connectTriggers(caches, 'cn-hangzhou', (group) => enqueued.push(group));
});

function binding(metadata: object, registered = 0, spec: object = {}): BindingObject {
  return transformBinding({
    metadata: {
      namespace: 'default',
      name: 'web',
      uid: 'uid-1',
      generation: 1,
      resourceVersion: String(++version),
      ...metadata,
    },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, ...spec },
    status: { registered },
  });
}

function enqueuedBy(before: object, after: object): readonly string[] {
  caches.bindings.set(binding(before));
  enqueued.length = 0;
  caches.bindings.set(binding(after, 1));
  return enqueued;
}

describe('a status that was written', () => {
  const finalizers = [FINALIZER];

  test('concerns no group', () => {
    expect(enqueuedBy({ finalizers }, { finalizers })).toEqual([]);
  });

  test('concerns no group when the spec cannot be read either; its change does', () => {
    const written = () => caches.bindings.set(binding({ finalizers }, 1, { weight: 101 }));
    caches.bindings.set(binding({ finalizers, generation: 0 }));
    enqueued.length = 0;
    written();
    expect(enqueued).toEqual(['cn-hangzhou/rsp-1']);
    enqueued.length = 0;
    written();
    expect(enqueued).toEqual([]);
  });

  test('concerns its group while the finalizer is not set: the patch that sets it may have been refused', () => {
    expect(enqueuedBy({}, {})).toEqual(['cn-hangzhou/rsp-1']);
  });

  test('concerns its group while the binding is deleted: the patch that lets it go may have been refused', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(enqueuedBy({ finalizers, deletionTimestamp }, { finalizers, deletionTimestamp })).toEqual([
      'cn-hangzhou/rsp-1',
    ]);
  });
});

test.each([
  ['names it', { nodeName: 'n1' }, true],
  ['leaves its node to its pod', { pod: { namespace: 'default', name: 'a', uid: '' } }, true],
  ['names another one', { nodeName: 'n2' }, false],
  [
    'names another one and a pod',
    { nodeName: 'n2', pod: { namespace: 'default', name: 'a', uid: '' } },
    true,
  ],
  ['names neither node nor pod', {}, false],
])('a node that goes concerns a group by an endpoint that %s: %j', (_, address, concerned) => {
  const finalizers = [FINALIZER];
  caches.bindings.set(binding({ finalizers }));
  caches.endpoints.set({
    ...{
      key: 'default/web-1',
      namespace: 'default',
      name: 'web-1',
      resourceVersion: '1',
      serviceName: 'web',
    },
    ...{ overCapacity: false, source: 'EndpointSlice', byKubernetes: false },
    subsets: [
      {
        ports: [],
        addresses: [{ ip: '10.0.0.1', ready: true, serving: true, terminating: false, ...address }],
      },
    ],
  });
  caches.nodes.set({
    ...{
      key: 'n1',
      name: 'n1',
      uid: '1',
      resourceVersion: '1',
      labels: {},
      unschedulable: false,
      ready: true,
    },
    ...{ readyTransitionTime: 0, shuttingDown: false, expiring: false, internalIPs: [], taintKeys: [] },
  });
  enqueued.length = 0;
  caches.nodes.remove('n1');
  expect(enqueued).toEqual(concerned ? ['cn-hangzhou/rsp-1'] : []);
});

test('a node that is about to go concerns the groups of its nodes, its heartbeat does not', () => {
  const node = (message: string, expired = 'False') =>
    caches.nodes.set(
      transformNode({
        metadata: { name: 'n1', uid: 'n1', resourceVersion: String(++version) },
        status: {
          conditions: [
            { type: 'Ready', status: 'False', message },
            { type: 'InstanceExpired', status: expired },
          ],
        },
      }),
    );
  caches.bindings.set(binding({}, 0, { backendType: 'ecs' }));
  node('container runtime is down');
  enqueued.length = 0;
  node('container runtime is down, still');
  expect(enqueued).toEqual([]);
  node('node is shutting down');
  expect(enqueued).toEqual(['cn-hangzhou/rsp-1']);
  node('node is shutting down', 'True');
  expect(enqueued).toHaveLength(2);
});

describe('a namespace', () => {
  const namespace = (name: string, annotation?: string) =>
    transformNamespace({
      metadata: {
        name,
        resourceVersion: String(++version),
        ...(annotation !== undefined && { annotations: { [GRANTS_ANNOTATION]: annotation } }),
      },
    });

  test('that gets other grants concerns the groups of its bindings, and only those', () => {
    caches.bindings.set(binding({}));
    caches.bindings.set(binding({ namespace: 'other', uid: 'uid-2' }, 0, { vServerGroupId: 'rsp-2' }));
    caches.namespaces.set(namespace('default'));
    enqueued.length = 0;
    caches.namespaces.set(namespace('default', 'rsp-1'));
    expect(enqueued).toEqual(['cn-hangzhou/rsp-1']);
  });

  test('whose grants stay what they were concerns none', () => {
    caches.bindings.set(binding({}));
    caches.namespaces.set(namespace('default', 'rsp-1'));
    enqueued.length = 0;
    caches.namespaces.set(namespace('default', 'rsp-1'));
    expect(enqueued).toEqual([]);
  });
});
