import { expect, test } from '@jest/globals';
import { DRAIN_LABEL } from '../../../../src/api/names.ts';
import { ecsSlot } from '../../../../src/membership/backend.ts';
import { instanceIdOf, type NodeView, type PodsView } from '../../../../src/membership/desired/cluster.ts';
import { computeDesired } from '../../../../src/membership/desired/desired.ts';
import type { Desired, DesiredInput, Member } from '../../../../src/membership/desired/member.ts';
import {
  desiredInput,
  endpoint,
  node,
  nodes,
  notReady,
  service,
  shown,
  slice,
  terminating,
} from '../builders.ts';

function membersOf(list: readonly NodeView[], change: Partial<DesiredInput> = {}) {
  return computeDesired(desiredInput({ backendType: 'ecs', nodes: nodes(...list), ...change }));
}

const N2 = 'i-n2:30080*100';
const reasonsToLeave: readonly (readonly [string, NodeView | undefined])[] = [
  ['deleted', undefined],
  ['not Ready', node('n1', { ready: false })],
  [
    'excluded by its label',
    node('n1', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }),
  ],
  ['about to be deleted by the autoscaler', node('n1', { taintKeys: ['ToBeDeletedByClusterAutoscaler'] })],
  ['outside the nodeSelector', node('n1', { labels: { pool: 'db' } })],
];
test.each(reasonsToLeave)('a node that is %s is no member, and one again when that is over', (_, left) => {
  const nodeSelector = { matchExpressions: [{ key: 'pool', operator: 'NotIn' as const, values: ['db'] }] };
  const rest = [node('n2')];
  expect(shown(membersOf(left === undefined ? rest : [left, ...rest], { nodeSelector }))).toEqual([N2]);
  expect(shown(membersOf([node('n1'), ...rest], { nodeSelector }))).toEqual(['i-n1:30080*100', N2]);
});

test('a node that is not Ready is a last resort from the first moment, and lost once that is not tolerated', () => {
  const since = (readyChangedAt: number) =>
    membersOf([node('n1', { ready: false, readyChangedAt }), node('n2')], {
      unreadyToleranceMs: 10_000,
      unreadyShare: 0,
      now: 1_000_000,
    });
  expect(since(999_999)).toMatchObject({ members: [{ lastResort: true }, {}], until: 1_009_999 });
  expect(since(999_999)).not.toHaveProperty('members.0.unreachable');
  expect(since(990_000)).toMatchObject({ members: [{ lastResort: true, unreachable: true }, {}] });
});

test('a cordoned node is a member, unless --exclude-cordoned-nodes', () => {
  const cordoned = [node('n1', { unschedulable: true }), node('n2')];
  expect(shown(membersOf(cordoned))).toEqual(['i-n1:30080*100', N2]);
  expect(shown(membersOf(cordoned, { excludeCordonedNodes: true }))).toEqual([N2]);
});

test('a taint of another kind changes nothing', () => {
  expect(shown(membersOf([node('n2', { taintKeys: ['node.kubernetes.io/memory-pressure'] })]))).toEqual([N2]);
});

test('a node without an instance is no member, and a problem says so', () => {
  const desired = membersOf([node('n1', { providerID: 'kwok://n1' }), node('n2')]);
  expect(shown(desired)).toEqual([N2]);
  expect(desired).toMatchObject({
    problems: [
      {
        reason: 'NodeWithoutInstance',
        message:
          'node n1 has spec.providerID "kwok://n1", which names no ECS instance: its backends are left out until it is set to <region>.<instanceId>',
      },
    ],
  });
});

test('two Node objects of one instance are one member, the same whatever their order', () => {
  const twins = [node('n1', { providerID: 'cn-hangzhou.i-n2' }), node('n2')];
  expect(shown(membersOf(twins))).toEqual([N2]);
  expect(membersOf([...twins].reverse())).toEqual(membersOf(twins));
});

test('externalTrafficPolicy Cluster: nodes are members without a single endpoint', () => {
  expect(shown(membersOf([node('n2')], { endpoints: [] }))).toEqual([N2]);
});

test('a nodePort that changes moves every member', () => {
  expect(shown(membersOf([node('n2')], { service: service({ port: { nodePort: 31000 } }) }))).toEqual([
    'i-n2:31000*100',
  ]);
});

const local = service({ externalTrafficPolicy: 'Local' });
const on = (nodeName: string, ip: string, change = {}) => endpoint(ip, { nodeName, ...change });
const three = [node('n1'), node('n2'), node('n3')];

