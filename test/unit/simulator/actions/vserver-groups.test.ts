import { expect, test } from '@jest/globals';
import { call, eni, start, write } from '../harness.ts';

const ROW = { ServerId: 'eni-1', ServerIp: '10.0.0.1', Port: 80, Weight: 100, Type: 'eni' };
const many = (count: number, port = 80) => Array.from({ length: count }, (_, n) => eni(n + 1, port));
const rows = (reply: { json: { BackendServers: { BackendServer: unknown[] } } }) =>
  reply.json.BackendServers.BackendServer;

test('Add replies with everything that is in the group after it, with defaults filled in', async () => {
  const simulator = await start();
  await write(simulator, 'Add', [eni(1)]);
  const reply = await write(simulator, 'Add', [
    { ServerId: 'i-1', Port: '443', Weight: 0, Description: 'a/b' },
  ]);
  expect(reply.json).toEqual({
    RequestId: expect.stringMatching(/^[0-9A-F-]{36}$/),
    VServerGroupId: 'rsp-0',
    BackendServers: {
      BackendServer: [ROW, { ServerId: 'i-1', Port: 443, Weight: 0, Type: 'ecs', Description: 'a/b' }],
    },
  });
});

test('Remove replies with the backends left, and an empty list when none is', async () => {
  const simulator = await start();
  await write(simulator, 'Add', [eni(1), eni(2)]);
  expect(rows(await write(simulator, 'Remove', [eni(2)]))).toEqual([ROW]);
  expect(rows(await write(simulator, 'Remove', [eni(1)]))).toEqual([]);
});

test('Remove ignores backends that are not in the group, so it can be repeated', async () => {
  const simulator = await start();
  await write(simulator, 'Add', [eni(1), eni(2)]);
  for (let n = 0; n < 2; n++) {
    const reply = await write(simulator, 'Remove', [eni(2), { ServerId: 'i-unknown', Port: 1 }]);
    expect(reply.status).toBe(200);
    expect(rows(reply)).toEqual([ROW]);
  }
});

test('weight and description play no part in what Remove matches; port, address and type do', async () => {
  const simulator = await start();
  await write(simulator, 'Add', [eni(1)]);
  await write(simulator, 'Remove', [
    eni(1, 81),
    { ...eni(1), ServerIp: '10.0.0.9' },
    { ServerId: 'eni-1', Port: 80 },
  ]);
  expect(simulator.state.group('rsp-0').rows()).toHaveLength(1);
  await write(simulator, 'Remove', [{ ...eni(1), Weight: 7, Description: 'other' }]);
  expect(simulator.state.group('rsp-0').rows()).toHaveLength(0);
});

test('loose matching removes an ENI row without address or type', async () => {
  const simulator = await start({ removeMatch: 'loose' });
  await write(simulator, 'Add', [eni(1), { ...eni(1), ServerIp: '10.0.0.2' }]);
  await write(simulator, 'Remove', [{ ServerId: 'eni-1', Port: 80 }]);
  expect(simulator.state.group('rsp-0').rows()).toEqual([]);
});

test('one ENI with two addresses is two rows', async () => {
  const simulator = await start();
  const reply = await write(simulator, 'Add', [eni(1), { ...eni(1), ServerIp: '10.0.0.2' }]);
  expect(rows(reply)).toHaveLength(2);
});

test.each(['Add', 'Remove'] as const)('%s takes 20 backends a call and refuses 21', async (verb) => {
  const simulator = await start();
  expect((await write(simulator, verb, many(20))).status).toBe(200);
  const refused = await write(simulator, verb, many(21));
  expect(refused).toMatchObject({ status: 400, json: { Code: 'TooManyBackendServers' } });
  expect(refused.json.Message).toContain('max supported number: 20');
});

test('the limit can be 40', async () => {
  const simulator = await start({ maxBackendsPerCall: 40 });
  expect(rows(await write(simulator, 'Add', many(40)))).toHaveLength(40);
});

test('an Add of a row that is there keeps the row as it is', async () => {
  const simulator = await start();
  await write(simulator, 'Add', [eni(1)]);
  expect(rows(await write(simulator, 'Add', [{ ...eni(1), Weight: 5, Description: 'new' }]))).toEqual([ROW]);
});

