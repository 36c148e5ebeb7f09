import {
  addressOf,
  type BackendKey,
  backendKey,
  byCodeUnit,
  type Row,
  type Slot,
  type WriteAction,
} from '../backend.ts';
import type { Member } from '../desired/desired.ts';
import { type AtRest, Rest } from './at-rest.ts';
import { type Batch, type Change, orderBatches } from './batches.ts';
import type { BackendRecord, Claim } from './claim.ts';
import { type EniOf, judge } from './judge.ts';
import { type Leaver, settleLeavers } from './leavers.ts';
import { type ClaimReport, Ledger, type Origin } from './ledger.ts';
import { type Place, type Wanted, WantedPlaces } from './wanted.ts';

export type { ClaimReport } from './ledger.ts';

export interface GroupInput {
  /** What the group holds, as the API showed it last; or, while `presumed`, what the bindings' status recorded. */
  readonly rows: readonly Row[];
  /** The group was not read yet: only removals are planned, for they harm nothing when they are not needed. */
  readonly presumed: boolean;
  /** All bindings on the group, sorted by id. */
  readonly claims: readonly Claim[];
  /** The ENI of a pod's address as far as it is known. */
  readonly eniOf: EniOf;
  /** The same only as long as `eniOf` answers the same; undefined when that is not known. */
  readonly eniVersion?: number | undefined;
  /** Rows that the API refused and that are not to be sent for now. A refused weight holds back no removal. */
  readonly refused: { has(key: BackendKey, action: Batch['action']): boolean };
  /** Rows of one number only share a batch with each other: a refused batch is split so (batches.ts). */
  readonly cohorts: { get(key: BackendKey): number | undefined };
  /** The API takes no additions for now: they hold no removal back. */
  readonly additionsBlocked: boolean;
  /** Rows that one call carries. */
  readonly rowsPerCall: Readonly<Record<WriteAction, number>>;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** What the last plan of this group found at rest: it saves time, and changes nothing. */
  readonly atRest?: AtRest | undefined;
}

export interface GroupPlan {
  /** In the order in which they are to be sent. */
  readonly batches: readonly Batch[];
  readonly reports: readonly ClaimReport[];
  /** Members whose ENI decides whether they are added, or whether a row at their address is theirs; sorted by slot. */
  readonly lookups: readonly Member[];
  /** When the next drain ends; milliseconds since the Unix epoch. */
  readonly wakeAt: number | undefined;
  /** For the next plan. */
  readonly atRest: AtRest | undefined;
}

/**
 * Desired × actual → what to write, in which order. Pure: the same input gives the same plan, whatever the order of the
 * rows.
 *
 * | verdict on a row (judge.ts) | = what happens                                                                    |
 * |-----------------------------|-----------------------------------------------------------------------------------|
 * | untouched                   | nothing; its owners keep what they recorded of it                                 |
 * | kept                        | all who want it own it from now on; the first Sync binding among them corrects its weight, RemoveOnly only ends a drain |
 * | leaving                     | removed, drained first, or held by minBackends (leavers.ts)                        |
 * | moved                       | the same, but never drained                                                       |
 * | foreign                     | left alone                                                                        |
 *
 * A row that is kept and whose node is drained has weight 0 for as long, in every mode; the weight it gets back is recorded.
 *
 * | no row at a wanted place    | = what happens                          |
 * |-----------------------------|-----------------------------------------|
 * | wanted by a Sync binding    | added, as soon as its ENI is known      |
 * | wanted by RemoveOnly only   | nothing: something else adds it         |
 * | wanted as a last resort     | nothing: it left, and won't come back   |
 *
 * A second plan over the group that the first one made is empty.
 *
 * Nearly all rows were kept by the last plan as they are. Those of which nothing has changed since are not judged again
 * (at-rest.ts), so that a plan takes time for what changed; it is the same plan.
 */
export function planGroup(input: GroupInput): GroupPlan {
  const planning = new Planning(input);
  for (const [i, row] of input.rows.entries()) planning.decide(row, i);
  planning.settleLeavers();
  if (!input.presumed) planning.addMissing();
  return planning.result();
}

type ChangeList = 'removals' | 'drains' | 'weights' | 'additions';

class Planning {
  readonly #input: GroupInput;
  readonly #active: readonly Claim[];
  readonly #places: WantedPlaces;
  readonly #ledgers: ReadonlyMap<Claim, Ledger>;
  readonly #rest: Rest | undefined;
  readonly #leavers: Leaver[] = [];
  readonly #changes: Record<ChangeList, Change[]> = { removals: [], drains: [], weights: [], additions: [] };
  readonly #lookups = new Map<Slot, Member>();
  #usable = 0;
  #wakeAt: number | undefined;

