import { expect, test } from '@jest/globals';
import { call, ECS, start } from '../harness.ts';

const interfaces = async (simulator: { url: string }, params: Record<string, string>) => {
  const reply = await call(simulator, 'DescribeNetworkInterfaces', params, ECS);
  return reply.json.NetworkInterfaceSets.NetworkInterfaceSet as { NetworkInterfaceId: string }[];
};
const ids = async (simulator: { url: string }, params: Record<string, string>) =>
  (await interfaces(simulator, params)).map((set) => set.NetworkInterfaceId);

test('every private address has an ENI whose id is derived from it', async () => {
  const simulator = await start();
  const params = {
    'PrivateIpAddress.1': '10.0.0.1',
    'PrivateIpAddress.2': '192.168.1.2',
    'PrivateIpAddress.3': '8.8.8.8',
  };
  expect(await ids(simulator, params)).toEqual(['eni-0a000001', 'eni-c0a80102']);
  expect((await interfaces(simulator, params))[0]).toMatchObject({
    VpcId: 'vpc-1',
    InstanceId: 'i-0a000001',
    PrivateIpAddress: '10.0.0.1',
    PrivateIpSets: { PrivateIpSet: [{ PrivateIpAddress: '10.0.0.1', Primary: true }] },
  });
});

test('IPv6 addresses are looked up by Ipv6Address, and not by PrivateIpAddress', async () => {
  const simulator = await start();
  expect(await interfaces(simulator, { 'Ipv6Address.1': '2408:4005::1' })).toMatchObject([
    {
      NetworkInterfaceId: 'eni-24084005000000000000000000000001',
      Ipv6Sets: { Ipv6Set: [{ Ipv6Address: '2408:4005::1' }] },
    },
  ]);
  expect(await ids(simulator, { 'PrivateIpAddress.1': '2408:4005::1' })).toEqual([]);
});

test('neighbouring addresses can share an ENI, which then lists all of them', async () => {
  const simulator = await start({ ipsPerEni: 4 });
  const found = await interfaces(simulator, {
    'PrivateIpAddress.1': '10.0.0.5',
    'PrivateIpAddress.2': '10.0.0.6',
  });
  expect(found).toMatchObject([{ NetworkInterfaceId: 'eni-0a000004' }]);
  expect(JSON.stringify(found)).toContain('10.0.0.7');
});

test('an address can move to another ENI, and have none', async () => {
  const simulator = await start();
  const lookup = { 'PrivateIpAddress.1': '10.0.0.1' };
  simulator.state.setEni('10.0.0.1', 'eni-a', { instanceId: 'i-a' });
  expect(await interfaces(simulator, lookup)).toMatchObject([
    { NetworkInterfaceId: 'eni-a', InstanceId: 'i-a' },
  ]);
  simulator.state.setEni('10.0.0.1', 'eni-b');
  expect(await ids(simulator, lookup)).toEqual(['eni-b']);
  simulator.state.removeEni('10.0.0.1');
  expect(await ids(simulator, lookup)).toEqual([]);
  simulator.state.setEni('10.0.0.1', 'eni-a');
  simulator.state.removeEni('eni-a');
  expect(await ids(simulator, lookup)).toEqual([]);
});

test('an ENI with a prefix is found by the addresses out of it, and lists none of them; configurable', async () => {
  const lookup = { 'PrivateIpAddress.1': '10.0.1.17', 'PrivateIpAddress.2': '10.0.1.18' };
  const simulator = await start();
  simulator.state.setPrefix('10.0.1.16/28', 'eni-p');
  expect(await interfaces(simulator, lookup)).toMatchObject([
    {
      NetworkInterfaceId: 'eni-p',
      PrivateIpSets: { PrivateIpSet: [] },
      Ipv4PrefixSets: { Ipv4PrefixSet: [{ Ipv4Prefix: '10.0.1.16/28' }] },
    },
  ]);
  const other = await start({ findsOutOfPrefix: false });
  other.state.setPrefix('10.0.1.16/28', 'eni-p');
  expect(await ids(other, lookup)).toEqual([]);
});

test('filters narrow one another: VPC, ENI id and instance', async () => {
  const simulator = await start();
  const lookup = { 'PrivateIpAddress.1': '10.0.0.1' };
  expect(await ids(simulator, { ...lookup, VpcId: 'vpc-1' })).toHaveLength(1);
  expect(await ids(simulator, { ...lookup, VpcId: 'vpc-2' })).toEqual([]);
  expect(await ids(simulator, { ...lookup, 'NetworkInterfaceId.1': 'eni-x' })).toEqual([]);
  expect(await ids(simulator, { 'NetworkInterfaceId.1': 'eni-0a000001' })).toEqual(['eni-0a000001']);
  simulator.state.setEni('10.0.0.9', 'eni-9', { instanceId: 'i-9' });
  expect(await ids(simulator, { InstanceId: 'i-9' })).toEqual(['eni-9']);
});

test('with a listed inventory only what was set exists', async () => {
  const simulator = await start({ inventory: 'listed' });
  simulator.state.setEni('10.0.0.1', 'eni-1');
  expect(
    await ids(simulator, { 'PrivateIpAddress.1': '10.0.0.1', 'PrivateIpAddress.2': '10.0.0.2' }),
  ).toEqual(['eni-1']);
});

const addresses = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`PrivateIpAddress.${n + 1}`, `10.0.0.${n + 1}`]),
  );

