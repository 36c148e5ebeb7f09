/**
 * One row of a vServer group, as DescribeVServerGroupAttribute shows it.
 * https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-describevservergroupattribute
 */
export interface Row {
  /** `i-…` (ecs), `eni-…` (eni) or `eci-…` (eci). */
  readonly serverId: string;
  /** 1–65535. */
  readonly port: number;
  readonly type: 'ecs' | 'eni' | 'eci';
  /** The address on the ENI; absent for ecs. */
  readonly serverIp?: string;
  /** 0–100; a backend with weight 0 gets no new requests. */
  readonly weight: number;
  /** 1–80 letters, digits and `- / . _`, unless another system wrote it. */
  readonly description?: string;
}

/** What one call does to rows; `set` changes their weight. */
export type WriteAction = 'remove' | 'set' | 'add';

/**
 * The identity of a row in its group: (ServerId, Port) for ecs, (ServerId, ServerIp, Port) for eni and eci.
 * Weight and Description are not part of it.
 */
export type BackendKey = string & { readonly __brand: 'BackendKey' };

/**
 * The place of a member in its group: the instance and port (ecs), or the pod's address and port (eni, eci). Two rows share
 * a slot if an address moved from one ENI to another and the old row still exists.
 */
export type Slot = string & { readonly __brand: 'Slot' };

/** The health check result of a backend. `unavailable`: no result, because the check is not finished or not configured. */
export type HealthStatus = 'normal' | 'abnormal' | 'unavailable';

export function backendKey({
  serverId,
  port,
  type,
  serverIp,
}: Omit<Row, 'weight' | 'description'>): BackendKey {
  return joined(':', type === 'ecs' ? [serverId, port] : [serverId, port, serverIp ?? '']) as BackendKey;
}

export function ecsSlot(instanceId: string, port: number): Slot {
  return joined(':', [instanceId, port]) as Slot;
}

export function eniSlot(ip: string, port: number): Slot {
  return joined('#', [ip, port]) as Slot;
}

/** There is a key for each row and a slot for each member: V8 keeps a template's result as a tree of its parts, twice as large. */
function joined(separator: string, parts: readonly (string | number)[]): string {
  return parts.join(separator);
}

/**
 * What a row and its member have in common besides the port: the pod's address, or the instance. A row of another system may
 * lack the address; it can only be found by its server.
 */
export function addressOf(row: Pick<Row, 'serverId' | 'type' | 'serverIp'>): string {
  return row.type === 'ecs' ? row.serverId : (row.serverIp ?? row.serverId);
}

/** The slot that a row fills. */
export function slotOf(row: Pick<Row, 'serverId' | 'port' | 'type' | 'serverIp'>): Slot {
  const address = addressOf(row);
  return row.type === 'ecs' ? ecsSlot(address, row.port) : eniSlot(address, row.port);
}

/** A row with its key, which is computed only once because a group is planned many times with the same rows. */
export interface KnownRow {
  readonly row: Row;
  readonly key: BackendKey;
}

export function knownRow(row: Row): KnownRow {
  return { row, key: backendKey(row) };
}

/** How far ahead a row is searched for: one more than the 20 rows that a call removes. */
const LONGEST_GAP = 21;

/**
 * Returns the rows of a reply, reusing the objects of unchanged rows. Both lists are in the order of the group, so they are
 * walked side by side. For a row that is not recognised, the key is computed again, with the same result.
 */
export function knownRows(rows: readonly Row[], before: readonly KnownRow[] = []): readonly KnownRow[] {
  let next = 0;
  return rows.map((row) => {
    for (let i = next; i < Math.min(next + LONGEST_GAP, before.length); i++) {
      const known = before[i] as KnownRow;
      if (!isSameRow(known.row, row)) continue;
      next = i + 1;
      return known;
    }
    return knownRow(row);
  });
}

function isSameRow(a: Row, b: Row): boolean {
  return (
    a.serverIp === b.serverIp &&
    a.serverId === b.serverId &&
    a.port === b.port &&
    a.type === b.type &&
    a.weight === b.weight &&
    a.description === b.description
  );
}

/** Orders strings by code unit: the same on every machine, and much cheaper than a locale's order. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
