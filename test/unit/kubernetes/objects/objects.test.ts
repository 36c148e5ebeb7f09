import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { READINESS_GATE } from '../../../../src/api/names.ts';
import { MalformedObjectError } from '../../../../src/kubernetes/objects/metadata.ts';
import {
  isSamePod,
  paths,
  transformEndpointSlice,
  transformEndpoints,
  transformGatedPod,
  transformNode,
  transformPod,
  transformService,
  transformUnsettledPod,
} from '../../../../src/kubernetes/objects/objects.ts';

const metadata = { namespace: 'shop', name: 'web', uid: 'u', resourceVersion: '7' };
const identity = { key: 'shop/web', namespace: 'shop', name: 'web', uid: 'u', resourceVersion: '7' };

describe('Service', () => {
  test('keeps type, policy and ports', () => {
    const ports = [
      { name: 'http', port: 80, protocol: 'TCP', targetPort: 'web', nodePort: 30080 },
      { port: 53, protocol: 'UDP', targetPort: 5353, nodePort: 0 },
      { port: 70000 },
    ];
    const spec = {
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      publishNotReadyAddresses: true,
      selector: { app: 'web' },
      ipFamilies: ['IPv6', 'IPv4', 'IPv5'],
      ports,
      clusterIP: '10.0.0.1',
    };
    expect(transformService({ metadata, spec, status: {} })).toEqual({
      ...identity,
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      publishNotReadyAddresses: true,
      selects: true,
      selector: { app: 'web' },
      ipFamilies: ['IPv6', 'IPv4'],
      ports: [
        { name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 },
        { name: '', port: 53, protocol: 'UDP' },
      ],
    });
  });
});

const labels = { 'kubernetes.io/service-name': 'web' };
const slice = (endpoints: unknown, extra: object = {}) =>
  transformEndpointSlice({
    metadata: { ...metadata, name: 'web-x1', labels },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    ...extra,
  });
const conditionsOf = (conditions: unknown) => {
  const address = slice([{ addresses: ['10.0.0.1'], conditions }])?.subsets[0]?.addresses[0];
  return [address?.ready, address?.serving, address?.terminating];
};

test('a pod that a list names without its namespace is in that of the list', () => {
  const targetRef = { kind: 'Pod', name: 'web-1' };
  const pod = { namespace: 'shop', name: 'web-1', uid: '' };
  expect(slice([{ addresses: ['10.0.0.1'], targetRef }])?.subsets[0]?.addresses[0]).toMatchObject({ pod });
  const metadata = { namespace: 'shop', name: 'web', resourceVersion: '1' };
  const subsets = [{ addresses: [{ ip: '10.0.0.1', targetRef }] }];
  expect(transformEndpoints({ metadata, subsets }).subsets[0]?.addresses[0]).toMatchObject({ pod });
});

describe('EndpointSlice', () => {
  test('is one subset of its Service', () => {
    const targetRef = { kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'p1' };
    const endpoint = {
      addresses: ['10.0.0.1', '10.0.0.2'],
      nodeName: 'n1',
      targetRef,
      conditions: { ready: true },
    };
    expect(slice([endpoint])).toEqual({
      key: 'shop/web-x1',
      namespace: 'shop',
      name: 'web-x1',
      source: 'EndpointSlice',
      byKubernetes: false,
      resourceVersion: '7',
      serviceName: 'web',
      overCapacity: false,
      subsets: [
        {
          addresses: [
            {
              ip: '10.0.0.1',
              ready: true,
              serving: true,
              terminating: false,
              nodeName: 'n1',
              pod: { namespace: 'shop', name: 'web-1', uid: 'p1' },
            },
          ],
          ports: [{ name: '', port: 8080 }],
        },
      ],
    });
  });

  test.each([
    [undefined, [true, true, false]],
    [{}, [true, true, false]],
    [{ ready: null, serving: null, terminating: null }, [true, true, false]],
    [{ ready: false }, [false, false, false]],
    [{ ready: false, serving: true, terminating: true }, [false, true, true]],
  ])('conditions %j read as the API says', (conditions, expected) => {
    expect(conditionsOf(conditions)).toEqual(expected);
  });

  test('of host names, or of no Service, is left out', () => {
    expect(slice([], { addressType: 'FQDN' })).toBeUndefined();
    expect(slice([], { metadata })).toBeUndefined();
  });

  test('what is no address is left out', () => {
    const endpoints = [
      { addresses: ['fe80::1%eth0'] },
      { addresses: ['nowhere'] },
      { addresses: [] },
      { addresses: ['fd00::1'] },
    ];
    expect(slice(endpoints)?.subsets[0]?.addresses.map(({ ip }) => ip)).toEqual(['fd00::1']);
  });
});

