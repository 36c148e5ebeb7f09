import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseGroup, parseGroups, parseNetworkInterfaces } from '../../../../src/alibaba/api/parse.ts';
import { ApiError } from '../../../../src/cloud/api-error.ts';
import { GROUP } from '../rpc/local-api.ts';

const CONTEXT = { action: 'DescribeVServerGroupAttribute', group: GROUP };

function group(body: Record<string, unknown>) {
  return parseGroup({ RequestId: 'R', VServerGroupId: 'rsp-1', ...body }, CONTEXT);
}

function backends(...rows: unknown[]) {
  return group({ BackendServers: { BackendServer: rows } }).rows;
}

test('a group is read with all its rows', () => {
  const read = group({
    ...{ VServerGroupName: 'web', LoadBalancerId: 'lb-1' },
    BackendServers: {
      BackendServer: [
        { ServerId: 'i-1', Port: 80, Weight: 100, Type: 'ecs', ServerIp: '10.0.0.9', Description: '' },
        {
          ServerId: 'eni-1',
          ServerIp: '10.0.0.1',
          Port: 8080,
          Weight: 0,
          Type: 'eni',
          Description: 'vsgb/a/b/c',
        },
      ],
    },
  });
  expect(read).toEqual({
    ...{ requestId: 'R', loadBalancerId: 'lb-1', name: 'web' },
    rows: [
      { serverId: 'i-1', port: 80, type: 'ecs', weight: 100 },
      {
        serverId: 'eni-1',
        serverIp: '10.0.0.1',
        port: 8080,
        type: 'eni',
        weight: 0,
        description: 'vsgb/a/b/c',
      },
    ],
  });
});

test('the groups of a load balancer are read with their names, one as a list of one', () => {
  const context = { action: 'DescribeVServerGroups' };
  const read = (groups: unknown) => parseGroups({ RequestId: 'R', VServerGroups: groups }, context);
  const web = { VServerGroupId: 'rsp-1', VServerGroupName: 'web', ServerCount: 2 };
  const group = { id: 'rsp-1', name: 'web' };
  expect(read({ VServerGroup: [web, { VServerGroupId: 'rsp-2' }] })).toEqual([
    group,
    { id: 'rsp-2', name: '' },
  ]);
  expect(read({ VServerGroup: web })).toEqual([group]);
  expect(read({ VServerGroup: [] })).toEqual([]);
  expect(() => read(undefined)).toThrow('the reply has no list of vServer groups');
  expect(() => read({ VServerGroup: [web, {}] })).toThrow('has no VServerGroupId');
});

test('numbers as strings are numbers', () => {
  expect(backends({ ServerId: 'i-1', Port: '80', Weight: '7', Type: 'ecs' })).toEqual([
    { serverId: 'i-1', port: 80, type: 'ecs', weight: 7 },
  ]);
});

test('a single object instead of a list is a list of one', () => {
  const row = { ServerId: 'i-1', Port: 80, Weight: 100 };
  expect(group({ BackendServers: { BackendServer: row } }).rows).toHaveLength(1);
});

test.each([{}, { BackendServers: null }, { BackendServers: {} }, { BackendServers: { BackendServer: [] } }])(
  'an absent list is empty: %j',
  (body) => expect(group(body).rows).toEqual([]),
);

test('a reply wrapped in its action is unwrapped', () => {
  const inner = { RequestId: 'R', VServerGroupId: 'rsp-1', BackendServers: { BackendServer: [] } };
  expect(parseGroup({ DescribeVServerGroupAttributeResponse: inner }, CONTEXT).requestId).toBe('R');
});

test('a type that is absent follows from the id, and one that is unknown hides the row', () => {
  const rows = backends(
    { ServerId: 'eni-1', Port: 80, ServerIp: '10.0.0.1' },
    { ServerId: 'i-1', Port: 80 },
    { ServerId: 'eci-1', Port: 80, ServerIp: '10.0.0.2' },
    { ServerId: 'x-1', Port: 80 },
    { ServerId: 'vm-1', Port: 80, Type: 'vm' },
    { ServerId: 'eni-2', Port: 80, Type: 'ENI', ServerIp: '10.0.0.3' },
  );
  expect(rows.map(({ type }) => type)).toEqual(['eni', 'ecs', 'eci', 'ecs', 'eni']);
});

test('objects without prototype and big numbers are read', () => {
  const row = Object.assign(Object.create(null), { ServerId: 'i-1', Port: { c: [80], toFixed: () => '80' } });
  expect(backends(row)).toEqual([{ serverId: 'i-1', port: 80, type: 'ecs', weight: 100 }]);
});

test.each([
  ['no object', 'text'],
  ['null', null],
  ['empty', {}],
  ['without request id', { VServerGroupId: 'rsp-1', BackendServers: { BackendServer: [] } }],
  ['about another group', { RequestId: 'R', VServerGroupId: 'rsp-2', BackendServers: { BackendServer: [] } }],
  ['about nothing', { RequestId: 'R' }],
  [
    'with a row that is no row',
    { RequestId: 'R', VServerGroupId: 'rsp-1', BackendServers: { BackendServer: [7] } },
  ],
  [
    'with a row without port',
    { RequestId: 'R', VServerGroupId: 'rsp-1', BackendServers: { BackendServer: [{ ServerId: 'i-1' }] } },
  ],
])('a reply %s is never taken for an empty group', (_name, reply) => {
  expect(() => parseGroup(reply, CONTEXT)).toThrow(
    expect.objectContaining({ name: 'ApiError', kind: 'transient', outcome: 'unknown', group: GROUP }),
  );
});

