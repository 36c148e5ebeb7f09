import type { BackendStatus } from '../../api/vservergroupbinding.ts';
import { forgetOldest } from '../../forget-oldest.ts';
import { ecsSlot, eniSlot, type Slot } from '../../membership/backend.ts';
import type { Desired } from '../../membership/desired/member.ts';
import type { FormerMember } from '../../membership/plan/claim.ts';

/** If a binding's pods come and go all the time, the oldest are forgotten. */
const MOST = 1_000;

/** Something else may still be adding a row for a member that left, so that the group is read for it this long after. */
export const LOOK_AFTER_MS = 1_000;

/**
 * The places of members that have left a RemoveOnly binding: something else may have added rows for them that were never
 * seen, or may add such rows late. A new process starts with the members that the status names. Pods with hostNetwork are not
 * remembered: anything may answer at their node's address.
 */
export class FormerMembers {
  readonly #left = new Map<Slot, FormerMember>();
  #present: readonly FormerMember[];
  #unlooked: readonly { readonly member: FormerMember; readonly leftAt: number }[] = [];
  #desired: Desired | undefined;
  #generation: number | undefined;

  /** `generation`: the generation of the spec that the status was made from. */
  constructor(backends: readonly BackendStatus[], generation: number | undefined) {
    this.#present = backends.flatMap(memberOf);
    this.#generation = generation;
  }

  /**
   * The members that leave with what the binding wants now. None if the spec has changed: a member that the new spec no longer
   * selects has not left.
   */
  leaving(desired: Desired, generation: number | undefined): readonly FormerMember[] {
    if (desired === this.#desired || generation !== this.#generation) return [];
    return this.#present.filter((member) => !isOnHost(member) && !isGiven(desired, member));
  }

  /** Records what the binding wants now. */
  take(desired: Desired, generation: number | undefined): void {
    if (desired === this.#desired) return;
    const leaving = this.leaving(desired, generation);
    this.#unlooked = this.#unlooked.filter(({ member }) => !isGiven(desired, member));
    for (const [slot, member] of this.#left) if (isGiven(desired, member)) this.#left.delete(slot);
    for (const member of leaving) this.#left.set(member.slot, member);
    forgetOldest(this.#left, MOST);
    this.#present =
      desired.kind === 'members'
        ? desired.members
        : this.#present.filter((member) => isGiven(desired, member));
    this.#desired = desired;
    this.#generation = generation;
  }

  /** These members left at `leftAt` (`Clock.now()` milliseconds), and the group may have unseen rows for them: it must be read. */
  lookFor(members: readonly FormerMember[], leftAt: number): void {
    this.#unlooked = [...this.#unlooked, ...members.map((member) => ({ member, leftAt }))];
  }

  /** The group was read at `at`. */
  looked(at: number): void {
    this.#unlooked = this.#unlooked.filter(({ leftAt }) => leftAt + LOOK_AFTER_MS > at);
  }

  /**
   * The members without a known row for which the group was not read since they left, or too early. The status names them until
   * then, so that a new process knows what to look for.
   */
  get unlooked(): readonly FormerMember[] {
    return this.#unlooked.map(({ member }) => member);
  }

  at(slot: Slot): FormerMember | undefined {
    return this.#left.get(slot);
  }
}

function memberOf({ type, serverId, serverIp: ip, port, pod, podUID, node }: BackendStatus): FormerMember[] {
  const of = { port, pod, podUID, node };
  if (type !== 'ecs') return ip === undefined ? [] : [{ slot: eniSlot(ip, port), type: 'eni', ip, ...of }];
  const isPod = pod !== undefined || podUID !== undefined;
  return isPod ? [] : [{ slot: ecsSlot(serverId, port), type, instanceId: serverId, ...of }];
}

function isOnHost({ type, ip }: FormerMember): boolean {
  return type === 'ecs' && ip !== undefined;
}

function isGiven(desired: Desired, { slot, ip, instanceId, port }: FormerMember): boolean {
  if (desired.kind === 'undetermined') return desired.given.has(slot);
  return desired.indexAt.get(port)?.has(ip ?? instanceId ?? '') ?? false;
}
