import RPCClient from '@alicloud/pop-core';
import { expect, test } from '@jest/globals';
import { exchange, signAcs3, signRpc, start } from './harness.ts';

const ROWS = JSON.stringify([{ ServerId: 'i-1', Port: 80 }]);
const ADD = 'AddVServerGroupBackendServers';
const PARAMS = { VServerGroupId: 'rsp-0', BackendServers: ROWS };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

const ways: [name: string, send: (url: string) => ReturnType<typeof exchange>][] = [
  [
    'pop-core by default: GET, everything in the query',
    (url) => exchange(url, { path: `/?${signRpc(ADD, PARAMS, { method: 'GET' })}` }),
  ],
  [
    'pop-core with method POST: everything in the form body',
    (url) => exchange(url, { method: 'POST', headers: FORM, body: signRpc(ADD, PARAMS).toString() }),
  ],
  [
    'pop-core with method post: POST, everything in the query, no body',
    (url) => exchange(url, { method: 'POST', path: `/?${signRpc(ADD, PARAMS)}` }),
  ],
  [
    'Go SDK V1 and aliyun CLI: POST, query, a form content-type without a form, an empty SignatureType',
    (url) =>
      exchange(url, {
        method: 'POST',
        path: `/?${signRpc(ADD, { ...PARAMS, SignatureType: '' })}`,
        headers: { ...FORM, 'x-acs-credentials-provider': 'static' },
      }),
  ],
  [
    'Python SDK V1: POST, query, no content-type, an empty SignatureType',
    (url) => exchange(url, { method: 'POST', path: `/?${signRpc(ADD, { ...PARAMS, SignatureType: '' })}` }),
  ],
  [
    'SDK V2 with signature_algorithm v2: Format in lower case',
    (url) => exchange(url, { method: 'POST', path: `/?${signRpc(ADD, { ...PARAMS, Format: 'json' })}` }),
  ],
  [
    'SDK V2: ACS3 headers, business parameters in the query of a POST',
    (url) => {
      const query = new URLSearchParams({ RegionId: 'cn-hangzhou', ...PARAMS });
      const headers = signAcs3(url, query, { 'x-acs-action': ADD });
      return exchange(url, { method: 'POST', path: `/?${query}`, headers });
    },
  ],
  [
    'tea-rpc (Terraform): common parameters in the query, business parameters in the form body',
    (url) => {
      const all = signRpc(ADD, PARAMS);
      const body = new URLSearchParams();
      for (const name of Object.keys(PARAMS)) {
        body.set(name, all.get(name) ?? '');
        all.delete(name);
      }
      return exchange(url, { method: 'POST', path: `/?${all}`, headers: FORM, body: body.toString() });
    },
  ],
];

test.each(ways)('accepts %s', async (_, send) => {
  const simulator = await start();
  const reply = await send(simulator.url);
  expect(reply.json).toMatchObject({ VServerGroupId: 'rsp-0' });
  expect(simulator.state.group('rsp-0').rows()).toHaveLength(1);
  expect(simulator.journal[0]).toMatchObject({ action: ADD, code: 'OK', accessKeyId: 'testid' });
});

test('ignores unknown parameters and reads repeat lists', async () => {
  const simulator = await start();
  const params = {
    LoadBalancerId: 'lb-1',
    'Tag.1.Key': 'team',
    'Tag.1.Value': 'a b',
    OwnerId: '1',
    ResourceOwnerAccount: 'x',
    access_key_id: 'y',
    SourceIp: '1.2.3.4',
  };
  const created = await exchange(simulator.url, {
    path: `/?${signRpc('CreateVServerGroup', params, { method: 'GET' })}`,
  });
  expect(simulator.state.group(created.json.VServerGroupId).tags).toEqual([{ key: 'team', value: 'a b' }]);
});

test.each(['GET', 'POST', 'post'])('serves the real pop-core client with method %s', async (method) => {
  const simulator = await start();
  const client = new RPCClient({
    endpoint: simulator.url,
    apiVersion: '2014-05-15',
    accessKeyId: 'testid',
    accessKeySecret: 'testsecret',
  });
  const request = (action: string, params: object): Promise<unknown> =>
    client.request(action, { RegionId: 'cn-hangzhou', VServerGroupId: 'rsp-0', ...params }, { method });
  try {
    await request(ADD, { BackendServers: "[{'ServerId':'i-1','Port':'80'}]" });
    await expect(request('DescribeVServerGroupAttribute', {})).resolves.toMatchObject({
      BackendServers: { BackendServer: [{ ServerId: 'i-1', Port: 80, Weight: 100, Type: 'ecs' }] },
    });
    await expect(request('DescribeVServerGroupAttribute', { VServerGroupId: 'rsp-9' })).rejects.toMatchObject(
      {
        code: 'InvalidParameter',
        data: { Message: 'The specified VServerGroupId does not exist.' },
      },
    );
  } finally {
    (client as unknown as { keepAliveAgent: { destroy(): void } }).keepAliveAgent.destroy();
  }
});

test('serves the ECS look-up to pop-core on the same port, told apart by the version', async () => {
  const simulator = await start();
  const client = new RPCClient({
    endpoint: simulator.url,
    apiVersion: '2014-05-26',
    accessKeyId: 'testid',
    accessKeySecret: 'testsecret',
  });
  const params = { RegionId: 'cn-hangzhou', PrivateIpAddress: ['10.0.0.1', '10.0.0.2'] };
  const reply = await client.request('DescribeNetworkInterfaces', params, { method: 'POST' });
  expect(reply).toMatchObject({ TotalCount: 2 });
  (client as unknown as { keepAliveAgent: { destroy(): void } }).keepAliveAgent.destroy();
});
