import { byCodeUnit } from '../backend.ts';
import { departureOf } from './alive.ts';
import { isDrained, type NodeView } from './cluster.ts';
import { type DesiredInput, earliest } from './member.ts';

/** A node is Ready again before its pods are: its kubelet reports on them every 10 s. */
const PODS_FOLLOW_MS = 15_000;

/** How long a node that stayed for that reason continues to while others become Ready again: they recover one by one. */
const RECOVERY_MS = 10 * 60_000;

/** What would leave for no other reason than that its node is not Ready. */
export interface Unreachable<T> {
  readonly of: T;
  readonly node: Pick<NodeView, 'name' | 'ready' | 'readyChangedAt'>;
}

export type UnreachableInput = Pick<
  DesiredInput,
  'unreadyShare' | 'unreadyToleranceMs' | 'keptNodes' | 'now'
>;

type Readiness = Pick<NodeView, 'ready' | 'readyChangedAt'>;

/**
 * Whether a node has not been Ready for so short a time that it counts for nothing. A kubelet that flaps (restarted, or short of
 * breath) is back within seconds, while its pods and proxy go on: each flap would cost a Remove and an Add, and the connections of
 * those who were served. And when many nodes are lost, the node controller finds one after the other: by then all are seen.
 */
export function isTolerated(
  { ready, readyChangedAt }: Readiness,
  { unreadyToleranceMs, now }: Pick<UnreachableInput, 'unreadyToleranceMs' | 'now'>,
): boolean {
  return !ready && now < readyChangedAt + unreadyToleranceMs;
}

/** When time alone changes who stays, of those on these nodes; milliseconds since the Unix epoch. */
export function nextEnd(nodes: readonly Readiness[], input: UnreachableInput): number | undefined {
  const ends = nodes.flatMap(({ ready, readyChangedAt }) =>
    (ready ? [PODS_FOLLOW_MS] : [input.unreadyToleranceMs, RECOVERY_MS]).map((ms) => readyChangedAt + ms),
  );
  return earliest(...ends.filter((end) => end > input.now));
}

/** How many others there are. */
export interface Others {
  /** On nodes that are Ready, and that get requests. */
  readonly reachable: number;
  /** Ready by their own word, but with weight 0, or on nodes that are not, are drained, or are about to go: nobody can rely on them. */
  readonly doubtful: number;
}

/** Whether what is ready on the node is doubtful all the same. */
export function isDoubtful(node: NodeView): boolean {
  return !node.ready || isDrained(node) || departureOf(node) !== undefined;
}

/**
 * Who stays although its node is not Ready. A cluster that has lost its nodes (heartbeats that do not arrive, a control plane in
 * trouble) has not lost its pods: most of them go on serving. So no more than a share of all, reachable or not, leave for that
 * reason, and never the last.
 *
 * | reachable | unreachable                     | = who stays of the unreachable |
 * |-----------|---------------------------------|--------------------------------|
 * | –         | their node is Ready again, not for long | they                   |
 * | –         | their node is Ready             | nobody: it is not that         |
 * | –         | their node is tolerated         | they                           |
 * | none      | any                             | all                            |
 * | some      | stayed before, lost for less than 10 minutes | they              |
 * | some      | at most the share               | nobody                         |
 * | some      | more                            | those over it                  |
 *
 * Whole nodes leave, those first that have not been Ready for longest: who has left stays out when more nodes follow.
 */
export function stayingUnreachable<T>(
  { reachable, doubtful }: Others,
  unreachable: readonly Unreachable<T>[],
  input: UnreachableInput,
): readonly T[] {
  const { unreadyShare, keptNodes, now } = input;
  const back = unreachable.filter(({ node }) => node.ready && now < node.readyChangedAt + PODS_FOLLOW_MS);
  const lost = unreachable.filter(({ node }) => !node.ready);
  const isKept = ({ node }: Unreachable<T>) =>
    isTolerated(node, input) || (keptNodes.has(node.name) && now < node.readyChangedAt + RECOVERY_MS);
  const all = reachable + doubtful + back.length + lost.length;
  let mayLeave = reachable + back.length === 0 ? 0 : Math.floor(all * unreadyShare);
  const byNode = [...Map.groupBy(lost, ({ node }) => node.name).values()];
  const since = ([first]: readonly Unreachable<T>[]) => first?.node.readyChangedAt ?? 0;
  const nameOf = ([first]: readonly Unreachable<T>[]) => first?.node.name ?? '';
  byNode.sort((a, b) => since(a) - since(b) || byCodeUnit(nameOf(a), nameOf(b)));
  const staying = byNode.flatMap((onNode) => {
    if (onNode.length > mayLeave || onNode.some(isKept)) return onNode;
    mayLeave -= onNode.length;
    return [];
  });
  return [...back, ...staying].map(({ of }) => of);
}
