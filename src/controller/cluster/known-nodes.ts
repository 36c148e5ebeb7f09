import type { Store } from '../../kubernetes/informer/store.ts';
import type { NodeObject } from '../../kubernetes/objects/objects.ts';
import type { NodesView, NodeView } from '../../membership/desired/cluster.ts';
import { Departed } from './departed.ts';

/** The nodes, and what is remembered of those that were. */
export class KnownNodes implements NodesView {
  readonly #views = new Map<string, NodeView>();
  readonly #departed = new Departed();

  /** `wall`: milliseconds since the Unix epoch. To be made before any other handler of the store is added. */
  constructor(nodes: Store<NodeObject>, wall: () => number) {
    nodes.onChange(({ old, new: now }) => {
      if (now !== undefined) this.#views.set(now.name, this.#viewOf(now, old, wall));
      else if (old !== undefined) {
        this.#views.delete(old.name);
        this.#departed.add(old.name);
      }
    });
  }

  get(name: string): NodeView | undefined {
    return this.#views.get(name);
  }

  values(): Iterable<NodeView> {
    return this.#views.values();
  }

  had(name: string): boolean {
    return this.#departed.has(name);
  }

  /** A binding's status names a node that it had before this process began: if it is not here, it has gone. */
  remember(name: string): void {
    if (!this.#views.has(name)) this.#departed.add(name);
  }

  /** What was seen counts for more than what the node tells of it: by our own clock, and whatever writes its status. */
  #viewOf(now: NodeObject, old: NodeObject | undefined, wall: () => number): NodeView {
    const before = this.#views.get(now.name);
    if (old === undefined || before === undefined) return now;
    return {
      ...now,
      readyChangedAt: old.ready === now.ready ? before.readyChangedAt : wall(),
      shuttingDown: now.shuttingDown || (before.shuttingDown && !now.ready),
    };
  }
}