const localCases: readonly (readonly [string, Parameters<typeof slice>[0], readonly string[]])[] = [
  ['only nodes with a ready endpoint', [on('n2', 'a')], [N2]],
  [
    'equal weights however many endpoints a node has',
    [on('n1', 'a'), on('n2', 'b'), on('n2', 'c')],
    ['i-n1:30080*100', N2],
  ],
  ['a node whose endpoints are all terminating leaves', [on('n1', 'a', terminating), on('n2', 'b')], [N2]],
  [
    'endpoints that are all terminating stay as long as they serve',
    [on('n1', 'a', terminating), on('n2', 'b', notReady)],
    ['i-n1:30080*100'],
  ],
  [
    'an endpoint on a node that is no candidate does not count',
    [on('lost', 'a'), on('n2', 'b', terminating)],
    [N2],
  ],
  ['no endpoints: no members', [], []],
];
test.each(localCases)('externalTrafficPolicy Local: %s', (_, addresses, expected) => {
  expect(shown(membersOf(three, { service: local, endpoints: [slice(addresses)] }))).toEqual(expected);
});

/** Pods named as in `endpoint` that are not ready only because of their nodes, except for those with these UIDs. */
const unreachableBut = (...ready: readonly string[]): PodsView => ({
  get: ({ uid }) => ({
    uid,
    terminating: false,
    ended: false,
    ready: ready.includes(uid),
    able: true,
    registrable: false,
    ips: [],
  }),
  had: () => false,
  hadAt: () => false,
  isAsNewAs: () => true,
});

test('externalTrafficPolicy Local: nodes without endpoints do not make those with them dispensable', () => {
  const list = ['n1', 'n2'].map((name) => node(name, { ready: false }));
  const idle = ['n3', 'n4', 'n5', 'n6'].map((name) => node(name));
  const endpoints = [slice([on('n1', 'a'), on('n2', 'b')])];
  const desired = membersOf([...list, ...idle], { service: local, endpoints, pods: unreachableBut() });
  expect(shown(desired)).toEqual(['i-n1:30080*100', N2]);
  expect(desired).toMatchObject({ members: [{ unreachable: true }, { unreachable: true }] });
});

test('externalTrafficPolicy Local: a node that is back is a last resort until one of its pods is ready again', () => {
  const list = [node('n1', { readyChangedAt: 999_000 }), node('n2')];
  const endpoints = [slice([on('n1', 'a'), on('n2', 'b')])];
  const of = (...ready: readonly string[]) =>
    membersOf(list, { service: local, endpoints, pods: unreachableBut(...ready) }) as {
      members: readonly Member[];
    };
  const early = of('uid-b').members;
  expect(early).toMatchObject([{ node: 'n1', lastResort: true }, { node: 'n2' }]);
  expect(early[1]).not.toHaveProperty('lastResort');
  expect(of('uid-a', 'uid-b').members[0]).not.toHaveProperty('lastResort');
});

test('externalTrafficPolicy Local: the share is that of the nodes, whatever pods each of them has', () => {
  const lost = [
    node('n1', { ready: false, readyChangedAt: 1 }),
    node('n2', { ready: false, readyChangedAt: 2 }),
  ];
  const endpoints = [slice([on('n1', 'a'), on('n1', 'b'), on('n1', 'c'), on('n2', 'd'), on('n3', 'e')])];
  const pods = unreachableBut('uid-e');
  const desired = membersOf([...lost, node('n3')], { service: local, endpoints, pods });
  expect(shown(desired)).toEqual([N2, 'i-n3:30080*100']);
});

test('externalTrafficPolicy Local: lists that are older than the name of the port take no node out, nor add one', () => {
  const service = { ...local, ports: [{ name: 'web', port: 80, protocol: 'TCP', nodePort: 30080 }] };
  const old = slice([on('n1', 'a')]);
  expect(membersOf(three, { service, endpoints: [old] })).toMatchObject({
    kind: 'undetermined',
    given: new Map([
      ['a#8080', { node: 'n1' }],
      ['i-n1:30080', { node: 'n1' }],
      ['i-n2:30080', { node: 'n2', lastResort: true }],
      ['i-n3:30080', { node: 'n3', lastResort: true }],
    ]),
  });
  const current = slice([on('n2', 'b')], [{ name: 'web', port: 8080 }]);
  const { members } = membersOf(three, { service, endpoints: [old, current] }) as {
    members: readonly Member[];
  };
  expect(members.map(({ node: name, lastResort }) => [name, lastResort])).toEqual([
    ['n1', true],
    ['n2', undefined],
  ]);
});

