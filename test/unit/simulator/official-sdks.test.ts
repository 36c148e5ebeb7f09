import ClientOfV2, { Config, OpenApiRequest, Params } from '@alicloud/openapi-client';
import ClientOfCore, { $OpenApiUtil } from '@alicloud/openapi-core';
import { describe, expect, test } from '@jest/globals';
import { start } from './harness.ts';

// The generated SDKs (such as @alicloud/slb20140515) consist of a name and parameters for callApi.
type Query = Readonly<Record<string, string>>;
type Call = (
  action: string,
  query: Query,
) => Promise<{ readonly body?: unknown; readonly statusCode?: number }>;
type Connect = (url: string, secret?: string) => Call;

const rpc = (action: string) => ({
  action,
  version: '2014-05-15',
  protocol: 'HTTP',
  pathname: '/',
  method: 'POST',
  authType: 'AK',
  style: 'RPC',
  reqBodyType: 'formData',
  bodyType: 'json',
});

const config = (url: string, accessKeySecret: string) => ({
  accessKeyId: 'testid',
  accessKeySecret,
  regionId: 'cn-hangzhou',
  endpoint: new URL(url).host,
  protocol: 'http',
});

const v2 =
  (signature: object): Connect =>
  (url, secret = 'testsecret') => {
    const client = new ClientOfV2.default(new Config({ ...config(url, secret), ...signature }));
    return (action, query) =>
      client.callApi(new Params(rpc(action)), new OpenApiRequest({ query }), {} as never);
  };

const core: Connect = (url, secret = 'testsecret') => {
  const client = new ClientOfCore.default(new $OpenApiUtil.Config(config(url, secret)));
  return (action, query) =>
    client.callApi(
      new $OpenApiUtil.Params(rpc(action)),
      new $OpenApiUtil.OpenApiRequest({ query }),
      {} as never,
    );
};

const GROUP = { RegionId: 'cn-hangzhou', VServerGroupId: 'rsp-0' };
const READ = 'DescribeVServerGroupAttribute';
const ROW = { ServerId: 'eni-1', ServerIp: '10.0.0.1', Port: 80, Type: 'eni', Description: 'k8s/shop/web' };

describe.each<[name: string, signature: string, connect: Connect]>([
  ['@alicloud/openapi-client', 'ACS3-HMAC-SHA256', v2({})],
  ['@alicloud/openapi-client, signatureAlgorithm v2', 'HMAC-SHA1', v2({ signatureAlgorithm: 'v2' })],
  ['@alicloud/openapi-core', 'ACS3-HMAC-SHA256', core],
])('%s, signing with %s', (_, signature, connect) => {
  test('adds, reads, sets and removes', async () => {
    const simulator = await start();
    const call = connect(simulator.url);
    const rows = (weight: number) => JSON.stringify([{ ...ROW, Weight: weight }]);
    const replies = [
      await call('AddVServerGroupBackendServers', { ...GROUP, BackendServers: rows(20) }),
      await call(READ, GROUP),
      await call('SetVServerGroupAttribute', { ...GROUP, BackendServers: rows(0) }),
      await call('RemoveVServerGroupBackendServers', { ...GROUP, BackendServers: rows(0) }),
    ];
    expect(replies.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
    expect(replies.map(({ body }) => body)).toMatchObject([
      { BackendServers: { BackendServer: [{ ServerId: 'eni-1', Weight: 20 }] } },
      { BackendServers: { BackendServer: [{ ...ROW, Weight: 20 }] } },
      { BackendServers: { BackendServer: [{ ServerId: 'eni-1', Weight: 0 }] } },
      { BackendServers: { BackendServer: [] } },
    ]);
    expect(simulator.journal.map(({ code, accessKeyId }) => [code, accessKeyId])).toEqual(
      Array(4).fill(['OK', 'testid']),
    );
  });

  test('makes, starts, lists and deletes a listener', async () => {
    const simulator = await start({ listenerPorts: 'any' });
    const call = connect(simulator.url);
    const listener = { RegionId: 'cn-hangzhou', LoadBalancerId: 'lb-1', ListenerPort: '80' };
    await call('CreateLoadBalancerTCPListener', { ...listener, Bandwidth: '-1', VServerGroupId: 'rsp-0' });
    await call('StartLoadBalancerListener', listener);
    const list = { RegionId: 'cn-hangzhou', 'LoadBalancerId.1': 'lb-1' };
    expect((await call('DescribeLoadBalancerListeners', list)).body).toMatchObject({
      TotalCount: 1,
      Listeners: [{ ListenerPort: 80, ListenerProtocol: 'tcp', Status: 'running' }],
    });
    await call('DeleteLoadBalancerListener', listener);
    expect((await call('DescribeLoadBalancerListeners', list)).body).toMatchObject({ Listeners: [] });
  });

  test('tells its caller code and message of an error', async () => {
    const simulator = await start();
    const reply = connect(simulator.url)(READ, { ...GROUP, VServerGroupId: 'rsp-9' });
    await expect(reply).rejects.toMatchObject({
      code: 'InvalidParameter',
      message: expect.stringContaining('The specified VServerGroupId does not exist.'),
    });
  });

  test('is refused with a wrong secret, by that signature', async () => {
    const simulator = await start();
    const signed =
      signature === 'HMAC-SHA1' ? 'SignatureMethod%3DHMAC-SHA1' : `StringToSign is [${signature} `;
    await expect(connect(simulator.url, 'other')(READ, GROUP)).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
      message: expect.stringContaining(signed),
    });
  });
});
