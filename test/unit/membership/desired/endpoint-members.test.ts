import { expect, test } from '@jest/globals';
import { DRAIN_LABEL } from '../../../../src/api/names.ts';
import type { AddressView, EndpointsView, PodsView } from '../../../../src/membership/desired/cluster.ts';
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

const ready = endpoint('10.0.0.1');
const other = endpoint('10.0.0.2');
const HTTP = { name: 'http', port: 8080 };

const cases: readonly (readonly [string, readonly EndpointsView[], readonly string[] | string])[] = [
  ['a ready endpoint is a member', [slice([ready])], ['10.0.0.1:8080*100']],
  [
    'an endpoint that is not ready is none',
    [slice([endpoint('10.0.0.1', notReady), other])],
    ['10.0.0.2:8080*100'],
  ],
  [
    'a terminating endpoint leaves although it still serves',
    [slice([endpoint('10.0.0.1', terminating), other])],
    ['10.0.0.2:8080*100'],
  ],
  [
    'endpoints that are all terminating stay as long as they serve',
    [slice([endpoint('10.0.0.1', terminating), endpoint('10.0.0.2', terminating)])],
    ['10.0.0.1:8080*100', '10.0.0.2:8080*100'],
  ],
  [
    'of endpoints that are all terminating only those that serve stay',
    [slice([endpoint('10.0.0.1', terminating), endpoint('10.0.0.2', { ...terminating, serving: false })])],
    ['10.0.0.1:8080*100'],
  ],
  ['no endpoints: no members', [], []],
  [
    'no ready and no serving endpoints: no members, whatever their ports',
    [slice([endpoint('10.0.0.1', notReady)], [])],
    [],
  ],
  [
    'an endpoint on a node that was deleted leaves',
    [slice([endpoint('10.0.0.1', { nodeName: 'lost' }), other])],
    ['10.0.0.2:8080*100'],
  ],
  [
    'endpoints on a deleted node do not keep terminating ones from serving',
    [slice([endpoint('10.0.0.1', { nodeName: 'lost' }), endpoint('10.0.0.2', terminating)])],
    ['10.0.0.2:8080*100'],
  ],
  [
    'publishNotReadyAddresses: Kubernetes calls the endpoint ready, terminating or not',
    [slice([endpoint('10.0.0.1', { terminating: true }), endpoint('10.0.0.2', { serving: false })])],
    ['10.0.0.1:8080*100', '10.0.0.2:8080*100'],
  ],
  [
    'an address in two slices is one member',
    [slice([ready]), slice([ready, other])],
    ['10.0.0.1:8080*100', '10.0.0.2:8080*100'],
  ],
  [
    'an address that one slice calls ready and another terminating is a member',
    [slice([endpoint('10.0.0.1', terminating)]), slice([ready])],
    ['10.0.0.1:8080*100'],
  ],
  [
    'a named target port that differs between pods keeps the port of each pod',
    [slice([ready], [HTTP]), slice([other], [{ name: 'http', port: 9090 }])],
    ['10.0.0.1:8080*100', '10.0.0.2:9090*100'],
  ],
  [
    "of several ports only the Service's own counts",
    [slice([ready], [{ name: 'metrics', port: 9100 }, HTTP])],
    ['10.0.0.1:8080*100'],
  ],
  [
    'pods without the named port are left out',
    [slice([ready], [HTTP]), slice([other], [])],
    ['10.0.0.1:8080*100'],
  ],
  [
    'a named target port that no ready pod has is a mistake in the Service',
    [slice([ready], [{ name: 'grpc', port: 9 }])],
    'PortNotFound',
  ],
  ['… for which Kubernetes lists no port at all', [slice([ready], [])], 'PortNotFound'],
  [
    'endpoints without pod and node (a Service without selector) are members',
    [slice([{ ip: '172.16.0.9', ready: true, serving: true, terminating: false }], [HTTP])],
    ['172.16.0.9:8080*100'],
  ],
  [
    'IPv4 and IPv6 addresses of a dual-stack Service are members of their own',
    [slice([ready]), slice([endpoint('2001:db8::1')])],
    ['10.0.0.1:8080*100', '2001:db8::1:8080*100'],
  ],
];

