import { ApiError, invalidParameter } from '../gateway/errors.ts';

export type BackendType = 'ecs' | 'eni' | 'eci';

/** A row of a vServer group. ServerIp is '' for ECS instances, Description is '' if unset. */
export interface Row {
  readonly serverId: string;
  readonly serverIp: string;
  readonly port: number;
  readonly weight: number;
  readonly type: BackendType;
  readonly description: string;
}

/**
 * The identity of a row: (ServerId, Port) for ECS, (ServerId, ServerIp, Port) for ENI and ECI. Weight and Description are not part of it
 * (samples of the Add and Modify pages; the cloud controller manager's own diff).
 */
export function rowKey(row: Pick<Row, 'serverId' | 'serverIp' | 'port' | 'type'>): string {
  return row.type === 'ecs' ? `${row.serverId} ${row.port}` : `${row.serverId} ${row.serverIp} ${row.port}`;
}

/**
 * Parses the BackendServers parameter as leniently as production does: clients send quoted numbers and single quotes (Terraform),
 * lower-camel keys and unknown fields (cloud controller manager).
 */
export function parseBackendServers(text: string): Row[] {
  return elements(text).map(toRow);
}

/** For the journal: as much as can be read of a parameter, even one that is about to be refused. */
export function peekBackendServers(
  text: string | undefined,
): Pick<Row, 'serverId' | 'serverIp' | 'port' | 'weight'>[] {
  if (!text) return [];
  try {
    return elements(text).map((fields) => ({
      serverId: fieldText(fields, 'ServerId'),
      serverIp: fieldText(fields, 'ServerIp'),
      port: Number(fields.get('Port') ?? 0),
      weight: Number(fields.get('Weight') ?? DEFAULT_WEIGHT),
    }));
  } catch {
    return [];
  }
}

const DEFAULT_WEIGHT = 100;

type Fields = ReadonlyMap<string, unknown>;

function elements(text: string): Fields[] {
  const list = parseLenientJson(text);
  if (!Array.isArray(list)) throw new ApiError('BackendServersMalformed');
  return list.map((item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      throw new ApiError('BackendServersMalformed');
    }
    return new Map(
      Object.entries(item).map(([key, value]) => [key.slice(0, 1).toUpperCase() + key.slice(1), value]),
    );
  });
}

function parseLenientJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return JSON.parse(text.replace(QUOTED, requote));
    } catch {
      throw new ApiError('BackendServersMalformed');
    }
  }
}

// Double-quoted strings are matched first, so that an apostrophe inside one is left alone.
const QUOTED = /"(?:[^"\\]|\\.)*"|'((?:[^'\\]|\\.)*)'/g;

function requote(whole: string, single: string | undefined): string {
  return single === undefined ? whole : JSON.stringify(single.replaceAll("\\'", "'"));
}

function toRow(fields: Fields): Row {
  const serverId = fieldText(fields, 'ServerId');
  if (serverId === '')
    throw invalidParameter('The specified BackendServers is invalid: ServerId is missing.');
  const type = toType(fieldText(fields, 'Type'));
  return {
    serverId,
    serverIp: type === 'ecs' ? '' : fieldText(fields, 'ServerIp'),
    port: toPort(fields.get('Port')),
    weight: toWeight(fields.get('Weight')),
    type,
    description: toDescription(fieldText(fields, 'Description')),
  };
}

function toType(text: string): BackendType {
  if (text === '') return 'ecs';
  const lower = text.toLowerCase();
  if (lower === 'ecs' || lower === 'eni' || lower === 'eci') return lower;
  throw new ApiError('BackendServer.InvalidType');
}

function toPort(value: unknown): number {
  const port = toInteger(value);
  if (port === undefined || port < 1 || port > 65535) {
    throw invalidParameter('The specified BackendServers is invalid: Port must be in [1,65535].');
  }
  return port;
}

function toWeight(value: unknown): number {
  if (value === undefined || value === null || value === '') return DEFAULT_WEIGHT;
  const weight = toInteger(value);
  if (weight === undefined || weight < 0 || weight > 100) throw new ApiError('InvalidWeight.Malformed');
  return weight;
}

function toDescription(text: string): string {
  if (text !== '' && !/^[\p{L}\p{N}\-/._]{1,80}$/u.test(text)) {
    throw invalidParameter(
      'The specified Description is invalid: 1 to 80 letters, digits, hyphens, slashes, periods and underscores.',
    );
  }
  return text;
}

function toInteger(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? value : undefined;
  return typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : undefined;
}

function fieldText(fields: Fields, name: string): string {
  const value = fields.get(name);
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
