import type { BackendStatus } from '../../api/vservergroupbinding.ts';
import { forgetOldest } from '../../forget-oldest.ts';
import { eniSlot, type Slot } from '../../membership/backend.ts';
import type { Desired, Member } from '../../membership/desired/member.ts';

/** Of a binding whose pods come and go all the time the oldest are forgotten. */
const MOST = 1_000;

type Place = Pick<Member, 'slot' | 'pod' | 'podUID' | 'node'>;

/**
 * Where members of a RemoveOnly binding were that have left: something else may add rows for them that were never seen, or
 * add them too late. A new process begins with those that the status names. Only pods' addresses: a node's instance stays
 * where it is.
 */
export class FormerMembers {
  readonly #left = new Map<Slot, Place>();
  #present: ReadonlyMap<Slot, Place>;
  #desired: Desired | undefined;
  #generation: number | undefined;

  constructor(backends: readonly BackendStatus[]) {
    const places = backends.flatMap(({ serverIp, port, pod, podUID, node }) =>
      serverIp === undefined ? [] : [{ slot: eniSlot(serverIp, port), pod, podUID, node } as Place],
    );
    this.#present = new Map(places.map((place) => [place.slot, place]));
  }

  /**
   * Takes in what the binding wants now, and returns where somebody has left since. Another spec begins anew: what it
   * does not take any more has not left.
   */
  wants(desired: Desired, generation: number | undefined): readonly Slot[] {
    if (desired === this.#desired || desired.kind !== 'members') return [];
    this.#desired = desired;
    const before = this.#present;
    this.#present = new Map(
      desired.members.flatMap((member) => (member.type === 'eni' ? [[member.slot, member]] : [])),
    );
    const isSameSpec = this.#generation === undefined || this.#generation === generation;
    this.#generation = generation;
    if (!isSameSpec) this.#left.clear();
    for (const slot of this.#present.keys()) this.#left.delete(slot);
    const left = isSameSpec ? [...before].filter(([slot]) => !this.#present.has(slot)) : [];
    for (const [slot, place] of left) this.#left.set(slot, place);
    forgetOldest(this.#left, MOST);
    return left.map(([slot]) => slot);
  }

  at(slot: Slot): Place | undefined {
    return this.#left.get(slot);
  }
}
