import type { WallTimes } from '../../clock.ts';
import type { BackendKey } from '../../membership/backend.ts';
import type { BackendRecord, FormerMember } from '../../membership/plan/claim.ts';
import { type BindingObject, statusOf } from '../cluster/cluster-caches.ts';
import { DesiredCache } from '../group/desired-cache.ts';
import { FormerMembers } from './former-members.ts';
import type { LackingCache } from './preparation.ts';
import { recordsFromStatus } from './records.ts';

export type Records = ReadonlyMap<BackendKey, BackendRecord>;

/**
 * What this process knows about bindings, by UID, ahead of their status: what each owns, and when a backend was last removed
 * for it. A new process starts from the status. A binding is remembered until it is gone.
 */
export class BindingMemory {
  readonly #records = new Map<string, Records>();
  /** Wall-clock milliseconds. */
  readonly #lastRemoval = new Map<string, number>();
  readonly #former = new Map<string, FormerMembers>();
  /** What each binding wanted last. */
  readonly desired = new DesiredCache();
  readonly lacking: LackingCache = new WeakMap();
  /** For the times that a status holds. */
  readonly times: WallTimes;

  constructor(times: WallTimes) {
    this.times = times;
  }

  recordsOf(object: BindingObject): Records {
    return this.#records.get(object.uid) ?? recordsFromStatus(statusOf(object)?.backends ?? [], this.times);
  }

  /** Wall-clock milliseconds; undefined if this process has removed nothing. */
  lastRemovalOf({ uid }: BindingObject): number | undefined {
    return this.#lastRemoval.get(uid);
  }

  keepRecords(uid: string, records: Records): void {
    this.#records.set(uid, records);
  }

  /** The members of the binding that have left. */
  formerOf(object: BindingObject): FormerMembers {
    const known = this.#former.get(object.uid);
    if (known !== undefined) return known;
    const status = statusOf(object);
    const former = new FormerMembers(status?.backends ?? [], status?.observedGeneration);
    this.#former.set(object.uid, former);
    return former;
  }

  /** See FormerMembers. */
  unlookedOf({ uid }: BindingObject): readonly FormerMember[] {
    return this.#former.get(uid)?.unlooked ?? NOBODY;
  }

  /** The binding's group was read at `at` (`Clock.now()` milliseconds). Returns whether it was too early for some members. */
  noteLook({ uid }: BindingObject, at: number): boolean {
    const former = this.#former.get(uid);
    former?.looked(at);
    return (former?.unlooked.length ?? 0) > 0;
  }

  noteRemoval({ uid }: BindingObject, wall: number): void {
    // The binding may have gone while the call was in flight.
    if (this.#records.has(uid)) this.#lastRemoval.set(uid, wall);
  }

  /** The binding is gone. */
  forget({ uid }: Pick<BindingObject, 'uid'>): void {
    this.#records.delete(uid);
    this.#lastRemoval.delete(uid);
    this.#former.delete(uid);
    this.desired.forget(uid);
  }
}

const NOBODY: readonly FormerMember[] = [];
