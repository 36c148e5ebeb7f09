import type { AddressView, EndpointsView, NodesView, NodeView, PodsView, PodView } from './cluster.ts';

export type Standing =
  | 'member'
  /** Kept only while nothing better serves; never added. */
  | 'last resort'
  /** Not ready only because of its node (unreachable.ts). */
  | 'unreachable'
  | 'none';

/**
 * The pod or node that an endpoint names: it is in this cluster, or was and is gone. A pod or node that is `elsewhere` (in another
 * cluster) or `unknown` (yet) says nothing about the endpoint.
 */
export type Found<T> = T | 'gone' | 'elsewhere' | 'unknown';

export function isHere<T>(found: Found<T>): found is T {
  return found !== 'gone' && found !== 'elsewhere' && found !== 'unknown';
}

/** Everything that is known about one endpoint. */
export interface Witnesses {
  readonly list: Pick<EndpointsView, 'byKubernetes'> & Pick<AddressView, 'ready' | 'serving'>;
  readonly pod: Found<PodView>;
  readonly node: Found<NodeView>;
  /** The Service's `publishNotReadyAddresses`. */
  readonly published: boolean;
  /** Its binding opens readiness gates, so it does not wait until a pod is Ready that waits for its gate. */
  readonly opensGates: boolean;
}

/**
 * Decides whether an endpoint is alive. EndpointSlices and Endpoints (the lists) say which pods belong to a Service and port, but
 * they can be late, frozen, foreign or wrong, so pods and nodes are checked directly. The first row that fits:
 *
 * | the node  | the pod                                   | the list          | = standing  |
 * |-----------|-------------------------------------------|-------------------|-------------|
 * | is gone   | –                                         | –                 | none        |
 * | –         | is gone, or has ended                     | –                 | none        |
 * | –         | terminates, and is ready                  | ready or serving  | last resort |
 * | –         | terminates                                | –                 | none        |
 * | –         | is ready                                  | of Kubernetes     | member      |
 * | –         | is not ready, but published               | ready             | member      |
 * | is Ready  | waits for its group                       | of Kubernetes     | member      |
 * | –         | waits for its group                       | of Kubernetes     | unreachable |
 * | –         | is not ready, though all its parts are    | of Kubernetes     | unreachable |
 * | –         | is not ready                              | of Kubernetes     | none        |
 * | –         | any other                                 | ready             | member      |
 * | –         | any other                                 | serving           | last resort |
 * | –         | any other                                 | neither           | none        |
 *
 * - *Terminates*: it has a deletionTimestamp. The timestamp is there before any list shows it, and also while the controllers that
 *   write the lists are down. With `publishNotReadyAddresses` Kubernetes lists such a pod as ready until its end; it leaves anyway.
 *   https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 * - *Has ended*: its phase is Succeeded or Failed. None of it is running, however long the object stays.
 *   https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
 * - *All its parts are*: its containers are ready and its readiness gates are open. The node controller sets Ready to False on the
 *   pods of a node that stopped reporting, and leaves ContainersReady as the kubelet last wrote it; a failing probe changes both.
 *   https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
 * - *Waits for its group*: its binding opens gates, and it is ready except for its gate or those of other load balancers. The gate
 *   may already be open: the kubelet takes a moment to set Ready, and if the row left meanwhile, the gate would close again. On a
 *   node that is not Ready, it is not known whether the pod is still alive, whatever its gate.
 *   https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate
 * - *Of Kubernetes*: written by its own controllers. Readiness in a list written by hand is intended by its author and overrides
 *   the pod's, but not that the pod is gone or terminates.
 * - *Last resort*: kube-proxy sends to terminating pods that serve while there are no others (KEP-1669).
 *   https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#serving
 */
export function standingOf({ list, pod, node, published, opensGates }: Witnesses): Standing {
  if (node === 'gone' || pod === 'gone') return 'none';
  const serves = list.ready || list.serving;
  if (isHere(pod)) {
    if (pod.ended) return 'none';
    if (pod.terminating) return pod.ready && serves ? 'last resort' : 'none';
    if (list.byKubernetes) {
      if (pod.ready || (published && list.ready)) return 'member';
      if (opensGates && pod.registrable) return isHere(node) && !node.ready ? 'unreachable' : 'member';
      return pod.able ? 'unreachable' : 'none';
    }
  }
  if (list.ready) return 'member';
  return serves ? 'last resort' : 'none';
}

