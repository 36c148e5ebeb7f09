import { resolve } from 'node:path';
import type { Workloads } from '../../lab/environment/workloads.ts';
import { GRANTS_ANNOTATION } from '../../src/api/names.ts';

/** The rights that the operator needs with --require-grants. */
export const GRANTS_RBAC = resolve(import.meta.dirname, '../../deploy/components/grants/rbac.yaml');

/** Sets the grants of the namespace, as a cluster administrator does; null removes them. */
export async function grant({ api, namespace }: Workloads, annotation: string | null): Promise<void> {
  const annotations = { [GRANTS_ANNOTATION]: annotation };
  await api.patch(`/api/v1/namespaces/${namespace}`, { metadata: { annotations } });
}
