import { expect, test } from '@jest/globals';
import { checkedUrl, endpointUrl, isLoopback } from '../../../../src/alibaba/rpc/endpoints.ts';

test.each([
  ['slb', 'cn-hangzhou', 'vpc', 'https://slb-vpc.cn-hangzhou.aliyuncs.com'],
  ['slb', 'eu-central-1', 'vpc', 'https://slb-vpc.eu-central-1.aliyuncs.com'],
  ['slb', 'cn-hangzhou', 'public', 'https://slb.aliyuncs.com'],
  ['slb', 'eu-central-1', 'public', 'https://slb.eu-central-1.aliyuncs.com'],
  ['ecs', 'cn-hangzhou', 'vpc', 'https://ecs-vpc.cn-hangzhou.aliyuncs.com'],
  ['ecs', 'cn-hangzhou', 'public', 'https://ecs.cn-hangzhou.aliyuncs.com'],
  ['sts', 'cn-beijing', 'vpc', 'https://sts-vpc.cn-beijing.aliyuncs.com'],
] as const)('%s in %s by way of %s is %s', (product, region, network, url) => {
  expect(endpointUrl(product, region, { network })).toBe(url);
});

test('an override replaces the endpoint of its product only', () => {
  const options = { network: 'vpc', override: { slb: 'http://127.0.0.1:8080/', ecs: '' } } as const;
  expect(endpointUrl('slb', 'cn-hangzhou', options)).toBe('http://127.0.0.1:8080');
  expect(endpointUrl('ecs', 'cn-hangzhou', options)).toBe('https://ecs-vpc.cn-hangzhou.aliyuncs.com');
});

test.each([
  'evil.example/',
  'cn-hangzhou.evil.example',
  'a@b',
  '',
  'CN',
  'cn-hangzhou#',
  'cn_x',
  '../x',
  'x',
])('signed requests go nowhere for the region %j', (region) => {
  expect(() => endpointUrl('slb', region, { network: 'public' })).toThrow(
    expect.objectContaining({ code: 'InvalidRegionId', kind: 'configuration', outcome: 'refused' }),
  );
});

test.each(['http://127.0.0.1:1', 'http://127.9.9.9', 'http://[::1]:80', 'http://localhost:3000'])(
  'plain HTTP is taken for loopback: %s',
  (url) => expect(checkedUrl(url, false)).toBe(new URL(url).origin),
);

test.each([
  'http://slb.example',
  'http://10.0.0.1:80',
  'http://127.0.0.1.evil.example',
  'http://localhost.evil.example',
])('plain HTTP is refused unless allowed: %s', (url) => {
  expect(() => checkedUrl(url, false)).toThrow(expect.objectContaining({ code: 'InsecureEndpoint' }));
  expect(checkedUrl(url, true)).toBe(new URL(url).origin);
});

test.each([
  'ftp://x',
  'https://user:pass@host',
  'https://host/path',
  'https://host?x=1',
  'https://',
  'not a url',
])('an endpoint that is more or less than scheme, host and port is refused: %s', (url) => {
  const error = (() => {
    try {
      return checkedUrl(url, true);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ code: 'InvalidEndpoint' });
  expect(String(error)).not.toContain('pass@');
});

test('a bare host means https', () =>
  expect(checkedUrl('slb.example:8443', false)).toBe('https://slb.example:8443'));

test('loopback is known in all its forms', () => {
  expect(['127.0.0.1', '127.255.0.1', '::1', '[::1]', 'LOCALHOST'].every(isLoopback)).toBe(true);
  expect(['128.0.0.1', 'example', '::2', '127.evil'].some(isLoopback)).toBe(false);
});
