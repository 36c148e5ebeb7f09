import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { createApiError, inPlaceOf, refused } from '../../../../src/alibaba/errors/errors.ts';
import type { CallOutcome, ErrorKind } from '../../../../src/cloud/api-error.ts';
import { redact } from '../../../../src/redact.ts';
import { GROUP } from '../rpc/local-api.ts';

type Row = readonly [code: string, httpStatus: number, kind: ErrorKind, outcome: CallOutcome, text?: string];

const TABLE: readonly Row[] = [
  ['VServerGroupProcessing', 400, 'busy', 'refused'],
  ['ServiceIsConfiguring', 400, 'busy', 'refused'],
  ['ServiceIsStopping', 409, 'busy', 'refused'],
  ['OperationBusy', 400, 'busy', 'refused'],
  ['OperationFailed.ServiceGroupProcessing', 400, 'busy', 'refused'],
  ['OperationFailed.ListenerStatusNotSupport', 400, 'busy', 'refused'],
  ['OperationFailed.TokenIsProcessing', 400, 'busy', 'unknown'],
  ['LastTokenProcessing', 400, 'busy', 'unknown'],
  ['ProcessingSameRequest', 403, 'busy', 'unknown'],
  ['BackendServer.configuring', 409, 'busy', 'refused'],
  ['BackendServerProcessing', 400, 'busy', 'refused'],
  ['SystemBusy', 449, 'busy', 'refused'],
  ['VpcSystemBusy', 400, 'busy', 'refused'],
  ['SomethingNewProcessing', 400, 'busy', 'refused'],
  ['Unheard', 449, 'busy', 'refused'],
  ['Throttling', 400, 'throttled', 'refused'],
  ['Throttling.User', 400, 'throttled', 'refused'],
  ['Throttling.Api', 503, 'throttled', 'refused'],
  ['Rejected.Throttling', 400, 'throttled', 'refused'],
  ['Throttling.Whatever', 400, 'throttled', 'refused'],
  ['Unheard', 429, 'throttled', 'refused'],
  ['ServiceUnavailable', 503, 'transient', 'unknown'],
  ['ServiceUnavailable', 400, 'transient', 'refused'],
  ['InternalError', 500, 'transient', 'unknown'],
  ['InternalError', 400, 'transient', 'unknown'],
  ['LocationServiceTimeout', 400, 'transient', 'unknown'],
  ['SignatureNonceUsed', 400, 'transient', 'unknown'],
  ['Unheard', 500, 'transient', 'unknown'],
  ['InvalidAccessKeyId.NotFound', 404, 'credentials', 'refused'],
  ['InvalidAccessKeyId.Inactive', 400, 'credentials', 'refused'],
  ['Forbidden.AccessKeyDisabled', 403, 'credentials', 'refused'],
  ['InvalidSecurityToken.Expired', 403, 'credentials', 'refused'],
  ['InvalidSecurityToken.Malformed', 400, 'credentials', 'refused'],
  ['MissingSecurityToken', 400, 'credentials', 'refused'],
  ['SignatureDoesNotMatch', 400, 'credentials', 'refused'],
  ['IncompleteSignature', 400, 'credentials', 'refused'],
  ['InvalidParameter', 404, 'groupMissing', 'refused', 'The specified VServerGroupId does not exist.'],
  ['InvalidParameter', 400, 'bug', 'refused', 'The specified BackendServers is invalid.'],
  ['InvalidParameter', 400, 'configuration', 'refused', 'The specified RegionId is invalid.'],
  ['ObtainIpFail', 400, 'badBackend', 'refused'],
  ['InvalidServerId.NotFound', 404, 'badBackend', 'refused'],
  ['InvalidServerId.NotExist', 400, 'badBackend', 'refused'],
  ['ResourceNotFound.vServers', 404, 'badBackend', 'refused'],
  ['InvalidBackendServers.ServerIpConflict', 400, 'unfitBackend', 'refused'],
  ['NetworkConflict', 400, 'unfitBackend', 'refused'],
  ['OperationDeny.LbNotSupportIPv6Server', 400, 'unfitBackend', 'refused'],
  ['InstanceBackendServerNumberOverLimit', 400, 'quota', 'refused'],
  ['OverQuota', 400, 'quota', 'refused'],
  ['ORDER.QUOTA_EXCEEDED', 400, 'quota', 'refused'],
  ['Forbidden.RAM', 403, 'denied', 'refused'],
  ['NoPermission', 403, 'denied', 'refused'],
  ['Forbidden.Unheard', 403, 'denied', 'refused'],
  ['LbStatusNotSupport', 400, 'configuration', 'refused'],
  ['InvalidLoadBalancerId.NotFound', 404, 'groupMissing', 'refused'],
  ['InvalidTimeStamp.Expired', 400, 'configuration', 'refused'],
  ['UnauthorizedRegion', 403, 'configuration', 'refused'],
  ['RegionNotSupport', 400, 'configuration', 'refused'],
  ['AccountHasArrearage', 400, 'configuration', 'refused'],
  ['Unheard', 400, 'configuration', 'refused'],
  ['TooManyBackendServers', 400, 'bug', 'refused'],
  ['BackendServersMalformed', 400, 'bug', 'refused'],
  ['InvalidWeight.Malformed', 400, 'bug', 'refused'],
  ['BackendServer.InvalidType', 400, 'bug', 'refused'],
  ['MissingParameter', 400, 'bug', 'refused'],
  ['MissingRegionId', 400, 'bug', 'refused'],
  ['UnsupportedHTTPMethod', 403, 'bug', 'refused'],
];

