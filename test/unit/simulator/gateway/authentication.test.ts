import { expect, test } from '@jest/globals';
import { call, exchange, signAcs3, signRpc, start, timestamp } from '../harness.ts';

const READ = 'DescribeVServerGroupAttribute';
const PARAMS = { VServerGroupId: 'rsp-0' };

test('an unknown access key is 404, before anything else is looked at', async () => {
  const simulator = await start();
  const reply = await call(simulator, 'Nonsense', { Timestamp: 'x' }, { id: 'nobody' });
  expect(reply).toMatchObject({ status: 404, json: { Code: 'InvalidAccessKeyId.NotFound' } });
});

test('a disabled key is refused', async () => {
  const simulator = await start({ accessKeys: [{ id: 'testid', secret: 'testsecret', disabled: true }] });
  expect((await call(simulator, READ, PARAMS)).json.Code).toBe('InvalidAccessKeyId.Inactive');
});

test('a wrong secret is refused with the string that was to be signed', async () => {
  const simulator = await start();
  const reply = await call(simulator, READ, PARAMS, { secret: 'other' });
  expect(reply).toMatchObject({ status: 400, json: { Code: 'SignatureDoesNotMatch' } });
  expect(reply.json.Message).toContain('server string to sign is:POST&%2F&AccessKeyId%3Dtestid');
});

test('a wrong secret with ACS3 is refused with the hash that was to be signed', async () => {
  const simulator = await start();
  const query = new URLSearchParams({ RegionId: 'cn-hangzhou', ...PARAMS });
  const headers = signAcs3(simulator.url, query, { 'x-acs-action': READ }, '', 'other');
  const reply = await exchange(simulator.url, { method: 'POST', path: `/?${query}`, headers });
  expect(reply.json.Message).toMatch(/server StringToSign is \[ACS3-HMAC-SHA256 [0-9a-f]{64}\]/);
});

test('an ACS3 body that is not the one declared is refused', async () => {
  const simulator = await start();
  const query = new URLSearchParams({ RegionId: 'cn-hangzhou', ...PARAMS });
  const headers = signAcs3(simulator.url, query, { 'x-acs-action': READ });
  const reply = await exchange(simulator.url, { method: 'POST', path: `/?${query}`, headers, body: 'a=b' });
  expect(reply.json.Code).toBe('SignatureDoesNotMatch');
});

test('an Authorization header without a signature is incomplete', async () => {
  const simulator = await start();
  const headers = { authorization: 'ACS3-HMAC-SHA256 Credential=testid' };
  expect((await exchange(simulator.url, { method: 'POST', headers })).json.Code).toBe('IncompleteSignature');
});

test('a parameter changed after signing is noticed, wherever it is', async () => {
  const simulator = await start();
  const signed = signRpc(READ, PARAMS, { method: 'GET' });
  signed.set('VServerGroupId', 'rsp-1');
  expect((await exchange(simulator.url, { path: `/?${signed}` })).json.Code).toBe('SignatureDoesNotMatch');
});

test('a nonce counts once per key', async () => {
  const simulator = await start();
  const query = signRpc(READ, PARAMS, { method: 'GET' });
  expect((await exchange(simulator.url, { path: `/?${query}` })).status).toBe(200);
  const again = await exchange(simulator.url, { path: `/?${query}` });
  expect(again).toMatchObject({ status: 400, json: { Code: 'SignatureNonceUsed' } });
});

test('a request from another hour is expired, one from 14 minutes ago is not', async () => {
  const simulator = await start();
  const at = (minutes: number) =>
    call(simulator, READ, { ...PARAMS, Timestamp: timestamp(Date.now() - minutes * 60_000) });
  expect((await at(14)).status).toBe(200);
  expect((await at(60)).json.Code).toBe('InvalidTimeStamp.Expired');
  expect((await at(-60)).json.Code).toBe('InvalidTimeStamp.Expired');
});

test('the window is configurable', async () => {
  const simulator = await start({ clockSkewMs: 31 * 60_000 });
  const reply = await call(simulator, READ, { ...PARAMS, Timestamp: timestamp(Date.now() - 30 * 60_000) });
  expect(reply.status).toBe(200);
});

test.each(['2026-01-02T03:04:05.678Z', '2026-01-02 03:04:05', 'now'])(
  'the time stamp %s is badly formatted',
  async (Timestamp) => {
    const simulator = await start();
    expect((await call(simulator, READ, { ...PARAMS, Timestamp })).json.Code).toBe('InvalidTimeStamp.Format');
  },
);

