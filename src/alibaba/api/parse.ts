import type { GroupRef } from '../../cloud/group-ref.ts';
import type { BackendHealth, GroupDescription, NamedGroup } from '../../cloud/server-groups.ts';
import { isObject, type JsonObject } from '../../json.ts';
import { backendKey, type Row } from '../../membership/backend.ts';
import { unreadable } from '../errors/errors.ts';
import type { NetworkInterface } from './ecs-api.ts';

/**
 * Parses replies leniently: numbers may be strings (as in the API's own samples), a list may be a single object or
 * absent, everything may be wrapped in an `<Action>Response`, and pop-core's parser returns objects without a prototype
 * and BigNumbers. Anything that cannot be a reply to the call is an `ApiError` of unknown outcome, never a guess:
 * mistaking an odd reply for an empty group would add every backend again.
 */
export type Reply = JsonObject;

export interface ReplyContext {
  readonly action: string;
  readonly group?: GroupRef | undefined;
}

/** Returns a copy of a string, the digits of a number or BigNumber, and undefined for the empty string and anything else. */
export function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : own(value);
  if (typeof value === 'number') return String(value);
  return bigNumber(value);
}

/** V8 copies shorter pieces of a text anyway. */
const SHORTEST_SLICE = 13;

/** pop-core's parser returns slices of the reply's text, and each slice would keep the whole text in memory. */
function own(piece: string): string {
  return piece.length < SHORTEST_SLICE ? piece : Buffer.from(piece).toString();
}

function integer(value: unknown): number | undefined {
  const digits = asText(value)?.trim();
  return digits !== undefined && /^[+-]?\d{1,15}$/.test(digits) ? Number(digits) : undefined;
}

function bigNumber(value: unknown): string | undefined {
  if (!isObject(value) || !Array.isArray(value['c']) || typeof value['toFixed'] !== 'function')
    return undefined;
  try {
    return String(value['toFixed']());
  } catch {
    return undefined;
  }
}

/** The API writes lists as `{Things: {Thing: [...]}}`. */
function list(reply: Reply, plural: string, singular: string): readonly unknown[] {
  const outer = reply[plural];
  const inner = isObject(outer) ? outer[singular] : outer;
  if (Array.isArray(inner)) return inner;
  return isObject(inner) ? [inner] : [];
}

function unwrap(reply: unknown, context: ReplyContext): Reply {
  if (!isObject(reply)) throw unreadable(context.action, context.group, 'the reply is no JSON object');
  const inner = reply[`${context.action}Response`];
  const body = isObject(inner) ? inner : reply;
  if (asText(body['RequestId']) === undefined) {
    throw unreadable(context.action, context.group, 'the reply has no RequestId');
  }
  return body;
}

export function parseGroup(
  reply: unknown,
  context: ReplyContext & { readonly group: GroupRef },
): Omit<GroupDescription, 'pending'> {
  const body = unwrap(reply, context);
  const id = asText(body['VServerGroupId']);
  const isAboutGroup = id === undefined ? isObject(body['BackendServers']) : id === context.group.id;
  if (!isAboutGroup) {
    throw unreadable(context.action, context.group, `the reply is about vServer group ${id ?? '(none)'}`);
  }
  const loadBalancerId = asText(body['LoadBalancerId']);
  const name = asText(body['VServerGroupName']);
  const oneCopy = oneCopyOfEach();
  return {
    requestId: asText(body['RequestId']) ?? '',
    ...(loadBalancerId === undefined ? {} : { loadBalancerId }),
    ...(name === undefined ? {} : { name }),
    rows: list(body, 'BackendServers', 'BackendServer').flatMap((row) => parseBackend(row, context, oneCopy)),
  };
}

/** Returns the first of equal texts: all rows that a binding added have the same description. */
function oneCopyOfEach(): (text: string) => string {
  const copies = new Map<string, string>();
  return (text) => {
    const copy = copies.get(text) ?? text;
    copies.set(text, copy);
    return copy;
  };
}

/** Rejects a reply without a list or with a group without an id: a name that two groups share must not look unique. */
export function parseGroups(reply: unknown, context: ReplyContext): readonly NamedGroup[] {
  const body = unwrap(reply, context);
  if (!isObject(body['VServerGroups'])) {
    throw unreadable(context.action, context.group, 'the reply has no list of vServer groups');
  }
  return list(body, 'VServerGroups', 'VServerGroup').map((group) => {
    const id = isObject(group) ? asText(group['VServerGroupId']) : undefined;
    if (!isObject(group) || id === undefined) {
      throw unreadable(context.action, context.group, 'a vServer group in the reply has no VServerGroupId');
    }
    return { id, name: asText(group['VServerGroupName']) ?? '' };
  });
}

