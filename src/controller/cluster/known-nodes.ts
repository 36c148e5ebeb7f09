import { type Clock, WallTimes } from '../../clock.ts';
import type { Store } from '../../kubernetes/informer/store.ts';
import type { NodeObject } from '../../kubernetes/objects/objects.ts';
import type { NodesView, NodeView } from '../../membership/desired/cluster.ts';
import { Departed } from './departed.ts';

/** The nodes, and the names of nodes that no longer exist. */
export class KnownNodes implements NodesView {
  readonly #views = new Map<string, NodeView>();
  readonly #departed = new Departed();
  readonly #clock: Pick<Clock, 'now'>;
  readonly #times: WallTimes;

  /** Must be created before any other handler is added to the store. */
  constructor(nodes: Store<NodeObject>, clock: Pick<Clock, 'now' | 'wall'>) {
    this.#clock = clock;
    this.#times = new WallTimes(clock);
    nodes.onChange(({ old, new: now }) => {
      if (now !== undefined) this.#views.set(now.name, this.#viewOf(now, old));
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

  /** A binding's status names a node from before this process started: if the node is not here, it is gone. */
  remember(name: string): void {
    if (!this.#views.has(name)) this.#departed.add(name);
  }

  /**
   * What this process has seen takes precedence over what the node's status says: a change of readiness is timed by our own
   * clock, and a shutdown is remembered until the node is Ready, whatever else is written to the status.
   */
  #viewOf(now: NodeObject, old: NodeObject | undefined): NodeView {
    const before = this.#views.get(now.name);
    if (old === undefined || before === undefined)
      return { ...now, readyChangedAt: this.#times.read(now.readyTransitionTime) };
    return {
      ...now,
      readyChangedAt: old.ready === now.ready ? before.readyChangedAt : this.#clock.now(),
      shuttingDown: now.shuttingDown || (before.shuttingDown && !now.ready),
    };
  }
}
