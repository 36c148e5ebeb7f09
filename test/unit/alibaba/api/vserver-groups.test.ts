import { expect, test } from '@jest/globals';
import { createEcsApi } from '../../../../src/alibaba/api/ecs.ts';
import { createVServerGroups } from '../../../../src/alibaba/api/vserver-groups.ts';
import type { Params, Rpc } from '../../../../src/alibaba/rpc/rpc.ts';
import type { Row } from '../../../../src/membership/backend.ts';
import { GROUP } from '../rpc/local-api.ts';

const ENI: Row = {
  ...{
    serverId: 'eni-1',
    serverIp: '10.0.0.1',
    port: 80,
    type: 'eni',
    weight: 50,
    description: 'vsgb/a/b/c',
  },
};
const ECS: Row = { serverId: 'i-1', serverIp: '10.0.0.9', port: 30080, type: 'ecs', weight: 100 };

function recorder(reply: unknown) {
  const calls: { region: string; action: string; params: Params; count: number | undefined }[] = [];
  const rpc =
    (region: string): Rpc =>
    async (action, params, context) => {
      calls.push({ region, action, params, count: context?.count });
      return reply as Record<string, unknown>;
    };
  return {
    calls,
    rpc,
    groups: createVServerGroups({ read: rpc, health: rpc, write: rpc, limiter: { acquire: async () => {} } }),
  };
}

const GROUP_REPLY = {
  ...{ RequestId: 'R', VServerGroupId: 'rsp-1' },
  BackendServers: { BackendServer: [{ ServerId: 'i-2', Port: 80, Weight: 1, Type: 'ecs' }] },
};

test.each([
  ['add', 'AddVServerGroupBackendServers'],
  ['setWeight', 'SetVServerGroupAttribute'],
  ['remove', 'RemoveVServerGroupBackendServers'],
] as const)('%s names each backend in full, numbers as numbers, no address for ecs', async (verb, action) => {
  const { calls, groups } = recorder(GROUP_REPLY);
  const reply = await groups[verb](GROUP, [ENI, ECS]);
  expect(reply).toEqual({
    is: 'done',
    requestId: 'R',
    rows: [{ serverId: 'i-2', port: 80, weight: 1, type: 'ecs' }],
  });
  const [call] = calls;
  expect(call).toMatchObject({ region: 'cn-hangzhou', action, count: 2 });
  expect(call?.params).toMatchObject({ RegionId: 'cn-hangzhou', VServerGroupId: 'rsp-1' });
  expect(JSON.parse(String(call?.params['BackendServers']))).toEqual([
    { ServerId: 'eni-1', ServerIp: '10.0.0.1', Port: 80, Type: 'eni', Weight: 50, Description: 'vsgb/a/b/c' },
    { ServerId: 'i-1', Port: 30080, Type: 'ecs', Weight: 100 },
  ]);
});

test.each(['by hand', '手动添加', '', 'x'.repeat(81)])(
  'a description that the API would not take back is left out: "%s"',
  async (description) => {
    const { calls, groups } = recorder(GROUP_REPLY);
    await groups.remove(GROUP, [{ ...ENI, description }]);
    expect(JSON.parse(String(calls[0]?.params['BackendServers']))).toEqual([
      { ServerId: 'eni-1', ServerIp: '10.0.0.1', Port: 80, Type: 'eni', Weight: 50 },
    ]);
  },
);

test.each([0, 41])('%i backends in a call are a programming error', async (count) => {
  const { calls, groups } = recorder(GROUP_REPLY);
  await expect(groups.remove(GROUP, Array(count).fill(ENI))).rejects.toThrow(RangeError);
  expect(calls).toEqual([]);
});

test('a group is described by its region and id', async () => {
  const { calls, groups } = recorder({ ...GROUP_REPLY, VServerGroupName: 'web', LoadBalancerId: 'lb-1' });
  const read = await groups.describe(GROUP);
  expect(read).toMatchObject({ loadBalancerId: 'lb-1', pending: false });
  expect(calls[0]).toMatchObject({
    ...{ action: 'DescribeVServerGroupAttribute', region: 'cn-hangzhou' },
    params: { RegionId: 'cn-hangzhou', VServerGroupId: 'rsp-1' },
  });
});