test.each(['SignatureNonce', 'AccessKeyId', 'Timestamp', 'Signature'])(
  'without %s the request is refused',
  async (name) => {
    const simulator = await start();
    const signed = signRpc(READ, PARAMS, { method: 'GET' });
    signed.delete(name);
    const reply = await exchange(simulator.url, { path: `/?${signed}` });
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.json.Code).toMatch(/^(MissingParameter|InvalidAccessKeyId.NotFound)$/);
  },
);

const STS = { id: 'testid', secret: 'testsecret', securityToken: 'token-1' };

test('an STS key is valid with its token only', async () => {
  const simulator = await start({ accessKeys: [STS] });
  const code = async (params: Record<string, string>) =>
    (await call(simulator, READ, { ...PARAMS, ...params })).json.Code;
  expect(await code({ SecurityToken: 'token-1' })).toBeUndefined();
  expect(await code({})).toBe('MissingSecurityToken');
  expect(await code({ SecurityToken: 'token-0' })).toBe('InvalidSecurityToken.MismatchWithAccessKey');
});

test('a token is accepted until it expires, and its successor after that', async () => {
  let now = Date.now();
  const simulator = await start({ accessKeys: [{ ...STS, expiresAt: now + 1000 }], now: () => now });
  const read = async (SecurityToken: string) =>
    (await call(simulator, READ, { ...PARAMS, SecurityToken })).json.Code;
  expect(await read('token-1')).toBeUndefined();
  now += 1000;
  expect(await read('token-1')).toBe('InvalidSecurityToken.Expired');
  simulator.accessKeys.set({ ...STS, securityToken: 'token-2' });
  expect(await read('token-2')).toBeUndefined();
  simulator.accessKeys.expire('testid');
  expect(await read('token-2')).toBe('InvalidSecurityToken.Expired');
  simulator.accessKeys.remove('testid');
  expect(await read('token-2')).toBe('InvalidAccessKeyId.NotFound');
});

test('unknown actions, versions and methods are refused after the signature was checked', async () => {
  const simulator = await start();
  expect(await call(simulator, 'Nonsense')).toMatchObject({
    status: 404,
    json: { Code: 'InvalidAction.NotFound' },
  });
  expect((await call(simulator, READ, {}, { version: '2014-05-26' })).json.Code).toBe(
    'InvalidAction.NotFound',
  );
  expect((await call(simulator, READ, {}, { version: '2020-01-01' })).json.Code).toBe('InvalidVersion');
  expect((await exchange(simulator.url, { method: 'PUT' })).json.Code).toBe('UnsupportedHTTPMethod');
});

test('RAM denials match action and load balancer, also when only the group is named', async () => {
  const simulator = await start({
    loadBalancers: ['lb-1', 'lb-2'],
    groups: ['rsp-0', { id: 'rsp-2', loadBalancer: 'lb-2' }],
    denials: [{ action: READ, loadBalancer: 'lb-2' }],
  });
  expect((await call(simulator, READ, { VServerGroupId: 'rsp-0' })).status).toBe(200);
  const denied = await call(simulator, READ, { VServerGroupId: 'rsp-2' });
  expect(denied).toMatchObject({ status: 403, json: { Code: 'Forbidden.RAM' } });
  simulator.ram.allowAll();
  expect((await call(simulator, READ, { VServerGroupId: 'rsp-2' })).status).toBe(200);
});

test('calls beyond the rate of a key are throttled with HTTP 400 until tokens are back', async () => {
  let now = Date.now();
  const simulator = await start({ qps: 2, now: () => now });
  const read = async () => call(simulator, READ, PARAMS);
  expect([(await read()).status, (await read()).status]).toEqual([200, 200]);
  const refused = await read();
  expect(refused).toMatchObject({ status: 400, json: { Code: 'Throttling.User' } });
  expect(refused.headers['x-acs-retry-after']).toBeUndefined();
  now += 500;
  expect((await read()).status).toBe(200);
});

test('an action can have a rate of its own, and say when to come back', async () => {
  const now = Date.now();
  const simulator = await start({
    ratePerAction: { [READ]: { qps: 1 } },
    throttleRetryAfter: true,
    now: () => now,
  });
  await call(simulator, READ, PARAMS);
  const refused = await call(simulator, READ, PARAMS);
  expect(refused).toMatchObject({ status: 400, json: { Code: 'Throttling.Api' } });
  expect(refused.headers['x-acs-retry-after']).toBe('1000');
  expect((await call(simulator, 'DescribeVServerGroups', { LoadBalancerId: 'lb-1' })).status).toBe(200);
});
