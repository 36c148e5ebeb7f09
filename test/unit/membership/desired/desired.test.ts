import { expect, test } from '@jest/globals';
import { computeDesired } from '../../../../src/membership/desired/desired.ts';
import type { DesiredInput } from '../../../../src/membership/desired/member.ts';
import { desiredInput, endpoint, node, nodes, notReady, service, shown, slice } from '../builders.ts';

const { nodePort: _, ...clusterPort } = service().ports[0] as {
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
];

test.each(cases)('%s: nothing is wanted, and what is ready is known to be alive', (_, change, reason) => {
  const desired = computeDesired(desiredInput({ endpoints, ...change }));
  expect(shown(desired)).toBe(reason);
  const alive = change.backendType === 'ecs' ? ['i-n1', 'i-n2'] : ['10.0.0.1'];
  expect(desired).toMatchObject({ alive: new Set(alive) });
});

test('ecs and no such Service: no node is known to serve it', () => {
  const desired = computeDesired(desiredInput({ backendType: 'ecs', service: undefined, endpoints }));
  expect(desired).toMatchObject({ kind: 'undetermined', alive: new Set() });
});

test('an endpoint with hostNetwork is alive as its address and as its instance', () => {
  const host = node('n1', { internalIPs: ['192.168.0.1'] });
  const desired = computeDesired(
    desiredInput({ port: 81, nodes: nodes(host), endpoints: [slice([endpoint('192.168.0.1')])] }),
  );
  expect(desired).toMatchObject({ alive: new Set(['192.168.0.1', 'i-n1']) });
});

test('an endpoint on a deleted node is not alive', () => {
  const lost = [slice([endpoint('10.0.0.1', { nodeName: 'lost' })])];
  expect(computeDesired(desiredInput({ port: 81, endpoints: lost }))).toMatchObject({ alive: new Set() });
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
      { name: 'a', port: 80 },
      { name: '80', port: 443 },
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