test('an Add of a row that is there, and a row named twice, can be errors', async () => {
  const simulator = await start({ alreadyAttached: 'error', duplicatesInCall: 'error' });
  await write(simulator, 'Add', [eni(1)]);
  expect((await write(simulator, 'Add', [eni(2), eni(1)])).json.Code).toBe('InvalidParameter');
  expect((await write(simulator, 'Add', [eni(3), eni(3)])).json.Code).toBe('InvalidParameter');
  expect(simulator.state.group('rsp-0').rows()).toHaveLength(1);
});

test('a row named twice in one call counts once, the first', async () => {
  const simulator = await start();
  const reply = await write(simulator, 'Add', [
    { ...eni(1), Weight: 1 },
    { ...eni(1), Weight: 2 },
  ]);
  expect(rows(reply)).toEqual([{ ...ROW, Weight: 1 }]);
});

test('the quota counts all groups of the load balancer, and nothing of a refused call is added', async () => {
  const simulator = await start({ groups: ['rsp-0', 'rsp-1'], backendsPerLoadBalancer: 3 });
  await write(simulator, 'Add', many(2));
  const refused = await write(simulator, 'Add', many(2), 'rsp-1');
  expect(refused).toMatchObject({ status: 400, json: { Code: 'InstanceBackendServerNumberOverLimit' } });
  expect(simulator.state.group('rsp-1').rows()).toEqual([]);
  await write(simulator, 'Remove', [eni(1)]);
  expect((await write(simulator, 'Add', many(2), 'rsp-1')).status).toBe(200);
});

test.each([
  ['an instance that does not exist', [{ ServerId: 'i-gone', Port: 80 }], 'InvalidServerId.NotFound', 404],
  ['an ENI id given as an instance', [{ ServerId: 'eni-1', Port: 80 }], 'InvalidServerId.NotFound', 404],
  ['an instance that is stopped', [{ ServerId: 'i-stopped', Port: 80 }], 'ObtainIpFail', 400],
  ['an ENI that does not exist', [eni(9)], 'ResourceNotFound.vServers', 404],
  ['an ENI that lost the address', [eni(8)], 'ResourceNotFound.vServers', 404],
])('Add refuses %s, together with the good backends of the call', async (_, bad, code, status) => {
  const simulator = await start();
  simulator.state.removeInstance('i-gone');
  simulator.state.setInstance('i-stopped', 'Stopped');
  simulator.state.removeEni('eni-9');
  simulator.state.setEni('10.0.0.8', 'eni-other');
  expect(await write(simulator, 'Add', [eni(1), ...bad])).toMatchObject({ status, json: { Code: code } });
  expect(simulator.state.group('rsp-0').rows()).toEqual([]);
  expect((await write(simulator, 'Remove', bad)).status).toBe(200);
});

test('Remove can be made to fail for backends that are gone', async () => {
  const simulator = await start({ obtainIpFailOnRemove: true });
  simulator.state.removeInstance('i-1');
  expect((await write(simulator, 'Remove', [{ ServerId: 'i-1', Port: 80 }])).json.Code).toBe('ObtainIpFail');
});

test('a missing group is InvalidParameter with HTTP 404 in every action on it', async () => {
  const simulator = await start();
  const actions = ['Add', 'Remove', 'Modify'].map((verb) => `${verb}VServerGroupBackendServers`);
  for (const action of [
    ...actions,
    'SetVServerGroupAttribute',
    'DescribeVServerGroupAttribute',
    'DeleteVServerGroup',
  ]) {
    const params = { VServerGroupId: 'rsp-9', BackendServers: JSON.stringify([eni(1)]) };
    expect(await call(simulator, action, params)).toMatchObject({
      status: 404,
      json: { Code: 'InvalidParameter', Message: 'The specified VServerGroupId does not exist.' },
    });
  }
});

test('another region is InvalidParameter', async () => {
  const simulator = await start();
  const params = { VServerGroupId: 'rsp-0', RegionId: 'cn-beijing' };
  expect((await call(simulator, 'DescribeVServerGroupAttribute', params)).json).toMatchObject({
    Code: 'InvalidParameter',
    Message: 'The specified RegionId is invalid.',
  });
});

test.each(['RegionId', 'VServerGroupId', 'BackendServers'])(
  'Remove without %s is MissingParameter',
  async (name) => {
    const simulator = await start();
    const params = { VServerGroupId: 'rsp-0', BackendServers: JSON.stringify([eni(1)]), [name]: '' };
    const reply = await call(simulator, 'RemoveVServerGroupBackendServers', params);
    expect(reply.json).toMatchObject({
      Code: 'MissingParameter',
      Message: expect.stringContaining(`"${name}"`),
    });
  },
);

