import { expect, test } from '@jest/globals';
import { loggable, redactText } from '../../../src/observability/redact.ts';

test.each([
  ['https://slb/?AccessKeyId=LTAI4abcdefgh&Action=X', 'https://slb/?AccessKeyId=[redacted]&Action=X'],
  ['Signature=a%2Fb%3D&Timestamp=1', 'Signature=[redacted]&Timestamp=1'],
  ['Signature%3Dabc', 'Signature%3D[redacted]'],
  ['{"SecurityToken":"CAIS+abc/def"}', '{"SecurityToken":"[redacted]"}'],
  ['{\\"AccessKeySecret\\":\\"abc\\"}', '{\\"AccessKeySecret\\":\\"[redacted]\\"}'],
  ['key LTAI4abcdefgh is off', 'key [redacted] is off'],
  ['STS.NUabcdefghij', '[redacted]'],
  ['Authorization: Bearer abcdefghij', 'Authorization: [redacted]'],
  ['sent bearer abcdefghijkl', 'sent Bearer [redacted]'],
  ['eyJhbGciOi.eyJzdWIi.c2ln', '[redacted]'],
  ['http://me:secret@proxy:3128', 'http://[redacted]@proxy:3128'],
  ['server string to sign is:GET&%2F&AccessKeyId%3Dx', 'server string to sign [redacted]'],
  ['-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----', '[redacted]'],
])('%s', (text, clean) => {
  expect(redactText(text)).toBe(clean);
});

test.each([
  'rsp-1 has 3 backends',
  'token bucket is empty',
  'requestId 7A3F',
  '10.0.0.1:80',
  'signature did not match',
])('%s is left alone', (text) => {
  expect(redactText(text)).toBe(text);
});

test('fields named like a secret are masked, at any depth; numbers are not secrets', () => {
  expect(
    loggable({ config: { accessKeySecret: 'x', 'client-key': 'y', tokens: 5 }, group: 'rsp-1' }),
  ).toEqual({
    config: { accessKeySecret: '[redacted]', 'client-key': '[redacted]', tokens: 5 },
    group: 'rsp-1',
  });
});
