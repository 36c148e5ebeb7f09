import { byCodeUnit } from '../backend.ts';
import { departureOf } from './alive.ts';
import { isDrained, type NodeView } from './cluster.ts';
import { type DesiredInput, earliest } from './member.ts';

/** A node is Ready before its pods are again, because its kubelet reports on them every 10 s. */
const PODS_FOLLOW_MS = 15_000;

/** How long the backends of an unready node that stayed keep staying while other nodes return, which they do one by one. */
const RECOVERY_MS = 10 * 60_000;

/** A backend that would leave only because its node is not Ready. */
export interface Unreachable<T> {
  readonly of: T;
  readonly node: Pick<NodeView, 'name' | 'ready' | 'readyChangedAt'>;
}

export type UnreachableInput = Pick<
  DesiredInput,
  'unreadyShare' | 'unreadyToleranceMs' | 'keptNodes' | 'now'
>;

type Readiness = Pick<NodeView, 'ready' | 'readyChangedAt'>;
type Tolerance = Pick<UnreachableInput, 'unreadyToleranceMs' | 'now'>;

/**
 * Whether a node has been not Ready for such a short time that it does not matter yet. A flapping kubelet (restarted or overloaded)
 * is back within seconds, while its pods and kube-proxy keep running; without this tolerance, each flap would cost a Remove, an Add,
 * and established connections. Also, if many nodes are lost, the node controller notices them one by one, all within this time.
 */
function isTolerated({ ready, readyChangedAt }: Readiness, { unreadyToleranceMs, now }: Tolerance): boolean {
  return !ready && now < readyChangedAt + unreadyToleranceMs;
}

/** Whether a node has been not Ready for longer than is tolerated. */
export function isLost(node: Readiness, input: Tolerance): boolean {
  return !node.ready && !isTolerated(node, input);
}

/** When the passing of time alone changes which backends on these nodes, reachable or not, stay; `Clock.now()` milliseconds. */
export function nextEnd(nodes: readonly Readiness[], input: UnreachableInput): number | undefined {
  const ends = nodes.flatMap(({ ready, readyChangedAt }) =>
    [ready ? PODS_FOLLOW_MS : input.unreadyToleranceMs, RECOVERY_MS].map((ms) => readyChangedAt + ms),
  );
  return earliest(...ends.filter((end) => end > input.now));
}

/** The backends that are not unreachable. */
export interface Others {
  /** Since when the node of each that gets requests is Ready; `Clock.now()` milliseconds, before any other time if unknown. */
  readonly readySince: readonly number[];
  /** Number of the ready ones with weight 0, or on nodes that are not Ready, drained, or about to go: they cannot be relied on. */
  readonly doubtful: number;
}

/** The others, from the ready backends: on which node of the cluster each is, if on any, and whether its pod asks for weight 0. */
export function othersOf(
  ready: readonly { readonly node: NodeView | undefined; readonly rests?: boolean }[],
): Others {
  const reachable = ready.filter(({ node, rests }) => !rests && !(node && isDoubtful(node)));
  return {
    readySince: reachable.map(({ node }) => node?.readyChangedAt ?? -Infinity),
    doubtful: ready.length - reachable.length,
  };
}

/** Whether what is on the node cannot be relied on, because of the node. */
export function isDoubtful(node: Omit<NodeView, 'readyChangedAt'>): boolean {
  return !node.ready || isDrained(node) || departureOf(node) !== undefined;
}

/**
 * Decides which backends stay although their nodes are not Ready. A cluster that has lost its nodes (missing heartbeats, a control
 * plane in trouble) has not lost its pods: most of them keep serving. So only a share of all backends, reachable or not, may leave
 * for this reason, and never the last ones.
 *
 * | reachable | unreachable                                        | = which of the unreachable stay  |
 * |-----------|----------------------------------------------------|----------------------------------|
 * | –         | on a node that has been Ready again for under 15 s | these                            |
 * | –         | on a node that is Ready                            | none: the node is not the reason |
 * | –         | on a node that is tolerated                        | these                            |
 * | none      | any                                                | all                              |
 * | some      | stayed before, nodes return for under 10 minutes   | these                            |
 * | some      | at most the share                                  | none                             |
 * | some      | more than the share                                | those beyond the share           |
 *
 * *Nodes return* from the earliest time since when the node of a reachable backend has been Ready, if that is after this one was
 * lost (a node that flaps begins anew); if there is none, the time counts from the loss. Nodes leave as a whole, those first that have
 * been not Ready for longest, so that backends that left stay out when more nodes are lost.
 */
export function stayingUnreachable<T>(
  others: Others,
  unreachable: readonly Unreachable<T>[],
  input: UnreachableInput,
): readonly T[] {
  const { unreadyShare, keptNodes, now } = input;
  const back = unreachable.filter(({ node }) => node.ready && now < node.readyChangedAt + PODS_FOLLOW_MS);
  const lost = unreachable.filter(({ node }) => !node.ready);
  const readySince = [...others.readySince, ...back.map(({ node }) => node.readyChangedAt)];
  const all = readySince.length + others.doubtful + lost.length;
  let mayLeave = readySince.length === 0 ? 0 : Math.floor(all * unreadyShare);
  const byNode = [...Map.groupBy(lost, ({ node }) => node.name).values()]
    .map((backends) => ({ backends, node: (backends[0] as Unreachable<T>).node }))
    .sort((a, b) => a.node.readyChangedAt - b.node.readyChangedAt || byCodeUnit(a.node.name, b.node.name));
  const staying = byNode.flatMap(({ backends, node }) => {
    const isKept = keptNodes.has(node.name) && now < recoveryEnd(node, readySince);
    if (backends.length > mayLeave || isKept || isTolerated(node, input)) return backends;
    mayLeave -= backends.length;
    return [];
  });
  return [...back, ...staying].map(({ of }) => of);
}

function recoveryEnd({ readyChangedAt }: Readiness, readySince: readonly number[]): number {
  const returns = readySince.filter((since) => since > readyChangedAt);
  return (earliest(...returns) ?? readyChangedAt) + RECOVERY_MS;
}