test('an empty list of backends is refused, or accepted if told so', async () => {
  const strict = await start();
  expect((await write(strict, 'Add', '[]')).status).toBe(400);
  const lax = await start({ emptyBackendServers: 'accept' });
  expect((await write(lax, 'Add', '[]')).status).toBe(200);
  expect((await write(lax, 'Add', '')).status).toBe(200);
});

test('numbers in replies can be strings, as in older samples', async () => {
  const simulator = await start({ numbersAsStrings: true });
  expect(rows(await write(simulator, 'Add', [eni(1)]))).toEqual([{ ...ROW, Port: '80', Weight: '100' }]);
});

test('SetVServerGroupAttribute changes name, weight and description, and neither adds nor removes', async () => {
  const simulator = await start();
  await write(simulator, 'Add', [{ ...eni(1), Description: 'mine' }, eni(2)]);
  const reply = await call(simulator, 'SetVServerGroupAttribute', {
    VServerGroupId: 'rsp-0',
    VServerGroupName: 'web',
    BackendServers: JSON.stringify([
      { ...eni(1), Weight: 0 },
      { ...eni(3), Weight: 5 },
    ]),
  });
  expect(reply.json.VServerGroupName).toBe('web');
  expect(rows(reply)).toEqual([
    { ...ROW, Weight: 0, Description: 'mine' },
    { ...ROW, ServerId: 'eni-2', ServerIp: '10.0.0.2' },
  ]);
});

test('SetVServerGroupAttribute with neither name nor backends is MissingParameter', async () => {
  const simulator = await start();
  const reply = await call(simulator, 'SetVServerGroupAttribute', { VServerGroupId: 'rsp-0' });
  expect(reply.json.Code).toBe('MissingParameter');
});

test('ModifyVServerGroupBackendServers swaps old for new in one step, also when the load balancer is full', async () => {
  const simulator = await start({ backendsPerLoadBalancer: 2 });
  await write(simulator, 'Add', [eni(1), eni(2)]);
  const reply = await call(simulator, 'ModifyVServerGroupBackendServers', {
    VServerGroupId: 'rsp-0',
    OldBackendServers: JSON.stringify([eni(1), eni(7)]),
    NewBackendServers: JSON.stringify([eni(3)]),
  });
  expect(rows(reply)).toMatchObject([{ ServerId: 'eni-2' }, { ServerId: 'eni-3' }]);
  expect(simulator.state.loadBalancer('lb-1').backendCount).toBe(2);
});

test('ModifyVServerGroupBackendServers refuses a backend named twice', async () => {
  const simulator = await start({ duplicatesInCall: 'error' });
  const params = { VServerGroupId: 'rsp-0', NewBackendServers: JSON.stringify([eni(1), eni(1)]) };
  expect((await call(simulator, 'ModifyVServerGroupBackendServers', params)).json.Code).toBe(
    'InvalidParameter',
  );
});

test('a group is created empty or with backends, described, listed and deleted', async () => {
  const simulator = await start();
  const params = { LoadBalancerId: 'lb-1', VServerGroupName: 'web', 'Tag.1.Key': 'k', 'Tag.1.Value': 'v' };
  await call(simulator, 'CreateVServerGroup', { LoadBalancerId: 'lb-1' });
  const created = await call(simulator, 'CreateVServerGroup', {
    ...params,
    BackendServers: JSON.stringify([eni(1)]),
  });
  expect(created.json.VServerGroupId).toMatch(/^rsp-/);
  const VServerGroupId: string = created.json.VServerGroupId;
  expect((await call(simulator, 'DescribeVServerGroupAttribute', { VServerGroupId })).json).toMatchObject({
    VServerGroupName: 'web',
    LoadBalancerId: 'lb-1',
    CreateTime: expect.stringMatching(/Z$/),
    Tags: { Tag: [{ TagKey: 'k', TagValue: 'v' }] },
    BackendServers: { BackendServer: [ROW] },
  });
  const list = async (filter: Record<string, string>): Promise<string[]> => {
    const reply = await call(simulator, 'DescribeVServerGroups', { LoadBalancerId: 'lb-1', ...filter });
    return reply.json.VServerGroups.VServerGroup.map(
      (group: { VServerGroupId: string }) => group.VServerGroupId,
    );
  };
  expect(await list({})).toHaveLength(3);
  expect(await list({ Description: 'web' })).toEqual([VServerGroupId]);
  expect(await list({ 'Tag.1.Key': 'k' })).toEqual([VServerGroupId]);
  expect((await call(simulator, 'DeleteVServerGroup', { VServerGroupId })).status).toBe(200);
  expect(await list({})).toHaveLength(2);
  expect(simulator.state.loadBalancer('lb-1').backendCount).toBe(0);
});

