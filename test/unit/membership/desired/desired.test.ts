import { expect, test } from '@jest/globals';
import { DRAIN_LABEL } from '../../../../src/api/names.ts';
import { computeDesired } from '../../../../src/membership/desired/desired.ts';
import type { DesiredInput } from '../../../../src/membership/desired/member.ts';
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

const { nodePort: _, ...clusterPort } = service().ports[0] as {
  protocol: string;
  name: string;
  port: number;
  nodePort?: number;
};
const endpoints = [slice([endpoint('10.0.0.1'), endpoint('10.0.0.2', notReady)])];

const cases: readonly (readonly [string, Partial<DesiredInput>, string])[] = [
  ['no such Service', { service: undefined }, 'ServiceNotFound'],
  ['ExternalName', { service: service({ type: 'ExternalName' }) }, 'ServiceNotSupported'],
  ['no such port by number', { port: 81 }, 'PortNotFound'],
  ['no such port by name', { port: 'grpc' }, 'PortNotFound'],
  ['no port at all (headless without ports)', { service: service({ ports: [] }) }, 'PortNotFound'],
  [
    'ecs and a Service without nodePort',
    { backendType: 'ecs', service: service({ type: 'ClusterIP', ports: [clusterPort] }) },
    'ServiceNotSupported',
  ],
  [
    'ecs and a selector that no node satisfies',
    { backendType: 'ecs', nodeSelector: { matchLabels: { pool: 'wbe' } } },
    'NodesNotFound',
  ],
  ['a family that no endpoint has an address of', { addressFamily: 'IPv6' }, 'AddressFamilyNotFound'],
];

test.each(cases)('%s: nothing is wanted', (_, change, reason) => {
  expect(shown(computeDesired(desiredInput({ endpoints, ...change })))).toBe(reason);
});

/* What may stay: a place is the Service's while the Service provides it on any port. */

const given = (change: Partial<DesiredInput>): readonly string[] => {
  const desired = computeDesired(desiredInput({ endpoints, ...change }));
  if (desired.kind !== 'undetermined') throw new Error('the binding gets what it asks for');
  return [...desired.given.keys()].sort();
};
const ecs = { backendType: 'ecs' } as const;

test('a port that the binding has wrong: what the Service gives by its ports may stay', () => {
  expect(given({ port: 81 })).toEqual(['10.0.0.1#8080']);
  expect(given({ port: 81, ...ecs })).toEqual(['10.0.0.1#8080', 'i-n1:30080', 'i-n2:30080']);
});

test('a port that the binding has wrong: what terminates may stay only where nothing better serves by the same port', () => {
  const grpc = [{ name: 'grpc', port: 9090 }];
  const both = slice([endpoint('10.0.0.1'), endpoint('10.0.0.2', terminating)]);
  const last = slice([endpoint('10.0.0.3', terminating), endpoint('10.0.0.4', terminating)], grpc);
  expect(given({ port: 81, endpoints: [both] })).toEqual(['10.0.0.1#8080']);
  expect(given({ port: 81, endpoints: [last] })).toEqual(['10.0.0.3#9090', '10.0.0.4#9090']);
  expect(given({ port: 81, endpoints: [both, last] })).toEqual([
    '10.0.0.1#8080',
    '10.0.0.3#9090',
    '10.0.0.4#9090',
  ]);
});

test('what may stay is known to be on a node that is drained or about to go, or not to be relied on', () => {
  const on = (nodeName: string, ip: string, change = {}) => endpoint(ip, { nodeName, ...change });
  const onNodes = [
    node('n1', { labels: { [DRAIN_LABEL]: '' } }),
    node('n2', { expiring: true }),
    node('n3', { ready: false }),
    node('n4'),
  ];
  const wrong = (change: Partial<DesiredInput>) =>
    computeDesired(desiredInput({ port: 81, unreadyShare: 0, nodes: nodes(...onNodes), ...change }));
  const pods = [on('n1', '10.0.0.1'), on('n2', '10.0.0.2')];
  expect(wrong({ endpoints: [slice(pods)] })).toMatchObject({
    given: new Map([
      ['10.0.0.1#8080', { node: 'n1', drained: true }],
      ['10.0.0.2#8080', { node: 'n2', departing: true }],
    ]),
  });
  const ofNodes = { endpoints: [], ...ecs };
  expect(wrong(ofNodes)).toMatchObject({
    given: new Map([
      ['i-n1:30080', { node: 'n1', drained: true }],
      ['i-n2:30080', { node: 'n2', departing: true }],
      ['i-n3:30080', { node: 'n3', lastResort: true, unreachable: true }],
      ['i-n4:30080', { node: 'n4' }],
    ]),
  });
  const local = { ...ecs, service: service({ externalTrafficPolicy: 'Local' }), endpoints: [slice(pods)] };
  expect(wrong(local)).toMatchObject({
    given: new Map([
      ['10.0.0.1#8080', { node: 'n1', drained: true }],
      ['10.0.0.2#8080', { node: 'n2', departing: true }],
      ['i-n1:30080', { node: 'n1', drained: true }],
      ['i-n2:30080', { node: 'n2', departing: true }],
      ['i-n3:30080', { node: 'n3', lastResort: true, unreachable: true }],
      ['i-n4:30080', { node: 'n4', lastResort: true }],
    ]),
  });
});