  constructor(input: GroupInput) {
    this.#input = input;
    this.#active = input.claims.filter(({ suspended }) => !suspended);
    this.#rest = restOf(input);
    this.#places = new WantedPlaces(this.#rest === undefined ? this.#active : []);
    if (this.#rest !== undefined) this.#places.add(this.#rest.claim, this.#rest.open());
    this.#ledgers = new Map(input.claims.map((claim) => [claim, new Ledger(claim)]));
  }

  /** `i`: the place of the row in the group. */
  decide(row: Row, i: number): void {
    if (row.weight > 0) this.#usable++;
    const rest = this.#rest;
    const resting = rest?.at(i);
    if (rest === undefined || resting === undefined) this.#judge(row, i);
    else this.#ledger(rest.claim).keep(resting.key, resting.record);
  }

  #judge(row: Row, i: number): void {
    const { claims, eniOf } = this.#input;
    this.#showBeside(row);
    const key = backendKey(row);
    const verdict = judge(row, key, claims, this.#places, eniOf);
    switch (verdict.is) {
      case 'untouched':
        this.#leaveUntouched(row, key, verdict.owners, verdict.wanted);
        return;
      case 'kept':
        this.#keep(row, i, key, verdict.wanted);
        return;
      case 'leaving':
      case 'moved': {
        const { owners } = verdict;
        const record = this.#recordOf(owners, key);
        this.#leavers.push({ row, key, owners, record, moved: verdict.is === 'moved' });
        return;
      }
      case 'foreign':
        for (const one of verdict.wanted) this.#leaveToOthers(row, one);
    }
  }

  #leaveUntouched(row: Row, key: BackendKey, owners: readonly Claim[], wanted: readonly Wanted[]): void {
    for (const owner of owners) {
      if (owner.deleting) continue;
      const before = owner.records.get(key);
      const paused = before !== undefined && before.state !== 'Registered';
      if (paused)
        this.#ledger(owner).own(key, row, before.row.weight, before.state, before, before.drainingSince);
      else this.#ledger(owner).own(key, row, row.weight, 'Registered', before);
    }
    for (const { claim, member } of wanted) {
      if (owners.includes(claim)) this.#ledger(claim).kept++;
      else if (member !== undefined) this.#ledger(claim).foreignMembers.push(member);
    }
  }

  #keep(row: Row, i: number, key: BackendKey, wanted: readonly Wanted[]): void {
    const decider = wanted.find(decidesWeight) ?? (wanted[0] as Wanted);
    const record = decider.claim.records.get(key) ?? this.#recordOf(this.#active, key);
    // A binding that goes gives the weight back: nobody would, once the node is drained no more.
    const drained = wanted.some(({ claim, member }) => member?.drained && !claim.deleting);
    const returning = row.weight === 0 && record !== undefined && (drained || record.state !== 'Registered');
    let weight = returning ? record.row.weight : row.weight;
    if (decider.member !== undefined && decidesWeight(decider)) weight = decider.member.weight;
    // What RemoveOnly gives back is known from the record alone: it says Draining until the group shows the weight.
    const isAtRest = drained && row.weight === 0;
    const state = isAtRest || (returning && weight > 0) ? 'Draining' : 'Registered';
    let isRecorded = true;
    for (const one of wanted) {
      const ledger = this.#ledger(one.claim);
      ledger.kept++;
      isRecorded = ledger.own(key, row, weight, state, this.#originOf(one, row, record)) && isRecorded;
    }
    if (drained && row.weight > 0) this.#drain(row, key, decider.claim);
    else if (!drained && weight !== row.weight) this.#weigh(row, key, decider.claim, weight);
    else if (isRecorded && record !== undefined) this.#settle(i, key, record, decider.member);
  }

  #settle(i: number, key: BackendKey, record: BackendRecord, member: Member | undefined): void {
    if (member !== undefined && !this.#lookups.has(member.slot)) this.#rest?.settle(i, key, record, member);
  }

  /** A row that is at the place of one that rests is judged by what is wanted there. */
  #showBeside(row: Row): void {
    const rest = this.#rest;
    if (rest === undefined || rest.isNew || this.#places.at(addressOf(row), row.port) !== undefined) return;
    const beside = rest.memberBeside(row);
    if (beside !== undefined) this.#places.add(rest.claim, [beside], true);
  }

  /**
   * The pod that a kept row stands for. Its UID is recorded once its ENI is known to be the row's: an address that went
   * to another pod may be behind another ENI now, and as long as that is open it has to be asked.
   */
  #originOf({ claim, member }: Wanted, row: Row, record: BackendRecord | undefined): Origin | undefined {
    if (member === undefined) return record;
    const { podUID, ip, pod, node, slot } = member;
    const adopted = claim.mode === 'RemoveOnly' && record === undefined;
    const certain = podUID === undefined || podUID === record?.podUID || row.type !== 'eni' || adopted;
    if (certain || ip === undefined || this.#input.eniOf(ip, podUID) !== undefined) return member;
    this.#lookups.set(slot, member);
    return { pod, node };
  }