test.each(cases)('%s', (_, endpoints, expected) => {
  expect(shown(computeDesired(desiredInput({ endpoints })))).toEqual(expected);
});

test('a port with another name: endpoints whose list is older stay in the group, and are not added', () => {
  const of = (...endpoints: readonly EndpointsView[]) =>
    computeDesired(desiredInput({ service: service({ port: { name: 'web' } }), endpoints }));
  const renamed = (...addresses: readonly AddressView[]) => slice(addresses, [{ name: 'web', port: 8080 }]);
  const desired = of(slice([other]), renamed(ready));
  expect(shown(desired)).toEqual(['10.0.0.1:8080*100', '10.0.0.2:8080*100']);
  expect(desired).toMatchObject({ members: [{}, { lastResort: true }] });
  expect(of(slice([other, ready]), renamed(ready))).toEqual(desired);
  // A hand-written list may mean other ports.
  expect(shown(of({ ...slice([other]), byKubernetes: false }, renamed(ready)))).toEqual([
    '10.0.0.1:8080*100',
  ]);
});

test('of two pods at one address the member is the one that can be added', () => {
  const pods: PodsView = {
    ...noPods,
    get: ({ uid }) => ({ ...unready, uid, ready: uid !== 'z' && uid !== 'uid-10.0.0.1' }),
  };
  const lost = node('n2', { ready: false });
  const at = (uid: string, nodeName: string) =>
    endpoint('10.0.0.9', { nodeName, pod: { namespace: 'shop', name: uid, uid } });
  const desired = computeDesired(
    desiredInput({
      ...{ pods, nodes: nodes(node('n1'), lost), unreadyShare: 0 },
      endpoints: [slice([at('z', 'n2'), at('a', 'n1')])],
    }),
  ) as { members: readonly Member[] };
  expect(desired.members).toMatchObject([{ podUID: 'a' }]);
  expect(desired.members[0]).not.toHaveProperty('lastResort');
});

test('a pod that has weight 0 is no reason to take out one that is lost with its node', () => {
  const at = (ip: string, nodeName: string) => endpoint(ip, { nodeName });
  const pods: PodsView = {
    ...noPods,
    get: ({ uid }) => ({ ...unready, uid, ready: uid === 'uid-10.0.0.1' }),
  };
  const of = (weight: string | undefined) =>
    computeDesired(
      desiredInput({
        ...{ pods, nodes: nodes(node('n1'), node('n2', { ready: false })), unreadyShare: 0.5 },
        endpoints: [slice([at('10.0.0.1', 'n1'), at('10.0.0.2', 'n2')])],
        podWeight: (uid) => (uid === 'uid-10.0.0.1' ? weight : undefined),
      }),
    );
  expect(shown(of(undefined))).toEqual(['10.0.0.1:8080*100']);
  expect(shown(of('0'))).toEqual(['10.0.0.1:8080*0', '10.0.0.2:8080*100']);
});

const unready = {
  uid: 'a',
  terminating: false,
  ended: false,
  ready: false,
  able: true,
  registrable: false,
  ips: [],
};
const noPods: PodsView = {
  get: () => undefined,
  had: () => false,
  hadAt: () => false,
  isAsNewAs: () => true,
};

test('a pod knows its node, whatever a list by hand leaves out', () => {
  const addresses = [endpoint('10.0.0.1')].map(({ nodeName: _, ...address }) => address);
  const endpoints = [{ ...slice(addresses), byKubernetes: false }];
  const pods = (nodeName: string) => ({ ...noPods, get: () => ({ ...unready, ready: true, nodeName }) });
  const drained = node('n1', { labels: { [DRAIN_LABEL]: '' } });
  const of = (nodeName: string) =>
    computeDesired(desiredInput({ endpoints, pods: pods(nodeName), nodes: nodes(drained) }));
  expect(of('n1')).toMatchObject({ members: [{ node: 'n1', drained: true }] });
  expect(shown(of('deleted'))).toEqual([]);
});

