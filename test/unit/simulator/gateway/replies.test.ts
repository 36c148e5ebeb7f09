import { expect, test } from '@jest/globals';
import { ApiError } from '../../../../simulator/gateway/errors.ts';
import { errorReply, successReply } from '../../../../simulator/gateway/replies.ts';
import { call, exchange, start, write } from '../harness.ts';

const BODY = {
  VServerGroupId: 'rsp-0',
  BackendServers: {
    BackendServer: [
      { ServerId: 'i-1', Port: 80 },
      { ServerId: 'i-<2>&', Port: 81 },
    ],
  },
};

test('JSON success is a flat object', () => {
  const reply = successReply('AddVServerGroupBackendServers', BODY, 'ID', 'JSON');
  expect(JSON.parse(reply.body)).toEqual({ RequestId: 'ID', ...BODY });
  expect(reply.status).toBe(200);
});

test('XML success repeats list elements under a root named after the action', () => {
  const reply = successReply('AddVServerGroupBackendServers', BODY, 'ID', 'XML');
  expect(reply.body).toBe(
    "<?xml version='1.0' encoding='UTF-8'?><AddVServerGroupBackendServersResponse><RequestId>ID</RequestId>" +
      '<VServerGroupId>rsp-0</VServerGroupId><BackendServers>' +
      '<BackendServer><ServerId>i-1</ServerId><Port>80</Port></BackendServer>' +
      '<BackendServer><ServerId>i-&lt;2&gt;&amp;</ServerId><Port>81</Port></BackendServer>' +
      '</BackendServers></AddVServerGroupBackendServersResponse>',
  );
  expect(reply.headers['content-type']).toContain('xml');
});

test('a JSON error holds RequestId, HostId, Code, Message and Recommend', () => {
  const reply = errorReply(new ApiError('Throttling.User', { retryAfterMs: 250 }), 'Slb', 'ID', 'JSON');
  expect(JSON.parse(reply.body)).toEqual({
    RequestId: 'ID',
    HostId: 'slb.aliyuncs.com',
    Code: 'Throttling.User',
    Message: 'Request was denied due to user flow control.',
    Recommend: 'https://api.aliyun.com/troubleshoot?q=Throttling.User&product=Slb&requestId=ID',
  });
  expect(reply).toMatchObject({ status: 400, headers: { 'x-acs-retry-after': '250' } });
});

test('an XML error has the root Error', () => {
  const reply = errorReply(new ApiError('ServiceUnavailable'), 'Ecs', 'ID', 'XML');
  expect(reply.status).toBe(503);
  expect(reply.body).toMatch(
    /^<\?xml.*\?><Error><RequestId>ID<\/RequestId><HostId>ecs.aliyuncs.com<\/HostId><Code>Service/,
  );
});

test('over HTTP the format is the one asked for, in any case; the default can be chosen', async () => {
  const simulator = await start({ defaultFormat: 'XML' });
  const read = (Format: string) =>
    call(simulator, 'DescribeVServerGroupAttribute', { VServerGroupId: 'rsp-0', Format });
  expect((await read('json')).json.VServerGroupId).toBe('rsp-0');
  expect((await read('xml')).text).toContain('<DescribeVServerGroupAttributeResponse>');
  expect((await exchange(simulator.url)).text).toContain('<Code>MissingParameter</Code>');
});

test('every reply has its own upper-case request id, in body, header and journal', async () => {
  const simulator = await start();
  const reply = await write(simulator, 'Remove', [{ ServerId: 'i-1', Port: 80 }]);
  expect(reply.json.RequestId).toMatch(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
  expect(reply.headers['x-acs-request-id']).toBe(reply.json.RequestId);
  expect(simulator.journal[0]?.requestId).toBe(reply.json.RequestId);
});
