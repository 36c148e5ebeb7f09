import { isIPv4, isIPv6 } from 'node:net';

/** Whether a VPC could assign the address to a network interface. VPC IPv6 addresses are global, so all but local ones count. */
export function isAssignable(ip: string): boolean {
  if (isIPv4(ip)) {
    const value = ipv4ToNumber(ip);
    return PRIVATE_IPV4.some(([network, bits]) => value >>> (32 - bits) === network >>> (32 - bits));
  }
  return isIPv6(ip) && !/^(::1?$|fe[89ab]|ff)/i.test(ip);
}

/** `eni-` and the address in hexadecimal; with `ipsPerEni` > 1, the first IPv4 address of the block that contains it. */
export function deriveEniId(ip: string, ipsPerEni: number): string {
  if (!isIPv4(ip)) return `eni-${ipv6ToHex(ip)}`;
  const value = ipv4ToNumber(ip);
  return `eni-${(value - (value % ipsPerEni)).toString(16).padStart(8, '0')}`;
}

/** The inverse of deriveEniId: the addresses that an id stands for; none for any other id. */
export function derivedIps(eniId: string, ipsPerEni: number): string[] {
  const hex = /^eni-([0-9a-f]{8}|[0-9a-f]{32})$/.exec(eniId)?.[1];
  if (hex === undefined) return [];
  if (hex.length === 32) return [compressIpv6(hex)];
  const first = Number.parseInt(hex, 16);
  return Array.from({ length: ipsPerEni }, (_, n) => numberToIpv4(first + n)).filter(isAssignable);
}

const PRIVATE_IPV4 = (
  [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['100.64.0.0', 10],
  ] as const
).map(([network, bits]) => [ipv4ToNumber(network), bits] as const);

function ipv4ToNumber(ip: string): number {
  return ip.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

function numberToIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

function ipv6ToHex(ip: string): string {
  const [left = '', right] = ip.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const gap = right === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(gap).fill('0'), ...tail]
    .map((part) => part.padStart(4, '0').toLowerCase())
    .join('');
}

function compressIpv6(hex: string): string {
  const groups = hex.match(/.{4}/g) ?? [];
  // The URL parser writes IPv6 in canonical, compressed form.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
