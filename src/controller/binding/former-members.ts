import type { BackendStatus } from '../../api/vservergroupbinding.ts';
import { forgetOldest } from '../../forget-oldest.ts';
import { eniSlot, type Slot } from '../../membership/backend.ts';
import type { Desired, Member } from '../../membership/desired/member.ts';
import type { Origin } from '../../membership/plan/claim.ts';

/** Of a binding whose pods come and go all the time the oldest are forgotten. */
const MOST = 1_000;

/** What is remembered of a member. */
export type FormerMember = Pick<Member, 'slot' | 'type' | 'ip' | 'port'> & Origin;

/**
 * Where members of a RemoveOnly binding were that have left: something else may add rows for them that were never seen, or
 * add them too late. A new process begins with those that the status names. Only pods' addresses: a node's instance stays
 * where it is.
 */
export class FormerMembers {
  readonly #left = new Map<Slot, FormerMember>();
  #present: readonly FormerMember[];
  #desired: Desired | undefined;
  #generation: number | undefined;

  /** `generation`: that of the spec from which the status was made. */
  constructor(backends: readonly BackendStatus[], generation: number | undefined) {
    this.#present = backends.flatMap(({ serverIp: ip, port, pod, podUID, node }) =>
      ip === undefined
        ? []
        : [{ slot: eniSlot(ip, port), type: 'eni', ip, port, pod, podUID, node } as const],
    );
    this.#generation = generation;
  }

  /** Those that leave with what the binding wants now. Of another spec nobody does: what it does not take any more has not left. */
  leaving(desired: Desired, generation: number | undefined): readonly FormerMember[] {
    if (desired === this.#desired || desired.kind !== 'members' || generation !== this.#generation) return [];
    return this.#present.filter((member) => member.type === 'eni' && !isWanted(desired, member));
  }

  /** Takes in what the binding wants now. Another spec begins anew. */
  take(desired: Desired, generation: number | undefined): void {
    if (desired === this.#desired || desired.kind !== 'members') return;
    const leaving = this.leaving(desired, generation);
    if (generation !== this.#generation) this.#left.clear();
    for (const [slot, member] of this.#left) if (isWanted(desired, member)) this.#left.delete(slot);
    for (const member of leaving) this.#left.set(member.slot, member);
    forgetOldest(this.#left, MOST);
    this.#present = desired.members;
    this.#desired = desired;
    this.#generation = generation;
  }

  at(slot: Slot): FormerMember | undefined {
    return this.#left.get(slot);
  }
}

function isWanted({ indexAt }: Extract<Desired, { kind: 'members' }>, { ip, port }: FormerMember): boolean {
  return ip !== undefined && (indexAt.get(port)?.has(ip) ?? false);
}
