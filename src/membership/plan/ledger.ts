import type { BackendKey, KnownRow, Row } from '../backend.ts';
import type { Member } from '../desired/member.ts';
import type { BackendRecord, Claim, Origin } from './claim.ts';

/** The plan's results for one binding, for its status. */
export interface ClaimReport {
  readonly claim: Claim;
  /** The claim's own map if nothing in it changed. */
  readonly records: ReadonlyMap<BackendKey, BackendRecord>;
  /** Members that are not in the group. */
  readonly pending: readonly Member[];
  /** Members that are in the group, but as somebody else's rows. */
  readonly foreignMembers: readonly Member[];
  /** Members whose row stays although their node has been not Ready for longer than is tolerated. */
  readonly unreachable: readonly Member[];
  /** Number of members that are last resorts and not in the group, so they are not added. */
  readonly passedOver: number;
  /** Number of rows in the group that are not this binding's. */
  readonly foreign: number;
  /** Rows that wait until the binding's status shows them: a drain is about to begin, or the row comes from another binding. */
  readonly unshown: readonly BackendKey[];
  /** One of its rows passes to another binding, whose status does not show it yet. */
  readonly passing: boolean;
}

/** Collects one binding's report while the plan goes through the group. */
export class Ledger {
  readonly claim: Claim;
  readonly pending: Member[] = [];
  readonly foreignMembers: Member[] = [];
  readonly unreachable: Member[] = [];
  /** Number of the binding's rows that do not leave. */
  kept = 0;
  passedOver = 0;
  readonly unshown: BackendKey[] = [];
  passing = false;
  readonly #keys: BackendKey[] = [];
  readonly #records: BackendRecord[] = [];
  #strangers = 0;
  #unchanged = true;
  /** For each member of the claim, 1 if a row fills its slot. */
  readonly #filled: Uint8Array;

  constructor(claim: Claim) {
    this.claim = claim;
    this.#filled = new Uint8Array(claim.desired.kind === 'members' ? claim.desired.members.length : 0);
  }

  /**
   * Records a row as the binding's. `before`: the binding's earlier record of the row; `weight`: the row's weight, or the weight
   * that it gets back if it stays after all.
   */
  own(
    { row, key }: KnownRow,
    before: BackendRecord | undefined,
    weight: number,
    state: BackendRecord['state'],
    from: Origin | undefined,
    drainingSince?: number,
  ): void {
    this.#keys.push(key);
    if (from?.stranger) this.#strangers++;
    if (before !== undefined && isSame(before, row, weight, state, from, drainingSince)) {
      this.#records.push(before);
      return;
    }
    this.#unchanged = false;
    this.#records.push({
      row: row.weight === weight ? row : { ...row, weight },
      state,
      ...(from?.pod !== undefined && { pod: from.pod }),
      ...(from?.podUID !== undefined && { podUID: from.podUID }),
      ...(from?.node !== undefined && { node: from.node }),
      ...(from?.stranger && { stranger: from.stranger }),
      ...(drainingSince !== undefined && { drainingSince }),
    });
  }

  /** Takes back that a recorded row leaves: it serves on. Not with RemoveOnly, whose drains begin once a status shows them. */
  serveOn(key: BackendKey): void {
    const i = this.#keys.lastIndexOf(key);
    const record = this.#records[i];
    if (record === undefined || this.claim.mode === 'RemoveOnly') return;
    this.#records[i] = { ...record, state: 'Registered', drainingSince: undefined };
  }

  /** Records that a row fills the slot of this member. */
  fill(index: number): void {
    this.#filled[index] = 1;
  }

  /** Members without a row. */
  unfilled(): readonly Member[] {
    const { desired } = this.claim;
    return desired.kind === 'members' ? desired.members.filter((_, i) => this.#filled[i] === 0) : [];
  }

  #recordMap(): ReadonlyMap<BackendKey, BackendRecord> {
    const map = new Map<BackendKey, BackendRecord>();
    for (const [i, key] of this.#keys.entries()) map.set(key, this.#records[i] as BackendRecord);
    return map;
  }

  report(rowsInGroup: number): ClaimReport {
    const { claim, pending, foreignMembers, unreachable, passedOver, unshown, passing } = this;
    const unchanged = this.#unchanged && this.#keys.length === claim.records.size;
    return {
      claim,
      records: unchanged ? claim.records : this.#recordMap(),
      pending,
      foreignMembers,
      unreachable,
      passedOver,
      foreign: rowsInGroup - this.#keys.length + this.#strangers,
      unshown,
      passing,
    };
  }
}

function isSame(
  before: BackendRecord,
  { description, type }: Row,
  weight: number,
  state: BackendRecord['state'],
  from: Origin | undefined,
  drainingSince: number | undefined,
): boolean {
  return (
    before.state === state &&
    before.row.weight === weight &&
    before.row.description === description &&
    before.row.type === type &&
    before.pod === from?.pod &&
    before.podUID === from?.podUID &&
    before.node === from?.node &&
    before.stranger === from?.stranger &&
    before.drainingSince === drainingSince
  );
}