test.each(TABLE)('%s with status %s is %s, outcome %s', (code, httpStatus, kind, outcome, text = 'words') => {
  const error = refused('AddVServerGroupBackendServers', GROUP, { code, httpStatus, text });
  expect(error).toMatchObject({ code, httpStatus, kind, outcome });
  expect(error.retryable).toBe(['busy', 'throttled', 'transient'].includes(kind));
  expect(error.hint.text.length).toBeGreaterThan(20);
  expect(error.message).toContain(error.hint.text);
  expect(error.message).toContain('rsp-1');
});

test('a message says what happened, to which group, and what to do', () => {
  const error = refused('RemoveVServerGroupBackendServers', GROUP, {
    ...{ code: 'Forbidden.RAM', httpStatus: 403, text: 'not authorized.', requestId: 'A-1' },
  });
  expect(error.message).toBe(
    'RemoveVServerGroupBackendServers on vServer group rsp-1 (cn-hangzhou) failed with Forbidden.RAM: ' +
      'not authorized (HTTP 403, request A-1). ' +
      'Grant the RAM action slb:RemoveVServerGroupBackendServers to the identity that the operator runs with.',
  );
});

test('a right that is missing is to be granted to whoever made the call', () => {
  const reply = { code: 'NoPermission', httpStatus: 403, text: 'not authorized' };
  const { hint } = refused('DescribeHealthStatus', undefined, reply, { roleArn: 'acs:ram::2:role/slb' });
  expect(hint.text).toBe(
    'Grant the RAM action slb:DescribeHealthStatus to the RAM role acs:ram::2:role/slb.',
  );
});

test.each([
  ['NoPermission', /Allow sts:AssumeRole on the role, .* trust policy and external id .*externalId/],
  ['EntityNotExist.Role', /Allow sts:AssumeRole/],
  ['InvalidAccessKeyId.NotFound', /Check the access key or RAM role that the operator runs with/],
  ['Certificate', /NODE_EXTRA_CA_CERTS/],
])('a role that STS does not let be assumed, %s: what to do', (code, advice) => {
  const error = { action: 'AssumeRole', code, text: 'x', kind: 'credentials', outcome: 'refused' } as const;
  expect(createApiError(error).hint.text).toMatch(advice);
});

test('after an unknown outcome, the hint says that the state is read first', () => {
  const error = refused('AddVServerGroupBackendServers', GROUP, {
    code: 'InternalError',
    httpStatus: 500,
    text: 'x',
  });
  expect(error.hint.text).toContain('may have taken effect');
});