test('a pod that waits for its group is a member, and counts as ready: none on its way out stays for want of others', () => {
  const waiting = endpoint('10.0.0.1', notReady);
  const leaving = endpoint('10.0.0.2', terminating);
  const pods: PodsView = {
    ...noPods,
    get: ({ uid }) =>
      uid === 'uid-10.0.0.1'
        ? { ...unready, uid, able: false, registrable: true }
        : { ...unready, uid, ready: true, terminating: true },
  };
  const fromEndpoints = { ...slice([waiting, leaving]), source: 'Endpoints' as const };
  for (const endpoints of [[slice([waiting, leaving])], [fromEndpoints]]) {
    const of = (opensGates: boolean) => computeDesired(desiredInput({ endpoints, pods, opensGates }));
    expect(shown(of(true))).toEqual(['10.0.0.1:8080*100']);
    expect(shown(of(false))).toEqual(['10.0.0.2:8080*100']);
  }
});

test('a hybrid node has no instance, which is no problem, and its pods may have no network interface', () => {
  const hybrid = node('n1', { providerID: 'ack-hybrid://n1', internalIPs: ['192.168.0.1'] });
  const endpoints = [slice([endpoint('192.168.0.1'), endpoint('10.0.0.1')])];
  expect(computeDesired(desiredInput({ endpoints, nodes: nodes(hybrid) }))).toMatchObject({
    members: [{ ip: '10.0.0.1', outside: true }],
    problems: [],
  });
});

test('a list that is newer than the cache of pods, which has not heard of its pod, is looked at again', () => {
  const endpoints = [slice([ready])];
  const of = (pods: DesiredInput['pods']) => computeDesired(desiredInput({ endpoints, pods, now: 5_000 }));
  expect(of({ ...noPods, isAsNewAs: () => false })).toMatchObject({ members: [{}], until: 6_000 });
  expect(of(noPods)).toMatchObject({ members: [], until: undefined });
  expect(of(undefined)).toMatchObject({ members: [{}], until: undefined });
});

/** The slices of the families of a pod with addresses of both. */
const slicesOf = (n: number) =>
  [`10.0.0.${n}`, `2001:db8::${n}`].map((ip) =>
    slice([endpoint(ip, { pod: { namespace: 'shop', name: `pod-${n}`, uid: `uid-${n}` } })]),
  ) as [EndpointsView, EndpointsView];
const both = slicesOf(1);
const [v4, v6] = both;
const fromEndpoints = [{ ...v6, source: 'Endpoints' as const }];
type Families = readonly ('IPv4' | 'IPv6')[];
test.each<readonly [string, Families, readonly EndpointsView[], Partial<DesiredInput>, string]>([
  ['IPv4', ['IPv4', 'IPv6'], both, {}, '10.0.0.1'],
  ['IPv4, though IPv6 is the first of the Service', ['IPv6', 'IPv4'], both, {}, '10.0.0.1'],
  ['what the binding says', ['IPv4', 'IPv6'], both, { addressFamily: 'IPv6' }, '2001:db8::1'],
  ['the only one of the Service', ['IPv6'], both, {}, '2001:db8::1'],
  ['from Endpoints the first of the Service', ['IPv6', 'IPv4'], fromEndpoints, {}, '2001:db8::1'],
])('pods with addresses of both families are members by %s', (_, ipFamilies, endpoints, change, ip) => {
  const desired = computeDesired(desiredInput({ service: service({ ipFamilies }), endpoints, ...change }));
  expect(shown(desired)).toEqual([`${ip}:8080*100`]);
});

const DUAL = ['10.0.0.1', '2001:db8::1'];
test.each<
  readonly [string, readonly EndpointsView[], readonly string[], Partial<DesiredInput>, readonly object[]]