  #leaveToOthers({ type }: Row, { claim, member }: Wanted): void {
    if (member === undefined) return;
    this.#ledger(claim).foreignMembers.push(member);
    // An old row of somebody else at another ENI must not keep the pod out.
    const mayMove = type === 'eni' && member.ip !== undefined && claim.mayAdd;
    if (mayMove && this.#input.eniOf(member.ip, member.podUID) === undefined)
      this.#lookups.set(member.slot, member);
  }

  settleLeavers(): void {
    if (this.#leavers.length === 0) return;
    const { now } = this.#input;
    const kept = (claim: Claim) => this.#ledger(claim).kept;
    for (const [{ row, key, record }, leave] of settleLeavers(this.#leavers, this.#active, kept, now)) {
      const { claim } = leave;
      const ledger = this.#ledger(claim);
      const weight = row.weight === 0 && record !== undefined ? record.row.weight : row.weight;
      switch (leave.step) {
        case 'hold':
          ledger.own(key, row, weight, 'Held', record);
          if (leave.revive && weight !== row.weight) this.#weigh(row, key, claim, weight);
          break;
        case 'remove':
          ledger.own(key, row, weight, 'Removing', record, record?.drainingSince);
          this.#change('removals', 'remove', { row, key, claim: claim.id });
          break;
        case 'drain':
        case 'wait':
          ledger.own(key, row, weight, 'Draining', record, leave.since);
          this.#wakeAt = Math.min(this.#wakeAt ?? leave.until, leave.until);
          if (leave.step === 'drain') this.#drain(row, key, claim);
      }
    }
  }

  addMissing(): void {
    for (const place of this.#places.unfilled()) this.#fill(place);
  }

  #fill({ wanted }: Place): void {
    let added = false;
    for (const { claim, member } of wanted) {
      if (member === undefined) continue;
      if (member.lastResort) {
        this.#ledger(claim).passedOver++;
        continue;
      }
      this.#ledger(claim).pending.push(member);
      if (!added && claim.mode === 'Sync' && claim.mayAdd) added = this.#add(claim, member);
    }
  }

  #add(claim: Claim, member: Member): boolean {
    const { type, port, ip } = member;
    const weight = member.drained ? 0 : member.weight;
    const serverId = member.instanceId ?? (ip && this.#input.eniOf(ip, member.podUID));
    if (serverId === undefined || serverId === '') {
      this.#lookups.set(member.slot, member);
      return false;
    }
    const address = ip === undefined ? {} : { serverIp: ip };
    const row: Row = { serverId, port, type, ...address, weight, description: claim.tag };
    return this.#change('additions', 'add', { row, key: backendKey(row), claim: claim.id, member });
  }

  #drain(row: Row, key: BackendKey, { id }: Claim): void {
    if (this.#input.presumed) return;
    this.#change('drains', 'set', { row: { ...row, weight: 0 }, key, claim: id, was: row.weight });
  }

  #weigh(row: Row, key: BackendKey, { id }: Claim, weight: number): void {
    if (this.#input.presumed) return;
    this.#change('weights', 'set', { row: { ...row, weight }, key, claim: id, was: row.weight });
  }

  #change(list: ChangeList, action: Batch['action'], change: Change): boolean {
    if (this.#input.refused.has(change.key, action)) return false;
    this.#changes[list].push(change);
    return true;
  }

  #recordOf(claims: readonly Claim[], key: BackendKey): BackendRecord | undefined {
    for (const { records } of claims) {
      const record = records.get(key);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  #ledger(claim: Claim): Ledger {
    const ledger = this.#ledgers.get(claim);
    if (ledger === undefined) throw new Error(`binding ${claim.id} is not part of this plan`);
    return ledger;
  }

  result(): GroupPlan {
    const { rows, cohorts, additionsBlocked, rowsPerCall } = this.#input;
    const reports = [...this.#ledgers.values()].map((ledger) => ledger.report(rows.length));
    return {
      batches: orderBatches({
        ...this.#changes,
        usable: this.#usable,
        cohorts,
        additionsBlocked,
        rowsPerCall,
      }),
      reports,
      lookups: [...this.#lookups.values()].sort((a, b) => byCodeUnit(a.slot, b.slot)),
      wakeAt: this.#wakeAt,
      atRest: this.#rest?.result((reports[0] as ClaimReport).records),
    };
  }
}

/** Only what is known of the group itself is at rest, and only one binding's rows are followed. */
function restOf(input: GroupInput): Rest | undefined {
  const [claim] = input.claims;
  if (input.presumed || claim?.desired.kind !== 'members' || claim.suspended || input.claims.length > 1)
    return undefined;
  return new Rest(claim, claim.desired.members, input, input.atRest);
}

/** Whether it knows the weight, and may have its way: not while it can't add either (its pods' weights are not known). */
function decidesWeight({ claim, member }: Wanted): boolean {
  return member !== undefined && claim.mode === 'Sync' && claim.mayAdd;
}