describe('Endpoints', () => {
  test('addresses that are not ready are kept as such', () => {
    const subsets = [
      { addresses: [{ ip: '10.0.0.1' }], notReadyAddresses: [{ ip: '10.0.0.2' }], ports: [{ port: 80 }] },
    ];
    const trimmed = transformEndpoints({ metadata, subsets });
    expect(trimmed).toMatchObject({ serviceName: 'web', overCapacity: false });
    expect(trimmed.subsets).toEqual([
      {
        addresses: [
          { ip: '10.0.0.1', ready: true, serving: true, terminating: false },
          { ip: '10.0.0.2', ready: false, serving: false, terminating: false },
        ],
        ports: [{ name: '', port: 80 }],
      },
    ]);
  });

  test('says when Kubernetes left addresses out', () => {
    const annotations = { 'endpoints.kubernetes.io/over-capacity': 'truncated' };
    expect(transformEndpoints({ metadata: { ...metadata, annotations } }).overCapacity).toBe(true);
  });
});

test('a Node keeps what decides whether it takes traffic', () => {
  const node = {
    metadata: {
      name: 'n1',
      uid: 'u',
      resourceVersion: '3',
      labels: { zone: 'a' },
      deletionTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      providerID: 'cn-hangzhou.i-1',
      unschedulable: true,
      taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }, {}],
    },
    status: {
      conditions: [
        { type: 'DiskPressure', status: 'True' },
        { type: 'Ready', status: 'True' },
      ],
      addresses: [
        { type: 'InternalIP', address: '192.168.0.1' },
        { type: 'Hostname', address: 'n1' },
      ],
      images: [{ names: ['large'] }],
    },
  };
  expect(transformNode(node)).toEqual({
    key: 'n1',
    name: 'n1',
    uid: 'u',
    resourceVersion: '3',
    labels: { zone: 'a' },
    providerID: 'cn-hangzhou.i-1',
    unschedulable: true,
    ready: true,
    readyTransitionTime: 0,
    shuttingDown: false,
    expiring: false,
    internalIPs: ['192.168.0.1'],
    taintKeys: ['ToBeDeletedByClusterAutoscaler'],
  });
});

test('a Node whose Ready is Unknown is not ready', () => {
  const status = { conditions: [{ type: 'Ready', status: 'Unknown' }] };
  expect(transformNode({ metadata: { name: 'n', resourceVersion: '1' }, status }).ready).toBe(false);
});

test.each([
  ['False', 'node is shutting down', true],
  ['False', '[container runtime is down, node is shutting down]', true],
  ['False', 'container runtime network not ready', false],
  ['Unknown', 'node is shutting down', false],
  ['True', 'node is shutting down', false],
])('a Node whose Ready is %s with the message %s shuts down: %s', (status, message, shuttingDown) => {
  const conditions = [{ type: 'Ready', status, message, reason: 'KubeletNotReady' }];
  const node = { metadata: { name: 'n', resourceVersion: '1' }, status: { conditions } };
  expect(transformNode(node)).toMatchObject({ shuttingDown, expiring: false });
});

test.each([
  ['InstanceExpired', 'True', true],
  ['InstanceExpired', 'False', false],
  ['InstanceExpired', 'Unknown', false],
  ['KernelDeadlock', 'True', false],
])('a Node whose %s is %s is about to be released: %s', (type, status, expiring) => {
  const conditions = [
    { type, status },
    { type: 'Ready', status: 'True' },
  ];
  const node = { metadata: { name: 'n', resourceVersion: '1' }, status: { conditions } };
  expect(transformNode(node)).toMatchObject({ ready: true, shuttingDown: false, expiring });
});

test.each(['Evicted', 'Terminated'])('a Pod that its kubelet has ended (%s) has ended', (reason) => {
  const status = { phase: 'Failed', reason, conditions: [{ type: 'Ready', status: 'True' }] };
  expect(transformPod({ metadata, status })).toMatchObject({ ended: true, terminating: false });
});

test('a Pod keeps our annotations only, and what it says of its life', () => {
  const annotations = {
    'slb.alibabacloud.com/weight': '50',
    'kubectl.kubernetes.io/restartedAt': 'x',
    'slb.alibabacloud.com/odd': 5,
  };
  expect(transformPod({ metadata: { ...metadata, annotations } })).toEqual({
    ...identity,
    terminating: false,
    ended: false,
    ready: false,
    able: false,
    holdSeconds: 0,
    ips: [],
    annotations: { 'slb.alibabacloud.com/weight': '50' },
  });
});

