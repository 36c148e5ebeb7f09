import type { Environment } from '../../lab/environment/environment.ts';
import type { Workloads } from '../../lab/environment/workloads.ts';

export const SOURCES = ['endpointslices', 'endpoints'] as const;

/** A group for either source of endpoints. */
export type GroupOfEach = Readonly<Record<(typeof SOURCES)[number], string>>;

/** One operator reads EndpointSlices, another one Endpoints, each for the bindings that `bindBoth` makes for it. */
export async function startBoth(env: Environment): Promise<void> {
  for (const source of SOURCES) {
    await env.startOperator({
      flags: ['--endpoints-source', source, '--binding-selector', `source=${source}`],
    });
  }
}

export function createBothGroups(env: Environment): GroupOfEach {
  return { endpointslices: env.createGroup(), endpoints: env.createGroup() };
}

/** The same binding for either source, named after it, each on its own group. */
export async function bindBoth(
  app: Workloads,
  groups: GroupOfEach,
  service: string,
  spec: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  for (const source of SOURCES) {
    const serviceRef = { name: service, port: 80 };
    await app.bind(source, groups[source], { serviceRef, ...spec }, { source });
  }
}