>([
  ['its pods have: what is in by the other stays', [v6], DUAL, {}, [{ ip: '2001:db8::1', lastResort: true }]],
  [
    'its pods have, and the binding says it: the same',
    [v4],
    DUAL,
    { addressFamily: 'IPv6' },
    [{ ip: '10.0.0.1', lastResort: true }],
  ],
  [
    'only some pods are listed by: the others stay',
    [v4, v6, slicesOf(2)[1]],
    ['10.0.0.1', '10.0.0.2', '2001:db8::1', '2001:db8::2'],
    {},
    [{ ip: '10.0.0.1' }, { ip: '2001:db8::2', lastResort: true }],
  ],
  [
    'the next pod has: the last one that serves stays, too',
    [slice([endpoint('10.0.0.1', terminating)]), slicesOf(2)[1]],
    ['10.0.0.1', '10.0.0.2', '2001:db8::1', '2001:db8::2'],
    {},
    [
      { ip: '10.0.0.1', lastResort: true },
      { ip: '2001:db8::2', lastResort: true },
    ],
  ],
  ['its pods have not: the other one is used', [v6], ['2001:db8::1'], {}, [{ ip: '2001:db8::1' }]],
  [
    'nobody will write: the other one is used',
    [v6],
    DUAL,
    { service: service({ ipFamilies: ['IPv4', 'IPv6'], selects: false }) },
    [{ ip: '2001:db8::1' }],
  ],
])('a Service with a family that no slice has, but %s', (_, endpoints, ips, change, expected) => {
  const pods: PodsView = {
    ...noPods,
    get: ({ uid }) => ({ ...unready, uid, ready: true, ips, terminating: uid === 'uid-10.0.0.1' }),
  };
  const dual = service({ ipFamilies: ['IPv6', 'IPv4'] });
  const { members } = computeDesired(desiredInput({ service: dual, endpoints, pods, ...change })) as {
    members: readonly Member[];
  };
  expect(members.map(({ ip, lastResort }) => ({ ip, ...(lastResort && { lastResort }) }))).toEqual(expected);
});

test('Endpoints and EndpointSlices of the same pods give the same members', () => {
  const slices = [
    slice([endpoint('10.0.0.1')]),
    slice([endpoint('10.0.0.2', notReady)]),
    slice([endpoint('10.0.0.3')]),
  ];
  const oneObject = { ...slice([]), subsets: slices.flatMap(({ subsets }) => subsets) };
  const of = (endpoints: readonly EndpointsView[]) => computeDesired(desiredInput({ endpoints }));
  expect(of([oneObject])).toEqual(of(slices));
});

test('the order of slices and of their addresses changes nothing', () => {
  const reused = endpoint('10.0.0.1', { pod: { namespace: 'shop', name: 'new', uid: 'zz' } });
  const slices = [slice([ready, other]), slice([reused])];
  const backwards = [slice([reused]), slice([other, ready])];
  const of = (endpoints: readonly EndpointsView[]) => computeDesired(desiredInput({ endpoints }));
  expect(of(backwards)).toEqual(of(slices));
});

test('a member names its pod and node', () => {
  const desired = computeDesired(desiredInput({ endpoints: [slice([ready])] }));
  expect(desired).toMatchObject({
    members: [{ type: 'eni', pod: 'pod-10.0.0.1', podUID: 'uid-10.0.0.1', node: 'n1' }],
  });
});

test('a pod that a list by hand names without its UID is the one of that name', () => {
  const here = {
    uid: 'uid-a',
    terminating: false,
    ended: false,
    ready: true,
    able: true,
    registrable: false,
    ips: [],
  };
  const pods = { get: () => here, had: () => false, hadAt: () => false, isAsNewAs: () => true };
  const named = endpoint('10.0.0.1', { pod: { namespace: 'shop', name: 'a', uid: '' } });
  const podWeight = (uid: string) => (uid === 'uid-a' ? '7' : undefined);
  const of = (change: Partial<DesiredInput>) =>
    computeDesired(desiredInput({ endpoints: [{ ...slice([named]), byKubernetes: false }], ...change }));
  expect(of({ pods, podWeight })).toMatchObject({ members: [{ pod: 'a', podUID: 'uid-a', weight: 7 }] });
  const [unknown] = (of({}) as { members: readonly Member[] }).members;
  expect(unknown).toMatchObject({ pod: 'a', weight: 100 });
  expect(unknown).not.toHaveProperty('podUID');
});

const host = node('n1', { internalIPs: ['192.168.0.1', 'fd00::1'] });
const onHost = (change: Partial<AddressView> = {}) => endpoint('192.168.0.1', change);
const hostCases: readonly (readonly [string, AddressView, readonly string[], readonly string[]])[] = [
  ["a pod with hostNetwork is its node's instance", onHost(), ['i-n1:8080*100'], []],
  ['… by IPv6 too', endpoint('fd00::1'), ['i-n1:8080*100'], []],
  ["another pod's address on the same node is a pod", endpoint('192.168.0.7'), ['192.168.0.7:8080*100'], []],
];
test.each(hostCases)('%s', (_, address, expected, problems) => {
  const desired = computeDesired(desiredInput({ endpoints: [slice([address])], nodes: nodes(host) }));
  expect(shown(desired)).toEqual(expected);
  expect(desired).toMatchObject({ problems });
});