test('a Pod is able when its containers are ready and its readiness gates open, whatever its Ready says', () => {
  const condition = (type: string, status: string) => ({ type, status });
  const spec = { readinessGates: [{ conditionType: 'example.com/gate' }] };
  const ableWith = (...conditions: readonly object[]) =>
    transformPod({ metadata, spec, status: { conditions } });
  const containers = condition('ContainersReady', 'True');
  const open = condition('example.com/gate', 'True');
  expect(ableWith(containers)).toMatchObject({ able: false, ready: false });
  expect(ableWith(containers, open, condition('Ready', 'False'))).toMatchObject({ able: true, ready: false });
  expect(ableWith(containers, open, condition('Ready', 'True'))).toMatchObject({ able: true, ready: true });
});

test.each<readonly [string, readonly string[], readonly string[], boolean | undefined]>([
  ['waits for our gate only', [READINESS_GATE], ['ContainersReady'], true],
  ['has been let in by our gate', [READINESS_GATE], ['ContainersReady', READINESS_GATE], true],
  ['has not our gate', ['example.com/gate'], ['ContainersReady'], undefined],
  ['has containers that are not ready', [READINESS_GATE], [READINESS_GATE], false],
  [
    'waits for a gate of something else too',
    [READINESS_GATE, 'example.com/gate'],
    ['ContainersReady'],
    false,
  ],
  [
    'waits for other load balancers too',
    [
      READINESS_GATE,
      'target-health.elbv2.k8s.aws/web',
      'target-health.alb.ingress.k8s.aws/web',
      'cloud.google.com/load-balancer-neg-ready',
      'service.readiness.alibabacloud.com/web',
      'target-health.alb.k8s.alibabacloud',
      'target-health.alb.k8s.alicloud',
    ],
    ['ContainersReady'],
    true,
  ],
])('a Pod that %s', (_name, gates, open, registrable) => {
  const spec = { readinessGates: gates.map((conditionType) => ({ conditionType })) };
  const conditions = open.map((type) => ({ type, status: 'True' }));
  expect(transformPod({ metadata, spec, status: { conditions } }).registrable).toBe(registrable);
});

describe('a Pod with our gate', () => {
  const spec = { readinessGates: [{ conditionType: READINESS_GATE }] };
  const labels = { app: 'web' };
  const podWith = (status: object, more: object = {}) =>
    transformGatedPod({ metadata: { ...metadata, labels, ...more }, spec, status });

  test('keeps its labels, and what it says of its gate', () => {
    const containers = { type: 'ContainersReady', status: 'True' };
    const gate = { type: READINESS_GATE, status: 'False', reason: 'QuotaExceeded', message: 'x' };
    expect(podWith({ phase: 'Running', conditions: [containers] })).toEqual({
      ...{ ...identity, labels, leaving: false, registrable: true, gate: undefined },
    });
    expect(podWith({ conditions: [gate] })).toMatchObject({
      ...{ registrable: false, gate: { open: false, reason: 'QuotaExceeded' } },
    });
    expect(podWith({ conditions: [{ ...gate, status: 'True' }] })).toMatchObject({ gate: { open: true } });
  });

  test('is unsettled while something is to become of its gate', () => {
    const unsettled = (status: object, more: object = {}) =>
      transformUnsettledPod({ metadata: { ...metadata, labels, ...more }, spec, status });
    const open = ['ContainersReady', READINESS_GATE].map((type) => ({ type, status: 'True' }));
    expect(unsettled({ conditions: open })).toBeUndefined();
    expect(unsettled({ phase: 'Succeeded' })).toBeUndefined();
    expect(unsettled({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })).toBeUndefined();
    expect(unsettled({ conditions: open.slice(1) })).toMatchObject({ labels, registrable: false });
    expect(unsettled({ conditions: open.slice(0, 1) })).toMatchObject({ labels, registrable: true });
    expect(transformUnsettledPod({ metadata })).toBeUndefined();
  });

  test('leaves when it is deleted or has ended', () => {
    expect(podWith({ phase: 'Succeeded' })).toMatchObject({ leaving: true });
    expect(podWith({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })).toMatchObject({ leaving: true });
  });

  test('is kept; others are not', () => {
    expect(
      transformGatedPod({ metadata, spec: { readinessGates: [{ conditionType: 'x/y' }] } }),
    ).toBeUndefined();
    expect(transformGatedPod({ metadata })).toBeUndefined();
  });
});