test('a group that a listener or a rule uses cannot be deleted', async () => {
  const simulator = await start({ groups: ['rsp-0', 'rsp-1'] });
  const rules = [{ id: 'rule-1', name: 'r', domain: 'a.example', url: '/x', vServerGroupId: 'rsp-1' }];
  simulator.state.addListener('lb-1', { port: 80, protocol: 'http', vServerGroupId: 'rsp-0', rules });
  const code = async (VServerGroupId: string) =>
    (await call(simulator, 'DeleteVServerGroup', { VServerGroupId })).json.Code;
  expect(await code('rsp-0')).toBe('RspoolVipExist');
  expect(await code('rsp-1')).toBe('RspoolRuleExist');
  const listed = await call(simulator, 'DescribeVServerGroups', {
    LoadBalancerId: 'lb-1',
    IncludeListener: 'true',
    IncludeRule: 'true',
  });
  expect(listed.json.VServerGroups.VServerGroup).toMatchObject([
    {
      ServerCount: 0,
      AssociatedObjects: { Listeners: { Listener: [{ Port: 80, Protocol: 'http' }] }, Rules: { Rule: [] } },
    },
    { AssociatedObjects: { Rules: { Rule: [{ RuleId: 'rule-1', Domain: 'a.example', Url: '/x' }] } } },
  ]);
});

test('a load balancer that is not active takes no writes', async () => {
  const simulator = await start();
  simulator.state.loadBalancer('lb-1').status = 'locked';
  expect((await write(simulator, 'Remove', [eni(1)])).json.Code).toBe('LbStatusNotSupport');
});

test('after a write the group is busy for a while: writes are refused, reads and other groups are not', async () => {
  let now = Date.now();
  const simulator = await start({ groups: ['rsp-0', 'rsp-1'], busyMs: 50, now: () => now });
  await write(simulator, 'Add', [eni(1)]);
  expect(await write(simulator, 'Remove', [eni(1)])).toMatchObject({
    status: 400,
    json: { Code: 'VServerGroupProcessing' },
  });
  expect((await write(simulator, 'Add', [eni(1)], 'rsp-1')).status).toBe(200);
  expect((await call(simulator, 'DescribeVServerGroupAttribute', { VServerGroupId: 'rsp-0' })).status).toBe(
    200,
  );
  now += 50;
  expect((await write(simulator, 'Remove', [eni(1)])).status).toBe(200);
});

test('the load balancer can be busy as a whole, with the code of choice', async () => {
  let now = Date.now();
  const simulator = await start({ groups: ['rsp-0', 'rsp-1'], loadBalancerBusyMs: 50, now: () => now });
  await write(simulator, 'Add', [eni(1)]);
  expect(await write(simulator, 'Add', [eni(1)], 'rsp-1')).toMatchObject({
    status: 409,
    json: { Code: 'BackendServer.configuring' },
  });
  now += 50;
  simulator.state.setBusy('rsp-1', 10);
  expect((await write(simulator, 'Add', [eni(1)], 'rsp-1')).json.Code).toBe('VServerGroupProcessing');
});

test('10,000 rows in one group are added and removed by the call without slowing down', async () => {
  const simulator = await start({ backendsPerLoadBalancer: 0 });
  for (let n = 0; n < 10_000; n++) simulator.state.addRow('rsp-0', { serverId: `i-${n}`, port: 80 });
  const reply = await write(
    simulator,
    'Remove',
    Array.from({ length: 20 }, (_, n) => ({ ServerId: `i-${n}`, Port: 80 })),
  );
  expect(rows(reply)).toHaveLength(9_980);
  expect(simulator.state.loadBalancer('lb-1').backendCount).toBe(9_980);
});
