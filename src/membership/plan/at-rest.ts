import {
  addressOf,
  type BackendKey,
  byCodeUnit,
  ecsSlot,
  eniSlot,
  isSameRow,
  type Row,
  type Slot,
} from '../backend.ts';
import { isSameMember, type Member } from '../desired/desired.ts';
import type { BackendRecord, Claim } from './claim.ts';
import type { EniOf } from './judge.ts';
import { asBefore, inPlace, placesIn } from './places-before.ts';

/** A row that a plan left as it is: the group's only binding wants it, owns it, and has nothing to change about it. */
interface Resting {
  readonly key: BackendKey;
  readonly row: Row;
  readonly record: BackendRecord;
  /** What it stands for. No other resting row does. */
  readonly member: Member;
  /** What was known of the member's ENI. */
  readonly eni: string | undefined;
}

/** What a plan found at rest, for the next one to begin with. */
export interface AtRest {
  readonly claim: Claim;
  /** As the plan reported them. */
  readonly records: Claim['records'];
  readonly rows: readonly Row[];
  readonly eniVersion: number | undefined;
  /** Of each row, if it rests. */
  readonly resting: readonly (Resting | undefined)[];
  readonly members: readonly Member[];
  /** Members without a resting row. */
  readonly open: ReadonlySet<Member>;
}

/** Of a plan's input (plan.ts). */
interface Group {
  readonly rows: readonly Row[];
  readonly eniOf: EniOf;
  readonly eniVersion?: number | undefined;
}

/**
 * The rows that need no judgement, because the last plan kept them as they were and all that this came from is the same: the
 * row, the member that wants it, what is known of the member's ENI, the binding's record, and how the binding is set. Found by
 * walking through both lists side by side: nothing is looked up for a row that rests.
 *
 * Only for a group with one binding, which knows what it wants: big groups are such.
 */
export class Rest {
  readonly claim: Claim;
  /** No row rested to begin with: nothing was known from before, or nothing is as it was. */
  readonly isNew: boolean;
  readonly #group: Group;
  readonly #members: readonly Member[];
  readonly #resting: (Resting | undefined)[];
  readonly #open: Set<Member>;

  constructor(claim: Claim, members: readonly Member[], group: Group, before: AtRest | undefined) {
    const last = before !== undefined && isSameClaim(before, claim) ? before : NOTHING;
    const places = placesIn(last.members, members, isSameMember, LONGEST_GAP);
    const gone = new Set(leftOut(last.members, places));
    this.claim = claim;
    this.#group = group;
    // The objects of before, by which resting rows know their members.
    this.#members = asBefore(last.members, places, members);
    this.#open = new Set(this.#members.filter((member, i) => places[i] === -1 || last.open.has(member)));
    const reopen = (one: Resting | undefined) => {
      if (one !== undefined && !gone.has(one.member)) this.#open.add(one.member);
    };
    const enisAreSame = group.eniVersion !== undefined && group.eniVersion === last.eniVersion;
    const rowPlaces = placesIn(last.rows, group.rows, isSameRow, LONGEST_GAP);
    this.#resting = group.rows.map((row, i) => {
      const one = inPlace(last.resting, rowPlaces, i);
      if (one === undefined) return undefined;
      if (!gone.has(one.member) && (enisAreSame || this.#eniFor(row, one.member) === one.eni)) return one;
      reopen(one);
      return undefined;
    });
    for (const one of leftOut(last.resting, rowPlaces)) reopen(one);
    this.isNew = this.#open.size === members.length;
  }

  /** Of the row at this place in the group. */
  at(i: number): Resting | undefined {
    return this.#resting[i];
  }

  /** Members without a resting row, sorted by slot. */
  open(): readonly Member[] {
    if (this.isNew) return this.#members;
    return [...this.#open].sort((a, b) => byCodeUnit(a.slot, b.slot));
  }

  /** The member whose row rests at the place of this one, which is another row then. */
  memberBeside(row: Row): Member | undefined {
    const address = addressOf(row);
    const member = this.#find(eniSlot(address, row.port)) ?? this.#find(ecsSlot(address, row.port));
    return member === undefined || this.#open.has(member) ? undefined : member;
  }

  /** From this plan on the row at this place rests, unless another one of its member does. */
  settle(i: number, key: BackendKey, record: BackendRecord, member: Member): void {
    const row = this.#group.rows[i] as Row;
    if (this.#open.delete(member))
      this.#resting[i] = { key, row, record, member, eni: this.#eniFor(row, member) };
  }

  result(records: Claim['records']): AtRest {
    return {
      claim: this.claim,
      records,
      rows: this.#group.rows,
      eniVersion: this.#group.eniVersion,
      resting: this.#resting,
      members: this.#members,
      open: this.#open,
    };
  }

  #eniFor({ type }: Row, { ip, podUID }: Member): string | undefined {
    return type === 'eni' && ip !== undefined ? this.#group.eniOf(ip, podUID) : undefined;
  }

  /** By halves: members are sorted by slot. */
  #find(slot: Slot): Member | undefined {
    let from = 0;
    let to = this.#members.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const member = this.#members[middle] as Member;
      if (member.slot === slot) return member;
      if (member.slot < slot) from = middle + 1;
      else to = middle;
    }
    return undefined;
  }
}

const NOTHING: Omit<AtRest, 'claim' | 'records'> = {
  rows: [],
  eniVersion: undefined,
  resting: [],
  members: [],
  open: new Set(),
};

/** How many that left in a row are stepped over. */
const LONGEST_GAP = 64;

/** What of a list is at none of the places, which ascend. */
function leftOut<T>(list: readonly T[], places: Int32Array): readonly T[] {
  const left: T[] = [];
  let next = 0;
  for (const place of places) {
    if (place === -1) continue;
    while (next < place) left.push(list[next++] as T);
    next = place + 1;
  }
  while (next < list.length) left.push(list[next++] as T);
  return left;
}

function isSameClaim({ claim: a, records }: AtRest, b: Claim): boolean {
  return (
    records === b.records &&
    a.uid === b.uid &&
    a.tag === b.tag &&
    a.mode === b.mode &&
    a.ownership === b.ownership &&
    a.suspended === b.suspended &&
    a.deleting === b.deleting &&
    a.mayAdd === b.mayAdd
  );
}