test('a Pod is another one for its groups when it begins or ceases to be registrable', () => {
  const at = (registrable: boolean) => ({ ...transformPod({ metadata }), registrable });
  expect(isSamePod(at(true), at(true))).toBe(true);
  expect(isSamePod(at(true), at(false))).toBe(false);
});

test.each([
  ['Running', false],
  ['Succeeded', true],
  ['Failed', true],
])('a Pod of phase %s has ended: %s; its addresses are those of either field', (phase, ended) => {
  const status = { phase, podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: '2001:db8::1' }, {}] };
  const deleted = { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(transformPod({ metadata, status })).toMatchObject({ ended, ips: ['10.0.0.1', '2001:db8::1'] });
  expect(transformPod({ metadata: deleted, status })).toMatchObject({ ended, terminating: true });
});

test.each([
  ['endpointslice-controller.k8s.io', true],
  ['endpointslicemirroring-controller.k8s.io', false],
  ['tests', false],
])('a slice that %s manages is of Kubernetes: %s', (manager, byKubernetes) => {
  const managed = { ...labels, 'endpointslice.kubernetes.io/managed-by': manager };
  const object = { metadata: { ...metadata, labels: managed }, addressType: 'IPv4' };
  expect(transformEndpointSlice(object)).toMatchObject({ byKubernetes, source: 'EndpointSlice' });
});

test('Endpoints with the label of their controller are of Kubernetes', () => {
  const of = (more: object) => transformEndpoints({ metadata: { ...metadata, labels: more } });
  expect(of({ 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' })).toMatchObject({
    byKubernetes: true,
  });
  expect(of({})).toMatchObject({ byKubernetes: false, source: 'Endpoints' });
});

test('paths of one namespace and of all', () => {
  expect(paths.pods('shop')).toBe('/api/v1/namespaces/shop/pods');
  expect(paths.endpointSlices()).toBe('/apis/discovery.k8s.io/v1/endpointslices');
});

const transforms = {
  transformGatedPod,
  transformUnsettledPod,
  transformService,
  transformEndpointSlice,
  transformEndpoints,
  transformNode,
  transformPod,
};

/** Objects with the field names that the trims look for, and arbitrary values. */
const absurd = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, fc.anything(), tie('object'), fc.array(tie('value'), { maxLength: 4 })),
  object: fc.dictionary(
    fc.constantFrom(
      ...[
        'spec',
        'status',
        'ports',
        'port',
        'nodePort',
        'targetPort',
        'subsets',
        'addresses',
        'notReadyAddresses',
        'ip',
      ],
      ...[
        'endpoints',
        'conditions',
        'ready',
        'targetRef',
        'kind',
        'taints',
        'key',
        'labels',
        'annotations',
        'metadata',
        'readinessGates',
        'conditionType',
        'containers',
        'lifecycle',
        'preStop',
        'sleep',
        'seconds',
        'terminationGracePeriodSeconds',
      ],
    ),
    tie('value'),
  ),
})).object as fc.Arbitrary<Record<string, unknown>>;

describe.each(Object.entries(transforms))('%s', (_name, trim) => {
  test('of absurd content throws nothing and yields only valid ports and addresses', () => {
    fc.assert(
      fc.property(absurd, fc.anything(), (object, more) => {
        const named = raw(object['metadata']);
        const trimmed = trim({ ...object, metadata: { labels, annotations: more, ...named, ...metadata } });
        expect(problemsIn(trimmed)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('of anything at all throws at most that it is malformed', () => {
    fc.assert(
      fc.property(fc.anything(), (object) => {
        try {
          expect(problemsIn(trim(object))).toEqual([]);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedObjectError);
        }
      }),
    );
  });
});

const raw = (value: unknown) => (typeof value === 'object' && value !== null ? value : {});

function problemsIn(value: unknown, path = ''): string[] {
  if (typeof value === 'number') {
    if (path === '.holdSeconds') return Number.isInteger(value) && value >= 0 ? [] : [`${path}: ${value}`];
    if (path === '.readyTransitionTime') return Number.isFinite(value) ? [] : [`${path}: ${value}`];
    return Number.isInteger(value) && value >= 1 && value <= 65_535 ? [] : [`${path}: ${value}`];
  }
  if (value === null || typeof value === 'function' || typeof value === 'bigint' || typeof value === 'symbol')
    return [path];
  if (typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, entry]) =>
    entry === undefined ? [`${path}.${key}: undefined`] : problemsIn(entry, `${path}.${key}`),
  );
}
