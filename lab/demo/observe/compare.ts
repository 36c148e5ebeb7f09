import type { Row } from '../../../simulator/state/backend-servers.ts';
import type { Endpoint } from './endpoint-log.ts';

export interface Expected {
  readonly rows: readonly Row[];
  readonly foreign: readonly Row[];
  readonly ready: readonly Endpoint[];
  readonly weight: number;
}

export interface Comparison {
  readonly owned: readonly Row[];
  readonly foreign: readonly Row[];
  /** One sentence each; empty if the group equals the cluster. */
  readonly problems: readonly string[];
}

/** Compares the group with the cluster: one row for each ready endpoint, and foreign rows unchanged. */
export function compare({ rows, foreign, ready, weight }: Expected): Comparison {
  const foreignNames = new Set(foreign.map(rowName));
  const owned = rows.filter((row) => !foreignNames.has(rowName(row)));
  const present = new Map(owned.map((row) => [endpointName(row.serverIp, row.port), row]));
  const wanted = new Map(ready.map((endpoint) => [endpointName(endpoint.address, endpoint.port), endpoint]));
  const missing = [...wanted].filter(([key]) => !present.has(key));
  const tooMany = [...present].filter(([key]) => !wanted.has(key));
  const wrongWeight = [...present].filter(([key, row]) => wanted.has(key) && row.weight !== weight);
  const changed = foreign.filter((row) => !rows.some((other) => isSame(row, other)));
  const problems = [
    ...missing.map(([key, { pod }]) => `${key} (pod ${pod}) is ready and not in the group`),
    ...tooMany.map(([key]) => `${key} is in the group and not a ready endpoint`),
    ...wrongWeight.map(([key, row]) => `${key} has weight ${row.weight} instead of ${weight}`),
    ...changed.map((row) => `the foreign backend ${rowName(row)} was changed or removed`),
  ];
  // Two rows for one address, on different ENIs, are one too many even if the address is wanted.
  if (present.size !== owned.length) problems.push('the group holds an address twice');
  return { owned, foreign: rows.filter((row) => foreignNames.has(rowName(row))), problems };
}

/** As the console shows it: `i-abc:80`, `eni-abc 10.0.0.1:80`. */
export function rowName({ serverId, serverIp, port }: Pick<Row, 'serverId' | 'serverIp' | 'port'>): string {
  return serverIp === '' ? `${serverId}:${port}` : `${serverId} ${serverIp}:${port}`;
}

function endpointName(address: string, port: number): string {
  return `${address}:${port}`;
}

function isSame(a: Row, b: Row): boolean {
  return (
    rowName(a) === rowName(b) && a.weight === b.weight && a.type === b.type && a.description === b.description
  );
}
