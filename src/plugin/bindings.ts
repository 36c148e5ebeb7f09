import { API_VERSION, PLURAL } from '../api/names.ts';
import type { Clock } from '../clock.ts';
import { type BindingObject, transformBinding } from '../controller/cluster/cluster-caches.ts';
import { hasStatus } from '../kubernetes/client/api-error.ts';
import { listCollection } from '../kubernetes/informer/lister.ts';
import { Store } from '../kubernetes/informer/store.ts';
import { namespaced } from '../kubernetes/objects/objects.ts';
import { byCodeUnit } from '../membership/backend.ts';
import type { Cluster, CommandCall } from './command.ts';

/** Which bindings to list. Undefined: no restriction. */
export interface BindingChoice {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
}

const pathOf = (namespace?: string) => namespaced(`/apis/${API_VERSION}`, PLURAL, namespace);

/** Returns the bindings sorted by key. */
export async function listBindings(
  { transport }: Pick<Cluster, 'transport'>,
  clock: Clock,
  signal: AbortSignal,
  { namespace, labelSelector }: BindingChoice = {},
): Promise<readonly BindingObject[]> {
  const store = new Store<BindingObject>();
  const listed = {
    name: PLURAL,
    transport,
    path: pathOf(namespace),
    ...(labelSelector !== undefined && { query: { labelSelector } }),
    transform: transformBinding,
    store,
    clock,
  };
  const { objects } = await listCollection(listed, '', signal);
  return [...objects].sort((a, b) => byCodeUnit(a.key, b.key));
}

export async function getBinding(
  { transport }: Cluster,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<BindingObject> {
  try {
    const path = `${pathOf(namespace)}/${encodeURIComponent(name)}`;
    return transformBinding(await transport.request('GET', path, { signal }));
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
    throw new Error(
      `there is no binding ${name} in namespace ${namespace}; kubectl vsgb status -A lists them`,
    );
  }
}

/** The namespace given by --namespace, or else the namespace of the context. */
export function namespaceOf(call: CommandCall): string {
  return call.options.own('namespace') ?? call.cluster().namespace;
}
