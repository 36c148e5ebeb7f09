import { expect, test } from '@jest/globals';
import { DRAIN_LABEL } from '../../../../src/api/names.ts';
import { instanceIdOf, type NodeView } from '../../../../src/membership/desired/cluster.ts';
import { computeDesired } from '../../../../src/membership/desired/desired.ts';
import type { DesiredInput, Member } from '../../../../src/membership/desired/member.ts';
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

const weightCases: readonly (readonly [string, number, readonly string[]])[] = [
  ['in proportion to the ready endpoints', 100, ['i-n1:30080*33', 'i-n2:30080*100']],
  ['at least 1', 1, ['i-n1:30080*1', 'i-n2:30080*1']],
  ['0 stays 0', 0, ['i-n1:30080*0', 'i-n2:30080*0']],
];
test.each(weightCases)('externalTrafficPolicy Local with weights: %s', (_, weight, expected) => {
  // The same address in two slices counts once.
  const endpoints = [
    slice([on('n1', 'a'), on('n2', 'b'), on('n2', 'c')]),
    slice([on('n2', 'd'), on('n2', 'b')]),
  ];
  expect(shown(membersOf(three, { service: local, endpoints, localWeights: true, weight }))).toEqual(
    expected,
  );
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

test('a drained node is a member that is drained and keeps its weight for later', () => {
  const labels = { [DRAIN_LABEL]: '' };
  const { members } = membersOf([node('n1', { labels }), node('n2')]) as { members: readonly Member[] };
  expect(members).toMatchObject([
    { node: 'n1', weight: 100, drained: true },
    { node: 'n2', weight: 100 },
  ]);
  expect(members[1]).not.toHaveProperty('drained');
});
