import { expect, test } from '@jest/globals';
import { parseRequest } from '../../../../simulator/gateway/request.ts';
import {
  acs3Signature,
  acs3StringToSign,
  parseAcs3Authorization,
} from '../../../../simulator/gateway/signature-acs3.ts';
import { percentEncode, rpcSignature, rpcStringToSign } from '../../../../simulator/gateway/signature-rpc.ts';

// The example from the RPC signature page.
const DESCRIBE_REGIONS = {
  AccessKeyId: 'testid',
  Action: 'DescribeRegions',
  Format: 'XML',
  SignatureMethod: 'HMAC-SHA1',
  SignatureNonce: '3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf',
  SignatureVersion: '1.0',
  Version: '2014-05-26',
};

test.each([
  ['Timestamp', 'OLeaidS1JvxuMvnyHOwuJ+uX5qY='],
  ['TimeStamp', 'CT9X0VtwR86fNWSnsc6v8YGOjuE='],
])('RPC: the documented request with the spelling %s signs to the documented value', (name, expected) => {
  const params = new Map(
    Object.entries({ ...DESCRIBE_REGIONS, [name]: '2016-02-23T12:46:24Z', Signature: 'ignored' }),
  );
  expect(rpcSignature(rpcStringToSign('GET', params), 'testsecret')).toBe(expected);
});

test('RPC: the encoding is that of RFC 3986', () => {
  expect(percentEncode("a b*~!'()/:+中")).toBe('a%20b%2A~%21%27%28%29%2F%3A%2B%E4%B8%AD');
});

test('RPC: empty values are part of the string to sign, and it is encoded twice', () => {
  const params = new Map([
    ['SignatureType', ''],
    ['At', '12:00'],
  ]);
  expect(rpcStringToSign('POST', params)).toBe('POST&%2F&At%3D12%253A00%26SignatureType%3D');
});

// Computed with the official Python SDK (alibabacloud-tea-openapi 0.4.6, Utils.get_authorization).
const ACS3_AUTHORIZATION =
  'ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=accept;host;user-agent;x-acs-accesskey-id;x-acs-action;' +
  'x-acs-content-sha256;x-acs-date;x-acs-security-token;x-acs-signature-nonce;x-acs-version,' +
  'Signature=7ad497aca0dd37a093f8b5b3884752b949e41235d70dae5962cc9733e1516cb1';

test('ACS3: a request signed by the official SDK verifies, with quotes, blanks, empty values and a Host with port', () => {
  const query = new URLSearchParams({
    RegionId: 'cn-hangzhou',
    VServerGroupId: 'rsp-0',
    BackendServers: '[{"ServerId":"i-1","Port":80}]',
    Empty: '',
    Note: 'a b*~/中',
  });
  const request = parseRequest({
    method: 'POST',
    url: `/?${query}`,
    body: Buffer.alloc(0),
    headers: {
      authorization: ACS3_AUTHORIZATION,
      host: '127.0.0.1:8080',
      accept: 'application/json',
      'user-agent': 'ua/1 (x)',
      'x-acs-action': 'RemoveVServerGroupBackendServers',
      'x-acs-version': '2014-05-15',
      'x-acs-date': '2026-01-02T03:04:05Z',
      'x-acs-signature-nonce': 'nonce-1',
      'x-acs-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'x-acs-accesskey-id': 'testid',
      'x-acs-security-token': 'token',
    },
  });
  expect(request).toMatchObject({
    scheme: 'ACS3',
    accessKeyId: 'testid',
    action: 'RemoveVServerGroupBackendServers',
  });
  const authorization = parseAcs3Authorization(ACS3_AUTHORIZATION)!;
  expect(acs3Signature(acs3StringToSign(request, authorization), 'testsecret')).toBe(authorization.signature);
});

test('a plus sign is a space, in the query and in the form', () => {
  const request = parseRequest({
    method: 'POST',
    url: '/?A=1+2&B=',
    headers: {},
    body: Buffer.from('C=3+4%2B5'),
  });
  expect([...request.params]).toEqual([
    ['A', '1 2'],
    ['B', ''],
    ['C', '3 4+5'],
  ]);
});