test('a page of ENIs holds 10 unless asked for more; PageNumber goes on', async () => {
  const simulator = await start();
  const pages = async (params: Record<string, string>) =>
    (await call(simulator, 'DescribeNetworkInterfaces', { ...addresses(25), ...params }, ECS)).json;
  expect(await pages({})).toMatchObject({ PageNumber: 1, PageSize: 10, TotalCount: 25 });
  expect((await pages({ PageNumber: '3' })).NetworkInterfaceSets.NetworkInterfaceSet).toHaveLength(5);
  expect((await pages({ PageSize: '100' })).NetworkInterfaceSets.NetworkInterfaceSet).toHaveLength(25);
});

test('MaxResults and NextToken page through all ENIs exactly once', async () => {
  const simulator = await start();
  const seen: string[] = [];
  let NextToken = '';
  do {
    const params = { ...addresses(25), MaxResults: '10', ...(NextToken ? { NextToken } : {}) };
    const { json } = await call(simulator, 'DescribeNetworkInterfaces', params, ECS);
    seen.push(
      ...json.NetworkInterfaceSets.NetworkInterfaceSet.map(
        (set: { PrivateIpAddress: string }) => set.PrivateIpAddress,
      ),
    );
    NextToken = json.NextToken;
  } while (NextToken);
  expect(seen).toEqual(Object.values(addresses(25)));
});

test('more than 100 addresses in one look-up are refused', async () => {
  const simulator = await start();
  const reply = await call(simulator, 'DescribeNetworkInterfaces', addresses(101), ECS);
  expect(reply).toMatchObject({
    status: 400,
    json: { Code: 'InvalidParameter', HostId: 'ecs.aliyuncs.com' },
  });
});

test('any instance exists unless told otherwise', async () => {
  const simulator = await start();
  simulator.state.removeInstance('i-2');
  simulator.state.setInstance('i-3', 'Stopped');
  const params = { InstanceIds: JSON.stringify(['i-1', 'i-2', 'i-3']) };
  const reply = await call(simulator, 'DescribeInstances', params, ECS);
  expect(reply.json).toMatchObject({
    TotalCount: 2,
    Instances: {
      Instance: [
        { InstanceId: 'i-1', Status: 'Running', VpcAttributes: { VpcId: 'vpc-1' } },
        { InstanceId: 'i-3', Status: 'Stopped' },
      ],
    },
  });
  expect((await call(simulator, 'DescribeInstances', { InstanceIds: 'i-1' }, ECS)).json.Code).toBe(
    'InvalidParameter',
  );
});

test('load balancers are listed by region, id, status and server, in pages', async () => {
  const simulator = await start({ loadBalancers: ['lb-1', 'lb-2', 'lb-3'] });
  simulator.state.addRow('rsp-0', { serverId: 'i-1', port: 80 });
  simulator.state.loadBalancer('lb-3').status = 'inactive';
  const list = async (params: Record<string, string>): Promise<string[]> => {
    const { json } = await call(simulator, 'DescribeLoadBalancers', params);
    return json.LoadBalancers.LoadBalancer.map((lb: { LoadBalancerId: string }) => lb.LoadBalancerId);
  };
  expect(await list({})).toEqual(['lb-1', 'lb-2', 'lb-3']);
  expect(await list({ RegionId: 'cn-beijing' })).toEqual([]);
  expect(await list({ LoadBalancerId: 'lb-1,lb-3' })).toEqual(['lb-1', 'lb-3']);
  expect(await list({ LoadBalancerStatus: 'inactive' })).toEqual(['lb-3']);
  expect(await list({ ServerId: 'i-1' })).toEqual(['lb-1']);
  expect(await list({ PageNumber: '2', PageSize: '2' })).toEqual(['lb-3']);
});

test('a load balancer is described with its listeners; one that does not exist is 404', async () => {
  const simulator = await start();
  simulator.state.addListener('lb-1', { port: 80, protocol: 'tcp' });
  simulator.state.addRow('rsp-0', { serverId: 'i-1', port: 80 });
  const { json } = await call(simulator, 'DescribeLoadBalancerAttribute', { LoadBalancerId: 'lb-1' });
  expect(json).toMatchObject({
    LoadBalancerStatus: 'active',
    ListenerPorts: { ListenerPort: [80] },
    ListenerPortsAndProtocol: { ListenerPortAndProtocol: [{ ListenerPort: 80, ListenerProtocol: 'tcp' }] },
    BackendServers: { BackendServer: [] },
  });
  const missing = await call(simulator, 'DescribeLoadBalancerAttribute', { LoadBalancerId: 'lb-9' });
  expect(missing).toMatchObject({ status: 404, json: { Code: 'InvalidLoadBalancerId.NotFound' } });
});

test('health is told per listener, weight as text; two protocols on a port need ListenerProtocol', async () => {
  const simulator = await start();
  simulator.state.addRow('rsp-0', { serverId: 'i-1', port: 8080, weight: 0 });
  simulator.state.addListener('lb-1', { port: 80, protocol: 'tcp', vServerGroupId: 'rsp-0' });
  simulator.state.addListener('lb-1', { port: 80, protocol: 'udp', vServerGroupId: 'rsp-0' });
  const health = (params: Record<string, string>) =>
    call(simulator, 'DescribeHealthStatus', { LoadBalancerId: 'lb-1', ...params });
  expect((await health({ ListenerPort: '80' })).json.Code).toBe('TooManyListeners');
  simulator.state.group('rsp-0').setHealth(simulator.state.group('rsp-0').rows()[0]!, 'abnormal');
  const one = await health({ ListenerPort: '80', ListenerProtocol: 'udp' });
  expect(one.json.BackendServers.BackendServer).toEqual([
    {
      ListenerPort: 80,
      Protocol: 'udp',
      ServerId: 'i-1',
      ServerIp: '',
      Port: 8080,
      Type: 'ecs',
      Weight: '0',
      ServerHealthStatus: 'abnormal',
    },
  ]);
  expect((await health({})).json.BackendServers.BackendServer).toHaveLength(2);
});