/** Skips a row of an unknown type: the operator cannot have added it, and could not name it in a removal. */
function parseBackend(
  row: unknown,
  context: ReplyContext,
  oneCopy: (text: string) => string,
): readonly Row[] {
  const server = isObject(row) ? serverOf(row) : undefined;
  if (!isObject(row) || server === undefined) {
    throw unreadable(
      context.action,
      context.group,
      'a backend in the reply has no ServerId or no valid Port',
    );
  }
  const { type } = server;
  if (type === undefined) return [];
  const description = asText(row['Description']);
  const weight = integer(row['Weight']) ?? 100;
  return [
    {
      ...server,
      type,
      weight: Math.min(100, Math.max(0, weight)),
      ...(description === undefined ? {} : { description: oneCopy(description) }),
    },
  ];
}

/** The fields that identify a backend in every reply; undefined if the row has no ServerId or no valid Port. */
function serverOf(row: JsonObject) {
  const serverId = asText(row['ServerId']);
  const port = integer(row['Port']);
  if (serverId === undefined || port === undefined || port < 1 || port > 65_535) return undefined;
  const type = backendType(serverId, asText(row['Type']));
  const serverIp = type === 'ecs' ? undefined : asText(row['ServerIp']);
  return { serverId, port, type, ...(serverIp !== undefined && { serverIp }) };
}

function backendType(serverId: string, type: string | undefined): Row['type'] | undefined {
  switch (type?.toLowerCase() ?? serverId.split('-', 1)[0]) {
    case 'ecs':
    case 'i':
      return 'ecs';
    case 'eni':
      return 'eni';
    case 'eci':
      return 'eci';
    default:
      // The API's default for rows without a type.
      return type === undefined ? 'ecs' : undefined;
  }
}

/** There is one row per listener and backend. Unreadable rows are skipped; an unknown status counts as `unavailable`. */
export function parseHealth(reply: unknown, context: ReplyContext): readonly BackendHealth[] {
  const body = unwrap(reply, context);
  return list(body, 'BackendServers', 'BackendServer').flatMap((row) => {
    const server = isObject(row) ? serverOf(row) : undefined;
    if (!isObject(row) || server?.type === undefined) return [];
    const backend = backendKey({ ...server, type: server.type });
    const listener = [asText(row['Protocol']), asText(row['ListenerPort'])].filter(Boolean).join(':');
    const status = asText(row['ServerHealthStatus']);
    return [
      { backend, listener, status: status === 'normal' || status === 'abnormal' ? status : 'unavailable' },
    ];
  });
}

export function parseNetworkInterfaces(
  reply: unknown,
  context: ReplyContext,
): { readonly interfaces: readonly NetworkInterface[]; readonly nextToken?: string } {
  const body = unwrap(reply, context);
  const nextToken = asText(body['NextToken']);
  const interfaces = list(body, 'NetworkInterfaceSets', 'NetworkInterfaceSet').flatMap((item) =>
    isObject(item) ? parseNetworkInterface(item) : [],
  );
  return { interfaces, ...(nextToken === undefined ? {} : { nextToken }) };
}

function parseNetworkInterface(item: Reply): readonly NetworkInterface[] {
  const networkInterfaceId = asText(item['NetworkInterfaceId']);
  if (networkInterfaceId === undefined) return [];
  const vpcId = asText(item['VpcId']);
  const addresses = [
    asText(item['PrivateIpAddress']),
    ...list(item, 'PrivateIpSets', 'PrivateIpSet').map(
      (entry) => isObject(entry) && entry['PrivateIpAddress'],
    ),
    ...list(item, 'Ipv6Sets', 'Ipv6Set').map((entry) => isObject(entry) && entry['Ipv6Address']),
  ];
  const prefixes = [
    ...list(item, 'Ipv4PrefixSets', 'Ipv4PrefixSet').map((entry) => isObject(entry) && entry['Ipv4Prefix']),
    ...list(item, 'Ipv6PrefixSets', 'Ipv6PrefixSet').map((entry) => isObject(entry) && entry['Ipv6Prefix']),
  ];
  return [
    {
      networkInterfaceId,
      ...(vpcId !== undefined && { vpcId }),
      prefixes: prefixes.map(asText).filter((prefix) => prefix !== undefined),
      privateIps: [...new Set(addresses.map(asText).filter((ip) => ip !== undefined))],
      status: asText(item['Status']) ?? '',
    },
  ];
}