test('network interfaces are read with all their addresses', () => {
  const reply = {
    ...{ RequestId: 'R', NextToken: 'T' },
    NetworkInterfaceSets: {
      NetworkInterfaceSet: [
        {
          ...{ NetworkInterfaceId: 'eni-1', Status: 'InUse', VpcId: 'vpc-1', InstanceId: 'i-1' },
          PrivateIpAddress: '10.0.0.1',
          PrivateIpSets: {
            PrivateIpSet: [{ PrivateIpAddress: '10.0.0.1' }, { PrivateIpAddress: '10.0.0.2' }],
          },
          Ipv6Sets: { Ipv6Set: { Ipv6Address: '2001:db8::1' } },
          Ipv4PrefixSets: { Ipv4PrefixSet: [{ Ipv4Prefix: '10.0.1.16/28' }, 'noise'] },
          Ipv6PrefixSets: { Ipv6PrefixSet: { Ipv6Prefix: '2001:db8:1::/80' } },
        },
        { Status: 'InUse' },
        'noise',
      ],
    },
  };
  expect(parseNetworkInterfaces(reply, { action: 'DescribeNetworkInterfaces' })).toEqual({
    nextToken: 'T',
    interfaces: [
      {
        ...{ networkInterfaceId: 'eni-1', vpcId: 'vpc-1', status: 'InUse' },
        privateIps: ['10.0.0.1', '10.0.0.2', '2001:db8::1'],
        prefixes: ['10.0.1.16/28', '2001:db8:1::/80'],
      },
    ],
  });
});

const anyReply = fc.oneof(
  fc.anything({ withNullPrototype: true, withBigInt: true, withMap: true, withDate: true }),
  fc.record(
    {
      RequestId: fc.anything(),
      VServerGroupId: fc.oneof(fc.constant('rsp-1'), fc.anything()),
      LoadBalancerId: fc.anything(),
      NextToken: fc.anything(),
      BackendServers: fc.oneof(
        fc.anything(),
        fc.record({
          BackendServer: fc.array(
            fc.record(
              { ServerId: fc.anything(), Port: fc.anything(), Weight: fc.anything(), Type: fc.anything() },
              { requiredKeys: [] },
            ),
          ),
        }),
      ),
      NetworkInterfaceSets: fc.record({ NetworkInterfaceSet: fc.anything() }),
    },
    { requiredKeys: [] },
  ),
);

test('whatever the reply, the result is valid or an ApiError', () => {
  fc.assert(
    fc.property(anyReply, (reply) => {
      for (const parse of [
        () => parseGroup(reply, CONTEXT).rows.every(isValid),
        () => Array.isArray(parseNetworkInterfaces(reply, CONTEXT).interfaces),
      ]) {
        try {
          if (!parse()) return false;
        } catch (error) {
          if (!(error instanceof ApiError) || error.outcome !== 'unknown') throw error;
        }
      }
      return true;
    }),
    { numRuns: 2_000 },
  );
});

function isValid(row: { port: number; weight: number; type: string; serverId: string }): boolean {
  const inRange = (n: number, low: number, high: number) => Number.isInteger(n) && n >= low && n <= high;
  return (
    inRange(row.port, 1, 65_535) &&
    inRange(row.weight, 0, 100) &&
    ['ecs', 'eni', 'eci'].includes(row.type) &&
    row.serverId.length > 0
  );
}

test('what is read from a reply does not keep its text in memory', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const heapMb = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed / 1e6;
  };
  // As pop-core's parser makes them: slices of a text, here of a megabyte each.
  const replies = Array.from({ length: 40 }, (_, i) => {
    const text = `${'{'.repeat(1e6)}eni-bp1exampleexample${i} 192.168.100.1${i} vsgb/cluster/namespace/name${i}`;
    const [eni, ip, description] = text.slice(1e6).split(' ');
    return { eni, ip, description };
  });
  const interfaces = replies.flatMap(({ eni, ip }) =>
    parseNetworkInterfaces(
      {
        RequestId: 'R',
        NetworkInterfaceSets: {
          NetworkInterfaceSet: [{ NetworkInterfaceId: eni, VpcId: eni, PrivateIpAddress: ip, Status: ip }],
        },
      },
      { action: 'DescribeNetworkInterfaces' },
    ),
  );
  const rows = replies.map(({ eni, ip, description }) =>
    backends({ ServerId: eni, ServerIp: ip, Description: description, Type: 'eni', Port: 80 }),
  );
  const withTexts = heapMb();
  replies.length = 0;
  expect(withTexts - heapMb()).toBeGreaterThan(35);
  expect([interfaces.length, rows.length]).toEqual([40, 40]);
});
