import { isIP } from 'node:net';
import { misconfigured } from '../errors/errors.ts';

export type Product = 'slb' | 'ecs' | 'sts';

export interface EndpointOptions {
  /** `vpc` works from inside a VPC without NAT. */
  readonly network: 'vpc' | 'public';
  /** Replaces the regions' own endpoints, per product. */
  readonly override?: Partial<Record<Product, string>>;
  /** Plain HTTP is accepted only for loopback addresses, unless this is set. */
  readonly allowInsecureEndpoint?: boolean;
}

/**
 * The one exception to the rule for public names: cn-hangzhou is served by the central endpoint
 * (https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-endpoint).
 */
const PUBLIC_EXCEPTIONS: Readonly<Record<string, string>> = { 'slb.cn-hangzhou': 'slb.aliyuncs.com' };

/**
 * Returns the base URL of a product in a region. Invalid region ids are rejected, because they come from a user's resource
 * and become part of the host that signed requests are sent to.
 */
export function endpointUrl(product: Product, regionId: string, options: EndpointOptions): string {
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)+$/.test(regionId) || regionId.length > 40) {
    throw misconfigured('Connect', 'InvalidRegionId', `"${regionId.slice(0, 60)}" is not a region id`);
  }
  const override = options.override?.[product];
  if (override !== undefined && override !== '')
    return checkedUrl(override, options.allowInsecureEndpoint === true);
  if (options.network === 'vpc') return `https://${product}-vpc.${regionId}.aliyuncs.com`;
  return `https://${PUBLIC_EXCEPTIONS[`${product}.${regionId}`] ?? `${product}.${regionId}.aliyuncs.com`}`;
}

/** Without a scheme, an endpoint uses https. */
export function checkedUrl(endpoint: string, allowInsecure: boolean): string {
  const url = URL.parse(endpoint.includes('://') ? endpoint : `https://${endpoint}`);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw misconfigured('Connect', 'InvalidEndpoint', `"${endpoint.slice(0, 200)}" is not an http(s) URL`);
  }
  if (
    url.username !== '' ||
    url.password !== '' ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw misconfigured(
      'Connect',
      'InvalidEndpoint',
      'an endpoint is a scheme, a host and a port, nothing else',
    );
  }
  if (url.protocol === 'http:' && !allowInsecure && !isLoopback(url.hostname)) {
    throw misconfigured(
      'Connect',
      'InsecureEndpoint',
      `${url.origin} would carry signed requests in plain text`,
    );
  }
  return url.origin;
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}
