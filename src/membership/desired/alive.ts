import type { AddressView, EndpointsView, NodesView, NodeView, PodsView, PodView } from './cluster.ts';

export type Standing =
  | 'member'
  /** Kept only while nothing better serves, and never added. */
  | 'last resort'
  /** Kept from being ready by its node only (unreachable.ts). */
  | 'unreachable'
  | 'none';

/**
 * What an endpoint names: it is here, or was here and is no more. Of what is `elsewhere` (in another cluster), or not known (yet), an
 * endpoint is not judged by it.
 */
export type Found<T> = T | 'gone' | 'elsewhere' | 'unknown';

export function isHere<T>(found: Found<T>): found is T {
  return found !== 'gone' && found !== 'elsewhere' && found !== 'unknown';
}

/** All that speaks of one endpoint. */
export interface Witnesses {
  readonly list: Pick<EndpointsView, 'byKubernetes'> & Pick<AddressView, 'ready' | 'serving'>;
  readonly pod: Found<PodView>;
  readonly node: Found<NodeView>;
  /** The Service's `publishNotReadyAddresses`. */
  readonly published: boolean;
  /** Its binding waits for no pod to be Ready that waits for it. */
  readonly opensGates: boolean;
}

/**
 * Who is alive. EndpointSlices and Endpoints (the lists) say which pods belong to a Service and port, but they can be late,
 * frozen, foreign or wrong: pods and nodes speak for themselves. The first row that fits:
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
 * | –         | is not ready, though all of it is         | of Kubernetes     | unreachable |
 * | –         | is not ready                              | of Kubernetes     | none        |
 * | –         | any other                                 | ready             | member      |
 * | –         | any other                                 | serving           | last resort |
 * | –         | any other                                 | neither           | none        |
 *
 * - *Terminates*: it has a deletionTimestamp. That is there before any list says so, and while the controllers that write the
 *   lists are away. With `publishNotReadyAddresses` Kubernetes lists such a pod as ready to its end; it leaves all the same.
 *   https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 * - *Has ended*: its phase is Succeeded or Failed. Nothing of it runs, however long the object stays.
 *   https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
 * - *Though all of it is*: its containers are ready and its readiness gates are open. The node controller sets Ready to False on the
 *   pods of a node that it hears nothing of, and leaves ContainersReady as the kubelet last wrote it; a probe that fails changes both.
 *   https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
 * - *Waits for its group*: its binding opens gates, and it is ready but for its gate, or for those of other load balancers. The gate
 *   may be open already: the kubelet takes a moment to say Ready, and a row that left meanwhile would close it again. Under a node
 *   that is not Ready it is not known whether it still lives, gate or no gate.
 *   https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate
 * - *Of Kubernetes*: written by its own controllers. Who writes a list by hand means what it says of readiness; that a pod is
 *   gone or terminates they can't mean otherwise.
 * - *Last resort*: kube-proxy sends to terminating pods that serve, while there are no others (KEP-1669).
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
 * Why all that is on a node will soon be gone, though it lives still: the kubelet ends the pods of a node that shuts down without
 * deleting them, and their lists say ready until their containers have ended. The first row that fits:
 *
 * | the node is Ready | it                                       | = departure |
 * |-------------------|------------------------------------------|-------------|
 * | no                | has said before or now that it shuts down | shutdown    |
 * | –                 | has an instance that is about to be released | release  |
 * | –                 | any other                                | none        |
 *
 * A node that shuts down eventually falls silent: it counts as departing until it is Ready. One that is
 * not Ready for any other reason may be well (unreachable.ts).
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
 * The pod that an endpoint names.
 *
 * | the endpoint names                            | the cache of pods                              | = found   |
 * |-----------------------------------------------|------------------------------------------------|-----------|
 * | no pod                                        | –                                              | unknown   |
 * | one of another namespace                      | –                                              | elsewhere |
 * | a pod                                         | is not complete                                | unknown   |
 * | a pod, in a list of Kubernetes                | has it, with other addresses                   | gone      |
 * | a pod                                         | has it, or one of its name, without the address that it had | gone      |
 * | a pod                                         | has it                                         | it        |
 * | a pod                                         | has had it                                     | gone      |
 * | a pod of here                                 | hasn't it, and is as new as the list           | gone      |
 * | a pod of here                                 | hasn't it, and is older than the list          | unknown   |
 * | any other                                     | hasn't it                                      | elsewhere |
 *
 * A pod is *of here* when a list of Kubernetes' own controllers names it, or with it a node that is here: if it is not here now, it
 * has gone, be it before this process began. Lists that other tools write may name pods of other clusters, or give a pod an address
 * of another network, which it never had by its own word.
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

/** The node that an endpoint names. One that is not here has gone if Kubernetes' own controllers name it, or if it was here. */
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
