import { expect, test } from '@jest/globals';
import { redact } from '../../src/redact.ts';

test.each([
  ['https://slb/?AccessKeyId=LTAI4abcdefgh&Action=X', 'https://slb/?AccessKeyId=[redacted]&Action=X'],
  ['Signature=a%2Fb%3D&Timestamp=1', 'Signature=[redacted]&Timestamp=1'],
  ['Signature%3Dabc', 'Signature%3D[redacted]'],
  ['Signature%253Dabc%2526Action%253DX', 'Signature%253D[redacted]%2526Action%253DX'],
  ["{ accessKeySecret: 'abc', group: 'rsp-1' }", "{ accessKeySecret: '[redacted]', group: 'rsp-1' }"],
  ['password: abc', 'password: [redacted]'],
  ['{"authorization":"Bearer abcdefghij","group":"rsp-1"}', '{"authorization":"[redacted]","group":"rsp-1"}'],
  ['Authorization: Digest username="me", response="abc"', 'Authorization: [redacted]'],
  ['http://token@proxy:3128', 'http://[redacted]@proxy:3128'],
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
  expect(redact(text)).toBe(clean);
});

test.each([
  'rsp-1 has 3 backends',
  'token bucket is empty',
  'requestId 7A3F',
  '10.0.0.1:80',
  'signature did not match',
])('%s is left alone', (text) => {
  expect(redact(text)).toBe(text);
});

test('what is no secret stays', () => {
  const text = 'The specified VServerGroupId rsp-1 does not exist. AccessKeyId is fine. Port=80';
  expect(redact(text)).toBe(text);
});

test('secrets known by value are taken out wherever they stand', () => {
  expect(redact('pre-abcdefgh-post', ['abcdefgh', undefined])).toBe('pre-[redacted]-post');
});
