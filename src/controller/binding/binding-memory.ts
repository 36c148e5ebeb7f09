import type { BackendKey } from '../../membership/backend.ts';
import type { BackendRecord, FormerMember } from '../../membership/plan/claim.ts';
import { type BindingObject, statusOf } from '../cluster/cluster-caches.ts';
import { DesiredCache } from '../group/desired-cache.ts';
import { FormerMembers } from './former-members.ts';
import type { LackingCache } from './preparation.ts';
import { recordsFromStatus } from './records.ts';

export type Records = ReadonlyMap<BackendKey, BackendRecord>;

/**
 * What this process knows of bindings, by UID, ahead of what their status says: what each owns, and when something was
 * last removed for it. A new process begins with the status. A binding is remembered until it is gone.
 */
export class BindingMemory {
  readonly #records = new Map<string, Records>();
  /** Wall-clock milliseconds. */
  readonly #lastRemoval = new Map<string, number>();
  readonly #former = new Map<string, FormerMembers>();
  /** What each wanted last. */
  readonly desired = new DesiredCache();
  readonly lacking: LackingCache = new WeakMap();
  /** From `Clock.now()` to the wall clock. */
  #wallOffset: number | undefined;

  recordsOf(object: BindingObject): Records {
    return this.#records.get(object.uid) ?? recordsFromStatus(statusOf(object)?.backends ?? []);
  }

  /** Wall-clock milliseconds; undefined: not by this process. */
  lastRemovalOf({ uid }: BindingObject): number | undefined {
    return this.#lastRemoval.get(uid);
  }

  keepRecords(uid: string, records: Records): void {
    this.#records.set(uid, records);
  }

  /** Those of its members that have left. */
  formerOf(object: BindingObject): FormerMembers {
    const known = this.#former.get(object.uid);
    if (known !== undefined) return known;
    const status = statusOf(object);
    const former = new FormerMembers(status?.backends ?? [], status?.observedGeneration);
    this.#former.set(object.uid, former);
    return former;
  }

  /** Those of them for which the group was not read yet. */
  unlookedOf({ uid }: BindingObject): readonly FormerMember[] {
    return this.#former.get(uid)?.unlooked ?? NOBODY;
  }

  /** Its group was read. */
  noteLook({ uid }: BindingObject): void {
    this.#former.get(uid)?.looked();
  }

  noteRemoval({ uid }: BindingObject, wall: number): void {
    // It may have gone while the call was under way.
    if (this.#records.has(uid)) this.#lastRemoval.set(uid, wall);
  }

  /**
   * A wall clock that is set moves the start of each drain with it: drains are recorded, and found after a restart, by
   * the wall clock, but last as long as they should.
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

/** Less is what keeps a clock right all the time. */
const SMALLEST_JUMP_MS = 1_000;

function movedBy(ms: number, record: BackendRecord): BackendRecord {
  return record.drainingSince === undefined
    ? record
    : { ...record, drainingSince: record.drainingSince + ms };
}
