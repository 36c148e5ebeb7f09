import { BlockList, isIP } from 'node:net';

/** Whether the address is in a block such as `10.0.0.16/28`; false if `prefix` is not a valid block. */
export function isInPrefix(ip: string, prefix: string): boolean {
  const [network = '', bits = ''] = prefix.split('/');
  const family = isIP(network);
  if (family === 0 || family !== isIP(ip) || !/^\d{1,3}$/.test(bits)) return false;
  if (Number(bits) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const block = new BlockList();
  block.addSubnet(network, Number(bits), type);
  return block.check(ip, type);
}