/**
 * Why all pods on a node will soon be gone, though they are still alive: when a node shuts down, the kubelet ends its pods without
 * deleting them, and their lists say ready until their containers have ended. The first row that fits:
 *
 * | the node is Ready | it                                           | = departure |
 * |-------------------|----------------------------------------------|-------------|
 * | no                | has reported that it is shutting down        | shutdown    |
 * | –                 | has an instance that is about to be released | release     |
 * | –                 | any other                                    | none        |
 *
 * A node that is shutting down eventually stops reporting; it counts as departing until it is Ready again. A node that is not Ready
 * for any other reason may be fine (unreachable.ts).
 * https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#graceful-node-shutdown
 */
export function departureOf({
  ready,
  shuttingDown,
  expiring,
}: Pick<NodeView, 'ready' | 'shuttingDown' | 'expiring'>): 'shutdown' | 'release' | undefined {
  if (!ready && shuttingDown) return 'shutdown';
  return expiring ? 'release' : undefined;
}

/**
 * Finds the pod that an endpoint names. The first row that fits:
 *
 * | the endpoint names             | the cache of pods                                                       | = found   |
 * |--------------------------------|-------------------------------------------------------------------------|-----------|
 * | no pod                         | –                                                                       | unknown   |
 * | a pod of another namespace     | –                                                                       | elsewhere |
 * | a pod                          | is not complete                                                         | unknown   |
 * | a pod, in a list of Kubernetes | has it, with other addresses                                            | gone      |
 * | a pod                          | has it, but it, or a pod of its name before, has lost the address       | gone      |
 * | a pod                          | has it                                                                  | the pod   |
 * | a pod                          | had it                                                                  | gone      |
 * | a pod of this cluster          | does not have it, and is as new as the list                             | gone      |
 * | a pod of this cluster          | does not have it, and is older than the list                            | unknown   |
 * | any other                      | does not have it                                                        | elsewhere |
 *
 * A pod is *of this cluster* if a list of Kubernetes' own controllers names it, or if the endpoint also names a node of this
 * cluster. If such a pod is missing, it is gone, perhaps since before this process started. Lists written by other tools may name
 * pods of other clusters, or an address of another network that the pod itself never reported.
 */
export function findPod(
  { ip, pod, nodeName }: Pick<AddressView, 'ip' | 'pod' | 'nodeName'>,
  list: Pick<EndpointsView, 'byKubernetes' | 'namespace' | 'resourceVersion'>,
  pods: PodsView | undefined,
  nodes: NodesView,
): Found<PodView> {
  if (pod === undefined) return 'unknown';
  if (pod.namespace !== list.namespace) return 'elsewhere';
  if (pods === undefined) return 'unknown';
  const here = pods.get(pod);
  if (here !== undefined) {
    if (here.ips.includes(ip)) return here;
    const hasMoved = pods.hadAt(pod, ip) || (list.byKubernetes && here.ips.length > 0);
    return hasMoved ? 'gone' : here;
  }
  if (pods.had(pod)) return 'gone';
  const isOfHere = list.byKubernetes || (nodeName !== undefined && nodes.get(nodeName) !== undefined);
  if (!isOfHere) return 'elsewhere';
  return pods.isAsNewAs(list.resourceVersion) ? 'gone' : 'unknown';
}

/** Finds the node that an endpoint names. A missing node is gone if Kubernetes' own controllers name it, or if it was here before. */
export function findNode(
  { nodeName }: Pick<AddressView, 'nodeName'>,
  { byKubernetes }: Pick<EndpointsView, 'byKubernetes'>,
  nodes: NodesView,
): Found<NodeView> {
  if (nodeName === undefined) return 'unknown';
  const here = nodes.get(nodeName);
  if (here !== undefined) return here;
  return byKubernetes || nodes.had(nodeName) ? 'gone' : 'elsewhere';
}
