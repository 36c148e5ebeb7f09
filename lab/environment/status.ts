import type { Row } from '../../simulator/state/backend-servers.ts';
import type { Binding } from './workloads.ts';

type Backend = NonNullable<NonNullable<Binding['status']>['backends']>[number];

const IN_GROUP: ReadonlySet<string> = new Set(['Registered', 'Draining', 'Removing', 'Held']);

/**
 * Checks that a binding's status is true at rest: each backend that it reports as in the group is there as reported, each row with
 * the binding's tag is listed, and the counts are right. Throws what is wrong, one sentence each. `rows`: all rows of the group.
 */
export function expectStatusTrue(binding: Binding, rows: readonly Row[]): void {
  const lies = liesOf(binding, rows);
  if (lies.length > 0) throw new Error(`status of ${binding.metadata.name} is not true:\n${lies.join('\n')}`);
}

function liesOf({ metadata, status }: Binding, rows: readonly Row[]): readonly string[] {
  const lies: string[] = [];
  const told = status?.backends ?? [];
  const owned = told.filter(({ state }) => IN_GROUP.has(state));
  const actual = new Map(rows.map((row) => [keyOf(row), row]));
  const keys = new Set<string>();
  for (const backend of owned) {
    const key = keyOf(backend);
    const row = actual.get(key);
    if (keys.has(key)) lies.push(`${key} is told twice`);
    keys.add(key);
    if (row === undefined) lies.push(`${key} is told as ${backend.state} and is not in the group`);
    else if (!isShownRight(backend, row))
      lies.push(`${key} is told as ${shown(backend)} and has weight ${row.weight}`);
  }
  const tag = new RegExp(`^vsgb/[^/]+/${metadata.namespace}/${metadata.name}$`);
  for (const row of rows) {
    if (tag.test(row.description) && !keys.has(keyOf(row)))
      lies.push(`${keyOf(row)} has its tag and is not told`);
  }
  const count = (...states: string[]) => told.filter(({ state }) => states.includes(state)).length;
  const counts = {
    registered: count('Registered'),
    draining: count('Draining'),
    foreign: rows.length - owned.length,
    observedGeneration: metadata.generation,
  } as const;
  for (const [name, right] of Object.entries(counts)) {
    const said = status?.[name as keyof typeof counts];
    if (said !== right) lies.push(`${name} is told as ${said} and is ${right}`);
  }
  return lies;
}

/** A draining backend shows the weight it would get back. */
function isShownRight({ state, weight }: Backend, row: Row): boolean {
  return state === 'Draining' ? row.weight === 0 : row.weight === weight || state === 'Held';
}

const shown = ({ state, weight }: Backend) => `${state} with weight ${weight}`;

function keyOf({ serverId, serverIp = '', port }: Pick<Backend, 'serverId' | 'serverIp' | 'port'>): string {
  return serverIp === '' ? `${serverId}:${port}` : `${serverIp}:${port} at ${serverId}`;
}