test('a selector that no node satisfies: what the Service gives by the others may stay, and by none that is not there', () => {
  const nodeSelector = { matchExpressions: [{ key: 'pool', operator: 'In', values: ['wbe'] }] } as const;
  expect(given({ nodeSelector, ...ecs })).toEqual(['10.0.0.1#8080', 'i-n1:30080', 'i-n2:30080']);
  expect(given({ nodeSelector, ...ecs, nodes: nodes(node('n2')) })).toEqual(['i-n2:30080']);
  expect(given({ nodeSelector, ...ecs, nodes: nodes(), endpoints: [] })).toEqual([]);
});

test('nodes that the selector selects, though none of them serves: the others are not wanted', () => {
  const excluded = { pool: 'web', 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
  const desired = computeDesired(
    desiredInput({
      ...{ endpoints, ...ecs, nodeSelector: { matchLabels: { pool: 'web' } } },
      nodes: nodes(node('n1', { labels: excluded }), node('n2')),
    }),
  );
  expect(desired).toMatchObject({ kind: 'members', members: [] });
});

test('a family that no endpoint has an address of: what the Service gives by the other may stay', () => {
  expect(given({ addressFamily: 'IPv6' })).toEqual(['10.0.0.1#8080']);
  const none = computeDesired(desiredInput({ endpoints: [], addressFamily: 'IPv6' }));
  expect(none).toMatchObject({ kind: 'members', members: [] });
});

test('an address family: what a pod gives by either may stay', () => {
  const both = [slice([endpoint('10.0.0.1')]), slice([endpoint('2001:db8::1')])];
  const dual = service({ ipFamilies: ['IPv4', 'IPv6'] });
  const wrong = { port: 81, addressFamily: 'IPv6', service: dual, endpoints: both } as const;
  expect(given({ ...wrong, ...ecs })).toEqual([
    '10.0.0.1#8080',
    '2001:db8::1#8080',
    'i-n1:30080',
    'i-n2:30080',
  ]);
  expect(given(wrong)).toEqual(['10.0.0.1#8080', '2001:db8::1#8080']);
});

test('no such Service, or one that has no endpoints: nothing may stay', () => {
  expect(given({ service: undefined })).toEqual([]);
  expect(given({ service: undefined, ...ecs })).toEqual([]);
  expect(given({ service: service({ type: 'ExternalName' }) })).toEqual([]);
  expect(given({ service: service({ type: 'ExternalName' }), ...ecs })).toEqual([]);
});

test('a Service that the binding names and that does not exist: what the one that it named before gives may stay', () => {
  const former = { service: service(), endpoints };
  expect(given({ service: undefined, endpoints: [], former })).toEqual(['10.0.0.1#8080']);
  expect(given({ service: undefined, endpoints: [], former, ...ecs })).toEqual([
    '10.0.0.1#8080',
    'i-n1:30080',
    'i-n2:30080',
  ]);
  const external = { service: service({ type: 'ExternalName' }), endpoints };
  expect(given({ service: undefined, endpoints: [], former: external })).toEqual([]);
});

test('a port that another Service has not: what either of them gives may stay', () => {
  const former = { service: service(), endpoints: [slice([endpoint('10.0.0.9')])] };
  expect(given({ port: 81, former })).toEqual(['10.0.0.1#8080', '10.0.0.9#8080']);
});

test('a former Service gives nothing once the one that is named has the port', () => {
  const former = { service: service(), endpoints: [slice([endpoint('10.0.0.9')])] };
  expect(shown(computeDesired(desiredInput({ endpoints, former })))).toEqual(['10.0.0.1:8080*100']);
});

test('a Service that has no node port any more: the one that it had is free', () => {
  const clusterIP = service({ type: 'ClusterIP', ports: [clusterPort] });
  expect(given({ ...ecs, service: clusterIP, endpoints: [] })).toEqual([]);
  // The binding may have the wrong type, so its pods stay.
  expect(given({ ...ecs, service: clusterIP })).toEqual(['10.0.0.1#8080']);
  const other = { name: 'admin', port: 81, protocol: 'TCP', nodePort: 30081 };
  expect(given({ ...ecs, service: service({ ports: [clusterPort, other] }), endpoints: [] })).toEqual([
    'i-n1:30081',
    'i-n2:30081',
  ]);
});

test('a port of the Service that is gone from its endpoints, too: its places are free', () => {
  const renamed = service({ port: { name: 'web', port: 8000 } });
  expect(
    given({ service: renamed, endpoints: [slice([endpoint('10.0.0.1')], [{ name: 'web', port: 9 }])] }),
  ).toEqual(['10.0.0.1#9']);
});

test('an endpoint with hostNetwork is given as its address and as its instance', () => {
  const host = node('n1', { internalIPs: ['192.168.0.1'] });
  expect(given({ port: 81, nodes: nodes(host), endpoints: [slice([endpoint('192.168.0.1')])] })).toEqual([
    '192.168.0.1#8080',
    'i-n1:8080',
  ]);
});

test('an endpoint on a deleted node is not given', () => {
  expect(given({ port: 81, endpoints: [slice([endpoint('10.0.0.1', { nodeName: 'lost' })])] })).toEqual([]);
});

test('a number that two ports have: the first is used, and that is told', () => {
  const dns = service({
    ports: [
      { name: 'dns', port: 80, protocol: 'UDP' },
      { name: 'http', port: 80, protocol: 'TCP' },
    ],
  });
  const both = [
    slice(
      [endpoint('10.0.0.1')],
      [
        { name: 'dns', port: 53 },
        { name: 'http', port: 8080 },
      ],
    ),
  ];
  const desired = computeDesired(desiredInput({ service: dns, endpoints: both }));
  expect(shown(desired)).toEqual(['10.0.0.1:53*100']);
  expect(desired).toMatchObject({
    problems: [
      {
        reason: 'AmbiguousPort',
        message:
          'Service shop/web has port 80 more than once: dns (UDP), http (TCP); dns is used: name the port in spec.serviceRef.port',
      },
    ],
  });
  const named = computeDesired(desiredInput({ service: dns, port: 'http', endpoints: both }));
  expect(named).toMatchObject({ problems: [] });
  expect(shown(named)).toEqual(['10.0.0.1:8080*100']);
});

const ports: readonly (readonly [string, number | string])[] = [
  ['its number', 80],
  ['its name', 'http'],
  ['its number as text', '80'],
];
test.each(ports)('a port is found by %s', (_, port) => {
  expect(shown(computeDesired(desiredInput({ port, endpoints })))).toEqual(['10.0.0.1:8080*100']);
});

test('a port whose name is the number of another one is found by name first', () => {
  const odd = service({
    ports: [
      { name: 'a', port: 80, protocol: 'TCP' },
      { name: '80', port: 443, protocol: 'TCP' },
    ],
  });
  const both = [
    slice(
      [endpoint('10.0.0.1')],
      [
        { name: 'a', port: 1 },
        { name: '80', port: 2 },
      ],
    ),
  ];
  expect(shown(computeDesired(desiredInput({ service: odd, port: '80', endpoints: both })))).toEqual([
    '10.0.0.1:2*100',
  ]);
  expect(shown(computeDesired(desiredInput({ service: odd, port: 80, endpoints: both })))).toEqual([
    '10.0.0.1:1*100',
  ]);
});

test('a Service that was made again with other ports has the members of the new ones', () => {
  const remade = service({ port: { name: 'web', port: 8000 } });
  const moved = [slice([endpoint('10.0.0.1')], [{ name: 'web', port: 9000 }])];
  expect(shown(computeDesired(desiredInput({ service: remade, port: 8000, endpoints: moved })))).toEqual([
    '10.0.0.1:9000*100',
  ]);
});

test('a message says what is wrong, what is there, and what to do', () => {
  const desired = computeDesired(desiredInput({ port: 81 }));
  expect(desired).toMatchObject({
    problem: { message: 'Service shop/web has no port 81 (it has 80 (http)): correct spec.serviceRef.port' },
  });
});