test('externalTrafficPolicy Local: while undetermined, too, nodes without endpoints do not make those with them dispensable', () => {
  const list = ['n1', 'n2'].map((name) => node(name, { ready: false }));
  const idle = ['n3', 'n4', 'n5', 'n6'].map((name) => node(name));
  const endpoints = [slice([on('n1', 'a'), on('n2', 'b')])];
  const wrong = { port: 81, service: local, endpoints, pods: unreachableBut() };
  const desired = membersOf([...list, ...idle], wrong);
  expect(desired).toMatchObject({ kind: 'undetermined' });
  const { given } = desired as Extract<Desired, { kind: 'undetermined' }>;
  const stays = { lastResort: true, unreachable: true };
  expect([given.get(ecsSlot('i-n1', 30080)), given.get(ecsSlot('i-n2', 30080))]).toMatchObject([
    stays,
    stays,
  ]);
});

test.each(['Cluster', 'Local'] as const)(
  'policy %s: the pods of virtual nodes stay, too, while all lists are older than the name of the port',
  (externalTrafficPolicy) => {
    const renamed = service({ externalTrafficPolicy, port: { name: 'web' } });
    const list = [node('v1', { labels: { type: 'virtual-kubelet' } })];
    const endpoints = [slice([on('v1', '10.0.0.1')])];
    const desired = membersOf(list, { service: renamed, endpoints });
    expect(desired).toMatchObject({ kind: 'undetermined', problem: { reason: 'PortNotFound' } });
    expect(desired).toMatchObject({ given: new Map([['10.0.0.1#8080', { node: 'v1' }]]) });
  },
);

test.each([
  ['drained', { labels: { [DRAIN_LABEL]: '' } }],
  ['about to go', { expiring: true }],
])('a node that is %s is not to be relied on: those that are lost beside it stay', (_, change) => {
  expect(shown(membersOf([node('n1', change), node('n2', { ready: false })]))).toEqual([
    'i-n1:30080*100',
    N2,
  ]);
});

test.each(['Cluster', 'Local'] as const)(
  'policy %s: an address family changes nothing, not even for the pods of virtual nodes',
  (externalTrafficPolicy) => {
    const list = [node('n1'), node('v1', { labels: { type: 'virtual-kubelet' } })];
    const endpoints = [slice([on('n1', '10.0.0.1'), on('v1', '10.0.0.2')])];
    const given = { service: service({ externalTrafficPolicy }), endpoints };
    const desired = membersOf(list, given);
    expect(shown(desired)).toEqual(['10.0.0.2:8080*100', 'i-n1:30080*100']);
    expect(membersOf(list, { ...given, addressFamily: 'IPv6' })).toEqual(desired);
  },
);

const virtual = (change: Partial<NodeView> = {}) =>
  node('v1', { ...change, labels: { type: 'virtual-kubelet', ...change.labels } });

test.each(['Cluster', 'Local'] as const)(
  'policy %s: a family that no slice has yet takes no node out, nor a pod of a virtual node',
  (externalTrafficPolicy) => {
    const { members } = membersOf([node('n1'), virtual()], {
      service: service({ externalTrafficPolicy, ipFamilies: ['IPv6', 'IPv4'] }),
      endpoints: [slice([on('n1', '2001:db8::1'), on('v1', '2001:db8::2')])],
    }) as { members: readonly Member[] };
    expect(members).toMatchObject([{ ip: '2001:db8::2', lastResort: true }, { node: 'n1' }]);
    expect(members[1]).not.toHaveProperty('lastResort');
  },
);

const EXCLUDED = { 'alpha.service-controller.kubernetes.io/exclude-balancer': 'true' };

test.each(['Cluster', 'Local'] as const)(
  'policy %s: no exclude label keeps the pods of a virtual node out, but a selector, a taint or a cordon does',
  (externalTrafficPolicy) => {
    const endpoints = [slice([on('v1', '10.0.0.1'), on('n2', '10.0.0.2')])];
    const nodeSelector = { matchExpressions: [{ key: 'pool', operator: 'NotIn' as const, values: ['db'] }] };
    const given = { endpoints, nodeSelector, excludeCordonedNodes: true };
    const of = (change: Partial<NodeView> = {}) =>
      shown(
        membersOf([virtual({ labels: EXCLUDED, ...change }), node('n2')], {
          service: service({ externalTrafficPolicy }),
          ...given,
        }),
      );
    expect(of()).toEqual(['10.0.0.1:8080*100', N2]);
    expect(of({ labels: { ...EXCLUDED, pool: 'db' } })).toEqual([N2]);
    expect(of({ taintKeys: ['ToBeDeletedByClusterAutoscaler'] })).toEqual([N2]);
    expect(of({ unschedulable: true })).toEqual([N2]);
  },
);