test('an endpoint that names just the address of a pod with hostNetwork is the same member', () => {
  const bare = { ip: '192.168.0.1', ready: true, serving: true, terminating: false };
  const of = (...endpoints: readonly EndpointsView[]) =>
    computeDesired(desiredInput({ endpoints, nodes: nodes(host) }));
  expect(of(slice([bare]), slice([onHost()]))).toEqual(of(slice([onHost()])));
});

test('a pod with hostNetwork on a node without an instance is left out, and a problem says so', () => {
  const { providerID: _, ...bare } = host;
  const desired = computeDesired(desiredInput({ endpoints: [slice([onHost(), other])], nodes: nodes(bare) }));
  expect(shown(desired)).toEqual(['10.0.0.2:8080*100']);
  expect(desired).toMatchObject({
    problems: [
      {
        reason: 'NodeWithoutInstance',
        message: `node ${host.name} has no spec.providerID: its backends are left out until it is set to <region>.<instanceId>`,
      },
    ],
  });
});

const weights: readonly (readonly [string, string | undefined, number, boolean])[] = [
  ['no annotation: spec.weight', undefined, 50, false],
  ['a whole number is the weight', '7', 7, false],
  ['0 takes the pod out of service', '0', 0, false],
  ['spaces around it do not matter', ' 7 ', 7, false],
  ['above 100 is 100', '101', 100, true],
  ['below 0 is 0', '-1', 0, true],
  ['a fraction is no weight', '7.5', 50, true],
  ['text is no weight', 'high', 50, true],
  ['an empty annotation is no weight', '', 50, true],
];
test.each(weights)('weight annotation: %s', (_, annotation, expected, isProblem) => {
  const input: Partial<DesiredInput> = {
    weight: 50,
    podWeight: () => annotation,
    endpoints: [slice([ready])],
  };
  const desired = computeDesired(desiredInput(input));
  expect(shown(desired)).toEqual([`10.0.0.1:8080*${expected}`]);
  expect(desired).toMatchObject({ problems: isProblem ? [{ reason: 'InvalidWeight' }] : [] });
});

test('problems come in the same order whatever the order of endpoints', () => {
  const of = (...addresses: AddressView[]) =>
    computeDesired(desiredInput({ podWeight: () => 'high', endpoints: [slice(addresses)] }));
  expect(of(ready, other)).toEqual(of(other, ready));
});

test.each([
  ['shuts down', { ready: false, shuttingDown: true }],
  ['is about to be released', { expiring: true }],
])('a pod on a node that %s is a member that departs, others are not', (_, change) => {
  const { members } = computeDesired(
    desiredInput({
      endpoints: [slice([ready, { ...other, nodeName: 'n2' }])],
      nodes: nodes(node('n1', change), node('n2', { ready: false })),
    }),
  ) as { members: readonly Member[] };
  expect(members).toMatchObject([{ ip: '10.0.0.1', weight: 100, departing: true }, { ip: '10.0.0.2' }]);
  expect(members[1]).not.toHaveProperty('departing');
});

test('a headless Service is served by its ports like any other', () => {
  const headless = service({ type: 'ClusterIP', port: { name: '' } });
  const desired = computeDesired(
    desiredInput({ service: headless, endpoints: [slice([ready], [{ name: '', port: 8080 }])] }),
  );
  expect(shown(desired)).toEqual(['10.0.0.1:8080*100']);
});

test('a pod on a drained node is a member that is drained and keeps its weight for later', () => {
  const drained = node('n1', { labels: { [DRAIN_LABEL]: 'true' } });
  const { members } = computeDesired(
    desiredInput({ endpoints: [slice([ready])], nodes: nodes(drained), weight: 70 }),
  ) as { members: readonly Member[] };
  expect(members).toMatchObject([{ ip: '10.0.0.1', weight: 70, drained: true }]);
});
