import { byCodeUnit } from '../backend.ts';
import type { NodeView } from './cluster.ts';
import type { DesiredInput } from './member.ts';

/** A node is Ready again before its pods are: its kubelet looks over what it has told of them every 10 s. */
export const PODS_FOLLOW_MS = 15_000;

/** What would leave for no other reason than that its node is not Ready. */
export interface Unreachable<T> {
  readonly of: T;
  readonly node: Pick<NodeView, 'name' | 'ready' | 'readyChangedAt'>;
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
 * | none      | any                             | all                            |
 * | some      | at most the share               | nobody                         |
 * | some      | more                            | those over it                  |
 *
 * Whole nodes leave, those first that have not been Ready for longest: who has left stays out when more nodes follow.
 */
export function stayingUnreachable<T>(
  reachable: number,
  unreachable: readonly Unreachable<T>[],
  { unreadyShare, now }: Pick<DesiredInput, 'unreadyShare' | 'now'>,
): readonly T[] {
  const back = unreachable.filter(({ node }) => node.ready && now < node.readyChangedAt + PODS_FOLLOW_MS);
  const lost = unreachable.filter(({ node }) => !node.ready);
  const all = reachable + back.length + lost.length;
  let mayLeave = reachable + back.length === 0 ? 0 : Math.floor(all * unreadyShare);
  const byNode = [...Map.groupBy(lost, ({ node }) => node.name).values()];
  const since = ([first]: readonly Unreachable<T>[]) => first?.node.readyChangedAt ?? 0;
  const nameOf = ([first]: readonly Unreachable<T>[]) => first?.node.name ?? '';
  byNode.sort((a, b) => since(a) - since(b) || byCodeUnit(nameOf(a), nameOf(b)));
  const staying = byNode.flatMap((onNode) => {
    if (onNode.length > mayLeave) return onNode;
    mayLeave -= onNode.length;
    return [];
  });
  return [...back, ...staying].map(({ of }) => of);
}
