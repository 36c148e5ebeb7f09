import type { Environment } from '../../lab/environment/environment.ts';
import type { Workloads } from '../../lab/environment/workloads.ts';

export const SOURCES = ['endpointslices', 'endpoints'] as const;

/** One group for each source of endpoints. */
export type GroupOfEach = Readonly<Record<(typeof SOURCES)[number], string>>;

/** Starts one operator that reads EndpointSlices and one that reads Endpoints, each for the bindings that `bindBoth` creates for it. */
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

/** Creates the same binding for each source, named after it, each on its own group. */
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