test.each([
  ['configuration', 'InvalidParameter', 'UnknownRegion'],
  ['configuration', 'InvalidRegionId', 'UnknownRegion'],
  ['transient', 'ENOTFOUND', 'UnknownRegion'],
  ['credentials', 'ENOTFOUND', 'CredentialsInvalid'],
  ['configuration', 'AmbiguousAddress', 'VpcUnknown'],
  ['configuration', 'LbStatusNotSupport', 'LoadBalancerNotReady'],
  ['bug', 'InvalidParameter', 'InternalError'],
  ['transient', 'ECONNRESET', 'ApiUnavailable'],
] as const)('%s, %s: the condition says %s', (kind, code, reason) => {
  expect(createApiError({ kind, code, outcome: 'refused', text: 'x', action: 'Test' }).reason).toBe(reason);
});

test.each(TABLE)(
  '%s with status %s: whether the hint tells of a retry is told',
  (code, httpStatus, _kind, _outcome, text = 'words') => {
    const { hint } = refused('AddVServerGroupBackendServers', GROUP, { code, httpStatus, text });
    expect(hint.tellsRetry).toBe(hint.text.includes('retries'));
  },
);

test('a code that is the name of something in every object is none that is listed', () => {
  expect(refused('Test', undefined, { code: 'constructor', httpStatus: 500, text: 'x' })).toMatchObject({
    kind: 'transient',
    reason: 'ApiUnavailable',
  });
});

test('an error keeps its words when it is told of another call', () => {
  const error = refused('GetCredentials', undefined, {
    code: 'NoPermission',
    httpStatus: 403,
    text: 'no trust',
  });
  const told = inPlaceOf(error, 'AddVServerGroupBackendServers', GROUP);
  expect(told).toMatchObject({ code: 'NoPermission', action: 'AddVServerGroupBackendServers', group: GROUP });
  expect(told.message).toContain('no trust');
});

const SECRETS = ['LTAI5tAbCdEfGhIjKlMnOpQr', 'Zx9secretSECRETsecret0000', 'CAISdGVzdA+/long=='];
const [ID, SECRET, TOKEN] = SECRETS as [string, string, string];

test.each([
  `https://slb.aliyuncs.com/?AccessKeyId=${ID}&SecurityToken=${encodeURIComponent(TOKEN)}&Signature=${SECRET}&Action=X`,
  `POST&%2F&AccessKeyId%3D${ID}%26SecurityToken%3D${encodeURIComponent(encodeURIComponent(TOKEN))}%26Version%3D1`,
  `server string to sign is:GET&%2F&AccessKeyId%3D${ID}%26x\n${SECRET}`,
  `server StringToSign is [ACS3-HMAC-SHA256 ${SECRET}]`,
  `{"AccessKeyId":"${ID}","AccessKeySecret":"${SECRET}","SecurityToken":"${TOKEN}"}`,
  `{\\"AccessKeyId\\":\\"${ID}\\",\\"AccessKeySecret\\": \\"${SECRET}\\"}`,
  `<Error><AccessKeyId>${ID}</AccessKeyId><Signature>${SECRET}</Signature></Error>`,
  `Authorization: ACS3-HMAC-SHA256 Credential=${ID},SignedHeaders=host,Signature=${SECRET}`,
  `connect via http://user:${SECRET}@proxy.example:3128 failed`,
  `key ${ID} not found`,
  'token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl refused',
])('%s shows no secret', (text) => {
  const error = createApiError({
    ...{ action: 'A', code: 'C', text, kind: 'bug', outcome: 'refused', group: GROUP, requestId: text },
  });
  for (const shown of [redact(text), inspect(error), JSON.stringify(error), String(error.stack)]) {
    for (const secret of [...SECRETS, encodeURIComponent(TOKEN), 'eyJhbGci', 'c2lnbmF0dXJl']) {
      expect(shown).not.toContain(secret);
    }
  }
});

test('a message does not grow without bound', () => {
  const reply = { code: 'InternalError', httpStatus: 500, text: 'x'.repeat(100_000) };
  expect(refused('Test', GROUP, reply).message.length).toBeLessThan(1_000);
});
