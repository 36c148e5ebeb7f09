import { instanceIdOf } from '../../membership/desired/cluster.ts';
import { findPorts } from '../../membership/desired/desired.ts';
import type { FormerMember } from '../../membership/plan/claim.ts';
import { type BindingObject, type ClusterCaches, serviceOf, specOf } from './cluster-caches.ts';

type Caches = Pick<ClusterCaches, 'endpoints' | 'bindings' | 'pods' | 'services' | 'nodes'>;

/**
 * Whether anything other than the former member of the binding may answer at its place now. This is rarely called, so there
 * is no index for it.
 *
 * | the place               | is taken                                                                                             |
 * |-------------------------|------------------------------------------------------------------------------------------------------|
 * | a pod's address         | while an endpoint of any Service, a pod, or a node has it, as far as they are known                  |
 * | an instance's node port | while a node is the instance, unless the port still is the binding's: a freed port may be reused     |
 */
export function isTaken(former: FormerMember, binding: BindingObject, caches: Caches): boolean {
  if (former.type === 'eni') return isAddressTaken(former, caches);
  const isNode = caches.nodes.list().some((node) => instanceIdOf(node) === former.instanceId);
  return isNode && !isOwnPort(former, binding, caches);
}

function isOwnPort({ port }: FormerMember, binding: BindingObject, { services }: Caches): boolean {
  const { serviceRef } = specOf(binding);
  const service = services.get(serviceOf(binding) ?? '');
  if (service === undefined || serviceRef === undefined) return false;
  return findPorts(service, serviceRef.port)[0]?.nodePort === port;
}

function isAddressTaken(former: FormerMember, { endpoints, bindings, pods, nodes }: Caches): boolean {
  const { ip = '' } = former;
  const isFormer = (pod: { readonly uid: string; readonly name: string } | undefined) =>
    pod !== undefined && (pod.uid === '' ? pod.name === former.pod : pod.uid === former.podUID);
  const byEndpoint = endpoints
    .list()
    .some(({ subsets }) =>
      subsets.some(({ addresses }) => addresses.some((one) => one.ip === ip && !isFormer(one.pod))),
    );
  const namespaces = new Set(bindings.list().map(({ namespace }) => namespace));
  return (
    byEndpoint ||
    nodes.list().some(({ internalIPs }) => internalIPs.includes(ip)) ||
    [...namespaces].some((namespace) => pods.in(namespace)?.hasAt(ip, former.podUID))
  );
}
