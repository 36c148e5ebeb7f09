import type { Origin } from '../../membership/plan/claim.ts';
import type { ClusterCaches } from './cluster-caches.ts';

/**
 * Whether anything but the former pod has its address now: an endpoint, of whatever Service, or a pod, as far as they are
 * known. It is seldom asked, so that no index is kept for it.
 */
export function isTaken(
  address: string,
  former: Origin,
  { endpoints, bindings, pods }: Pick<ClusterCaches, 'endpoints' | 'bindings' | 'pods'>,
): boolean {
  const isFormer = (pod: { readonly uid: string; readonly name: string } | undefined) =>
    pod !== undefined && (pod.uid === '' ? pod.name === former.pod : pod.uid === former.podUID);
  const byEndpoint = endpoints
    .list()
    .some(({ subsets }) =>
      subsets.some(({ addresses }) => addresses.some(({ ip, pod }) => ip === address && !isFormer(pod))),
    );
  const namespaces = new Set(bindings.list().map(({ namespace }) => namespace));
  return byEndpoint || [...namespaces].some((namespace) => pods.in(namespace)?.hasAt(address, former.podUID));
}