const weightCases: readonly (readonly [string, number, readonly string[]])[] = [
  ['in proportion to the ready endpoints', 100, ['i-n1:30080*33', 'i-n2:30080*100']],
  ['at least 1', 1, ['i-n1:30080*1', 'i-n2:30080*1']],
  ['0 stays 0', 0, ['i-n1:30080*0', 'i-n2:30080*0']],
];
test.each(weightCases)('externalTrafficPolicy Local with weights: %s', (_, weight, expected) => {
  // A pod in two slices counts once, whether by one address or by one of each family.
  const pod = { namespace: 'shop', name: 'pod-b', uid: 'uid-b' };
  const endpoints = [
    slice([on('n1', 'a'), on('n2', 'b'), on('n2', 'c')]),
    slice([on('n2', 'd'), on('n2', 'b'), on('n2', '2001:db8::b', { pod })]),
  ];
  expect(shown(membersOf(three, { service: local, endpoints, localWeights: true, weight }))).toEqual(
    expected,
  );
});

test('externalTrafficPolicy Local with weights: only members set the scale, and a pod of a virtual node weighs as one', () => {
  const addresses = ['n1', 'n2', 'n2', 'n3', 'n3', 'n3', 'v1', 'v1', 'v1'].map((name, i) =>
    on(name, `10.0.0.${i}`),
  );
  const list = [node('n1'), node('n2'), node('n3', { labels: EXCLUDED }), virtual()];
  const given = { service: local, endpoints: [slice(addresses)], localWeights: true };
  expect(shown(membersOf(list, given))).toEqual([
    ...['10.0.0.6:8080*50', '10.0.0.7:8080*50', '10.0.0.8:8080*50'],
    ...['i-n1:30080*50', 'i-n2:30080*100'],
  ]);
});

test('weights by endpoint do not apply to externalTrafficPolicy Cluster', () => {
  const endpoints = [slice([on('n1', 'a')])];
  expect(shown(membersOf([node('n1'), node('n2')], { endpoints, localWeights: true }))).toEqual([
    'i-n1:30080*100',
    N2,
  ]);
});

const providerIDs: readonly (readonly [string | undefined, string | undefined])[] = [
  ['cn-hangzhou.i-bp1abc', 'i-bp1abc'],
  ['alicloud://cn-hangzhou.i-bp1abc', 'i-bp1abc'],
  ['alicloud://us-east-1.i-0Xa', 'i-0Xa'],
  ['i-bp1abc', undefined],
  ['cn-hangzhou.eni-bp1', undefined],
  ['aws:///eu-west-1a/i-0abc', undefined],
  ['kwok://node-0', undefined],
  ['', undefined],
  [undefined, undefined],
];
test.each(providerIDs)('the instance of providerID %s is %s', (providerID, expected) => {
  expect(instanceIdOf(providerID === undefined ? {} : { providerID })).toBe(expected);
});

test.each(['Cluster', 'Local'] as const)(
  'policy %s: a node that is about to go is a member that departs',
  (policy) => {
    const addresses = [endpoint('10.0.0.1'), endpoint('10.0.0.2', { nodeName: 'n2' })];
    const { members } = membersOf([node('n1', { expiring: true }), node('n2')], {
      service: service({ externalTrafficPolicy: policy }),
      endpoints: [slice(addresses)],
    }) as { members: readonly Member[] };
    expect(members).toMatchObject([{ node: 'n1', weight: 100, departing: true }, { node: 'n2' }]);
    expect(members[1]).not.toHaveProperty('departing');
  },
);

test('a drained node is a member that is drained and keeps its weight for later', () => {
  const labels = { [DRAIN_LABEL]: '' };
  const { members } = membersOf([node('n1', { labels }), node('n2')]) as { members: readonly Member[] };
  expect(members).toMatchObject([
    { node: 'n1', weight: 100, drained: true },
    { node: 'n2', weight: 100 },
  ]);
  expect(members[1]).not.toHaveProperty('drained');
});