test('interfaces are asked for by a hundred addresses of one family, all pages', async () => {
  const calls: Params[] = [];
  const rpc = (): Rpc => async (_, params) => {
    calls.push(params);
    const first = params['NextToken'] === undefined;
    const id = `eni-${calls.length}`;
    return {
      ...{ RequestId: 'R', NextToken: first ? 'T' : '' },
      NetworkInterfaceSets: { NetworkInterfaceSet: [{ NetworkInterfaceId: id, Status: 'InUse' }] },
    };
  };
  const v4 = Array.from({ length: 150 }, (_, i) => `10.0.0.${i}`);
  const found = await createEcsApi(rpc).describeNetworkInterfaces({
    ...{ regionId: 'cn-hangzhou', vpcId: 'vpc-1', privateIps: [...v4, '10.0.0.0', '2001:db8::1'] },
  });
  const asked = calls.map((params) => [
    params['PrivateIpAddress']?.toString().split(',').length,
    params['Ipv6Address'],
  ]);
  expect(asked).toEqual([
    [100, undefined],
    [100, undefined],
    [50, undefined],
    [50, undefined],
    [undefined, ['2001:db8::1']],
    [undefined, ['2001:db8::1']],
  ]);
  expect(calls[1]).toMatchObject({ NextToken: 'T', VpcId: 'vpc-1' });
  expect(found).toHaveLength(6);
});

test('a token that never ends is not followed for ever', async () => {
  let calls = 0;
  const rpc = (): Rpc => async () => ({ RequestId: 'R', NextToken: `T${calls++}` });
  await createEcsApi(rpc).describeNetworkInterfaces({ regionId: 'cn-hangzhou', privateIps: ['10.0.0.1'] });
  expect(calls).toBeLessThan(100);
});

test('no addresses, no call', async () => {
  const { calls, rpc } = recorder({});
  await createEcsApi(rpc).describeNetworkInterfaces({ regionId: 'cn-hangzhou', privateIps: [] });
  expect(calls).toEqual([]);
});

test('the groups of a load balancer are asked for without a filter, whose meaning is not documented', async () => {
  const { calls, groups } = recorder({
    ...{ RequestId: 'R' },
    VServerGroups: { VServerGroup: [{ VServerGroupId: 'rsp-1', VServerGroupName: 'web' }] },
  });
  expect(await groups.list({ regionId: 'cn-hangzhou', id: 'lb-1' })).toEqual([{ id: 'rsp-1', name: 'web' }]);
  expect(calls).toEqual([
    {
      region: 'cn-hangzhou',
      action: 'DescribeVServerGroups',
      params: { RegionId: 'cn-hangzhou', LoadBalancerId: 'lb-1' },
      count: undefined,
    },
  ]);
});

test('health is asked of a load balancer, and told of each listener, by the rows of its groups', async () => {
  const row = { ServerId: 'eni-1', ServerIp: '10.0.0.1', Port: '8080', Type: 'eni', Weight: '100' };
  const listener = { Protocol: 'tcp', ListenerPort: 80, ServerHealthStatus: 'normal' };
  const { calls, groups } = recorder({
    RequestId: 'R',
    BackendServers: {
      BackendServer: [
        { ...row, ...listener },
        { ...row, ...listener, ListenerPort: 443, ServerHealthStatus: 'abnormal' },
        {
          ServerId: 'i-1',
          ServerIp: '10.0.0.9',
          Port: 30080,
          ...listener,
          ServerHealthStatus: 'unavailable',
        },
        { ...row, ...listener, ServerHealthStatus: 'unheard of' },
        { ...row, ...listener, Type: 'unheard of' },
        { ...listener },
      ],
    },
  });
  expect(await groups.describeHealth?.({ regionId: 'cn-hangzhou', id: 'lb-1' })).toEqual([
    { backend: 'eni-1:8080:10.0.0.1', listener: 'tcp:80', status: 'normal' },
    { backend: 'eni-1:8080:10.0.0.1', listener: 'tcp:443', status: 'abnormal' },
    { backend: 'i-1:30080', listener: 'tcp:80', status: 'unavailable' },
    { backend: 'eni-1:8080:10.0.0.1', listener: 'tcp:80', status: 'unavailable' },
  ]);
  expect(calls).toMatchObject([
    { region: 'cn-hangzhou', action: 'DescribeHealthStatus', params: { LoadBalancerId: 'lb-1' } },
  ]);
});
