import { isIPv4 } from 'node:net';
import { invalidParameter } from '../gateway/errors.ts';
import type { Body } from '../gateway/replies.ts';
import { repeatList } from '../gateway/request.ts';
import type { Eni, Inventory } from '../state/inventory.ts';
import { type Action, type ActionContext, checkRegion, positiveInteger } from './action.ts';

export const ecsActions: Readonly<Record<string, Action>> = {
  DescribeNetworkInterfaces: { product: 'Ecs', run: describeNetworkInterfaces },
  DescribeInstances: { product: 'Ecs', run: describeInstances },
};

/** Filters are combined. A page holds 10 ENIs unless more are requested: a trap for those who look up 20 addresses at once. */
function describeNetworkInterfaces(context: ActionContext): Body {
  const { params, state } = context;
  checkRegion(params, state.options.regionId);
  const ids = limited(repeatList(params, 'NetworkInterfaceId'), 'NetworkInterfaceId');
  const ipv4 = limited(repeatList(params, 'PrivateIpAddress'), 'PrivateIpAddress');
  const ipv6 = limited(repeatList(params, 'Ipv6Address'), 'Ipv6Address');
  const wanted: Wanted = { ids, ipv4: ipv4.filter(isIPv4), ipv6, noIpv4: ipv4.length > 0 };
  const vpcId = params.get('VpcId');
  const instanceId = params.get('InstanceId') || params.get('InstanceId.1');
  const found = candidates(state.inventory, wanted, context.semantics.findsOutOfPrefix)
    .filter((eni) => ids.length === 0 || ids.includes(eni.id))
    .filter((eni) => !wanted.noIpv4 || wanted.ipv4.some((ip) => state.inventory.eniOfIp(ip)?.id === eni.id))
    .filter((eni) => !vpcId || eni.vpcId === vpcId)
    .filter((eni) => !instanceId || eni.instanceId === instanceId);
  const { page, fields } = paginate(found, params, 500);
  return { ...fields, NetworkInterfaceSets: { NetworkInterfaceSet: page.map(eniBody) } };
}

interface Wanted {
  readonly ids: readonly string[];
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  readonly noIpv4: boolean;
}

/** Implied ENIs can only be found by filters that name them; without such a filter, the ENIs that were set are listed. */
function candidates(inventory: Inventory, wanted: Wanted, findsOutOfPrefix: boolean): Eni[] {
  const byIp = [...wanted.ipv4, ...wanted.ipv6];
  if (byIp.length > 0) {
    const found = new Map<string, Eni>();
    for (const ip of byIp) {
      const eni = inventory.eniOfIp(ip);
      if (!eni || (inventory.isOutOfPrefix(ip) && !findsOutOfPrefix)) continue;
      const ips = new Set([...(found.get(eni.id)?.ips ?? []), ...eni.ips]);
      found.set(eni.id, { ...eni, ips: [...ips] });
    }
    return [...found.values()];
  }
  if (wanted.noIpv4) return [];
  return wanted.ids.length > 0 ? wanted.ids.flatMap((id) => inventory.eni(id) ?? []) : inventory.enis();
}

function describeInstances(context: ActionContext): Body {
  const { params, state } = context;
  checkRegion(params, state.options.regionId);
  const ids = limited(instanceIds(params), 'InstanceIds');
  const found = (ids.length > 0 ? ids : state.inventory.instances()).filter(
    (id) => state.inventory.instanceStatus(id) !== 'Missing',
  );
  const vpcId = params.get('VpcId');
  const { page, fields } = paginate(!vpcId || vpcId === state.options.vpcId ? found : [], params, 100);
  return {
    ...fields,
    Instances: {
      Instance: page.map((id) => ({
        InstanceId: id,
        InstanceName: id,
        Status: state.inventory.instanceStatus(id),
        RegionId: state.options.regionId,
        ZoneId: `${state.options.regionId}-a`,
        InstanceNetworkType: 'vpc',
        VpcAttributes: { VpcId: state.options.vpcId, PrivateIpAddress: { IpAddress: [] } },
      })),
    },
  };
}

function instanceIds(params: ReadonlyMap<string, string>): string[] {
  const text = params.get('InstanceIds');
  if (!text) return [];
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list.map(String);
  } catch {
    // Falls through to the refusal below.
  }
  throw invalidParameter('The specified InstanceIds is invalid: it must be a JSON array of at most 100 ids.');
}

function limited(values: string[], name: string): string[] {
  if (values.length > 100) throw invalidParameter(`The specified ${name} is invalid: at most 100 values.`);
  return values;
}

/** Supports both ways of paging: MaxResults with NextToken, or PageNumber with PageSize. */
function paginate<T>(
  found: readonly T[],
  params: ReadonlyMap<string, string>,
  max: number,
): { page: T[]; fields: Body } {
  const token = params.get('NextToken');
  if (params.get('MaxResults') || token) {
    // A value out of range is clamped, not refused (DescribeNetworkInterfaces page).
    const size = Math.min(max, Math.max(10, Number(params.get('MaxResults') || 10)));
    const from = token ? Number(Buffer.from(token, 'base64url').toString()) : 0;
    if (!Number.isInteger(size) || !Number.isInteger(from))
      throw invalidParameter('The specified NextToken is invalid.');
    const end = from + size;
    const next = end < found.length ? Buffer.from(String(end)).toString('base64url') : '';
    return { page: found.slice(from, end), fields: { NextToken: next, TotalCount: found.length } };
  }
  const pageNumber = positiveInteger(params, 'PageNumber', { default: 1, max: 1_000_000 });
  const pageSize = positiveInteger(params, 'PageSize', { default: 10, max });
  return {
    page: found.slice((pageNumber - 1) * pageSize, pageNumber * pageSize),
    fields: { PageNumber: pageNumber, PageSize: pageSize, TotalCount: found.length },
  };
}

function eniBody(eni: Eni): Body {
  const ipv4 = eni.ips.filter(isIPv4);
  return {
    NetworkInterfaceId: eni.id,
    Status: 'InUse',
    Type: 'Secondary',
    VpcId: eni.vpcId,
    InstanceId: eni.instanceId,
    PrivateIpAddress: ipv4[0] ?? '',
    PrivateIpSets: {
      PrivateIpSet: ipv4.map((ip, index) => ({ PrivateIpAddress: ip, Primary: index === 0 })),
    },
    Ipv4PrefixSets: {
      Ipv4PrefixSet: eni.prefixes
        .filter((prefix) => !prefix.includes(':'))
        .map((prefix) => ({ Ipv4Prefix: prefix })),
    },
    Ipv6PrefixSets: {
      Ipv6PrefixSet: eni.prefixes
        .filter((prefix) => prefix.includes(':'))
        .map((prefix) => ({ Ipv6Prefix: prefix })),
    },
    Ipv6Sets: {
      Ipv6Set: eni.ips.filter((ip) => !isIPv4(ip)).map((ip) => ({ Ipv6Address: ip })),
    },
  };
}
