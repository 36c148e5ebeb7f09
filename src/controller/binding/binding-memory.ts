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
  /** Milliseconds from `Clock.now()` to the wall clock. */
  #wallOffset: number | undefined;

  recordsOf(object: BindingObject): Records {
    return this.#records.get(object.uid) ?? recordsFromStatus(statusOf(object)?.backends ?? []);
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

  /** The members that left after the group was last read. */
  unlookedOf({ uid }: BindingObject): readonly FormerMember[] {
    return this.#former.get(uid)?.unlooked ?? NOBODY;
  }

  /** The binding's group was read. */
  noteLook({ uid }: BindingObject): void {
    this.#former.get(uid)?.looked();
  }

  noteRemoval({ uid }: BindingObject, wall: number): void {
    // The binding may have gone while the call was in flight.
    if (this.#records.has(uid)) this.#lastRemoval.set(uid, wall);
  }

  /**
   * When the wall clock is set, the start of each drain moves with it: drains are recorded, and found after a restart, in
   * wall-clock time, but must last their full duration.
   */
  keepTime(now: number, wall: number): void {
    const offset = wall - now;
    const jump = offset - (this.#wallOffset ?? offset);
    if (this.#wallOffset !== undefined && Math.abs(jump) < SMALLEST_JUMP_MS) return;
    this.#wallOffset = offset;
    if (jump === 0) return;
    for (const [uid, records] of this.#records) {
      this.#records.set(uid, new Map([...records].map(([key, record]) => [key, movedBy(jump, record)])));
    }
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

/** Smaller jumps are the usual corrections of a synchronized clock. */
const SMALLEST_JUMP_MS = 1_000;

function movedBy(ms: number, record: BackendRecord): BackendRecord {
  return record.drainingSince === undefined
    ? record
    : { ...record, drainingSince: record.drainingSince + ms };
}
