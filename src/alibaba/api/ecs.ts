import { isIPv6 } from 'node:net';
import type { CallOptions } from '../../cloud/server-groups.ts';
import type { Rpc } from '../rpc/rpc.ts';
import type { EcsApi, NetworkInterface, NetworkInterfaceQuery } from './ecs-api.ts';
import { parseNetworkInterfaces } from './parse.ts';

export const ECS_API_VERSION = '2014-05-26';

/**
 * "Valid values of N: 1 to 100" for PrivateIpAddress.N and Ipv6Address.N
 * (https://www.alibabacloud.com/help/en/ecs/developer-reference/api-describenetworkinterfaces; the cloud controller
 * manager sends 100 too).
 */
export const MAX_ADDRESSES_PER_CALL = 100;

/** Page size, "10 to 500" (same page). An address has one interface in a VPC, so one page is nearly always enough. */
const MAX_RESULTS = 500;

/** More pages than the addresses could fill: the tokens never end. */
const MAX_PAGES = 20;

const ACTION = 'DescribeNetworkInterfaces';

export function createEcsApi(rpc: (regionId: string) => Rpc): EcsApi {
  return {
    async describeNetworkInterfaces(query, options = {}) {
      const found: NetworkInterface[] = [];
      for (const batch of batches(query.privateIps)) {
        found.push(...(await describeBatch(rpc(query.regionId), query, batch, options)));
      }
      return found;
    },
  };
}

async function describeBatch(
  call: Rpc,
  query: NetworkInterfaceQuery,
  batch: Batch,
  options: Pick<CallOptions, 'signal'>,
): Promise<NetworkInterface[]> {
  const found: NetworkInterface[] = [];
  let token: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const params = {
      RegionId: query.regionId,
      VpcId: query.vpcId,
      MaxResults: MAX_RESULTS,
      NextToken: token,
      [batch.parameter]: batch.addresses,
    };
    const reply = await call(ACTION, params, { count: batch.addresses.length, signal: options.signal });
    const { interfaces, nextToken } = parseNetworkInterfaces(reply, { action: ACTION });
    found.push(...interfaces);
    if (nextToken === undefined || nextToken === token) break;
    token = nextToken;
  }
  return found;
}

interface Batch {
  readonly parameter: 'PrivateIpAddress' | 'Ipv6Address';
  readonly addresses: readonly string[];
}

/** The two parameters filter together, so each call queries one address family only. */
function batches(ips: readonly string[]): Batch[] {
  const unique = [...new Set(ips)];
  const v6 = unique.filter((ip) => isIPv6(ip));
  const v4 = unique.filter((ip) => !isIPv6(ip));
  return [...chunks('PrivateIpAddress', v4), ...chunks('Ipv6Address', v6)];
}

function chunks(parameter: Batch['parameter'], addresses: readonly string[]): Batch[] {
  const result: Batch[] = [];
  for (let i = 0; i < addresses.length; i += MAX_ADDRESSES_PER_CALL) {
    result.push({ parameter, addresses: addresses.slice(i, i + MAX_ADDRESSES_PER_CALL) });
  }
  return result;
}
