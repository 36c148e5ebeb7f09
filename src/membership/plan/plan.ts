import {
  type BackendKey,
  backendKey,
  byCodeUnit,
  type KnownRow,
  type Row,
  type Slot,
  type WriteAction,
} from '../backend.ts';
import type { Member } from '../desired/member.ts';
import { type Batch, type Change, orderBatches } from './batches.ts';
import type { BackendRecord, Claim, Origin } from './claim.ts';
import { type EniOf, judge, type Want } from './judge.ts';
import { type Leaver, settleLeavers } from './leavers.ts';
import { type ClaimReport, Ledger } from './ledger.ts';

export type { ClaimReport } from './ledger.ts';

export interface PlanInput {
  /** What the group holds, as the API showed it last; or, while `presumed`, what the bindings' status recorded. */
  readonly rows: readonly KnownRow[];
  /** The group was not read yet: only removals are planned, for they harm nothing when they are not needed. */
  readonly presumed: boolean;
  /** All bindings on the group, sorted by id. */
  readonly claims: readonly Claim[];
  /** The ENI of a pod's address as far as it is known. */
  readonly eniOf: EniOf;
  /** Rows that the API refused and that are not to be sent for now. A refused weight holds back no removal. */
  readonly refused: { has(key: BackendKey, action: Batch['action']): boolean };
  /** Rows of one number only share a batch with each other: a refused batch is split so (batches.ts). */
  readonly cohorts: { get(key: BackendKey): number | undefined };
  /** The API takes no additions for now: they hold no removal back. */
  readonly additionsBlocked: boolean;
  /** Rows that one call carries. */
  readonly rowsPerCall: Readonly<Record<WriteAction, number>>;
  /** Milliseconds that each backend has waited for a status to show it. */
  readonly unshownForMs: (key: BackendKey) => number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

export interface GroupPlan {
  /** In the order in which they are to be sent. */
  readonly batches: readonly Batch[];
  readonly reports: readonly ClaimReport[];
  /** Members whose ENI decides whether they are added, or whether a row at their address is theirs; sorted by slot. */
  readonly lookups: readonly Member[];
  /**
   * When the next drain ends, what waits for a status waits no longer, or time alone changes what is wanted; milliseconds since
   * the Unix epoch.
   */
  readonly wakeAt: number | undefined;
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
 * | the group has rows with a weight of members that neither depart nor are last resorts | = a member that departs with its node |
 * |---------------------------------------------------------------------------------------|---------------------------------------|
 * | yes                                                                                   | is as if its node were drained        |
 * | no                                                                                    | is as any other                       |
 *
 * Rows that stand for nothing here don't count: nobody knows whether they answer. Nor do those that are to be added: they may be
 * refused. What departs is never removed for it, whatever spec.drain: it lives, and its node may stay after all.
 *
 * | what outlives only by a status                     | = what happens until the status shows it                      |
 * |-----------------------------------------------------|---------------------------------------------------------------|
 * | weight 0, by RemoveOnly: its rows carry no tag      | the weight stays, for 2 s at most                             |
 * | a row that another binding wants in its owner's stead | it is its owner's as well, for 30 s at most: no finalizer goes |
 *
 * | no row at a wanted place    | = what happens                          |
 * |-----------------------------|-----------------------------------------|
 * | wanted by a Sync binding    | added, as soon as its ENI is known      |
 * | wanted by RemoveOnly only   | nothing: something else adds it         |
 * | wanted as a last resort     | nothing: it left, and won't come back   |
 *
 * A second plan over the group that the first one made is empty, unless that held what minBackends needed or left what departs
 * its weight: others have come meanwhile.
 */
export function planGroup(input: PlanInput): GroupPlan {
  const planning = planned(input, 'as if drained');
  const mayRest = planning.taking > 0 || !input.claims.some(hasDeparting);
  return (mayRest ? planning : planned(input, 'as any other')).result();
}

function planned(input: PlanInput, departing: Departing): Planning {
  const planning = new Planning(input, departing);
  for (const known of input.rows) planning.decide(known);
  planning.settleLeavers();
  if (!input.presumed) planning.addMissing();
  return planning;
}

/** A pod on its way out must not get requests for long because the API server takes no status. */
const DRAIN_PATIENCE_MS = 2_000;
/** Nor may a deleted binding stay for ever. */
const HANDOVER_PATIENCE_MS = 30_000;

/** How members are that depart with their node. */
type Departing = 'as if drained' | 'as any other';

type ChangeList = 'removals' | 'drains' | 'weights' | 'additions';

class Planning {
  readonly #input: PlanInput;
  readonly #departing: Departing;
  /** Rows with a weight, before and after, of members that neither depart nor are last resorts. */
  taking = 0;
  readonly #active: readonly Claim[];
  readonly #ledgers: ReadonlyMap<Claim, Ledger>;
  readonly #leavers: Leaver[] = [];
  readonly #changes: Record<ChangeList, Change[]> = { removals: [], drains: [], weights: [], additions: [] };
  readonly #lookups = new Map<Slot, Member>();
  #usable = 0;
  #wakeAt: number | undefined;

  constructor(input: PlanInput, departing: Departing) {
    this.#input = input;
    this.#departing = departing;
    this.#active = input.claims.filter(({ suspended }) => !suspended);
    this.#ledgers = new Map(input.claims.map((claim) => [claim, new Ledger(claim)]));
    for (const { desired } of input.claims) if (desired.kind === 'members') this.#wakeBy(desired.until);
  }

  decide(known: KnownRow): void {
    const { row, key } = known;
    const { is, owners, wanted, filled, former } = judge(known, this.#input.claims, this.#input.eniOf);
    if (row.weight > 0) this.#usable++;
    for (const { claim, index } of filled) this.#ledger(claim).fill(index);
    let weight = row.weight;
    switch (is) {
      case 'untouched':
        this.#leaveUntouched(known, owners, wanted);
        break;
      case 'kept':
        weight = this.#keep(known, owners, wanted);
        break;
      case 'leaving':
      case 'moved':
        this.#leavers.push({
          ...{ row, key, owners, moved: is === 'moved' },
          record: recordOf(owners, key) ?? (former && { row, state: 'Registered', ...former }),
        });
        break;
      case 'foreign':
        for (const want of wanted) this.#leaveToOthers(row, want);
    }
    if (row.weight > 0 && weight > 0 && wanted.some(({ member }) => isSteady(member))) this.taking++;
  }

  #leaveUntouched(known: KnownRow, owners: readonly Claim[], wanted: readonly Want[]): void {
    for (const owner of owners) {
      if (owner.deleting) continue;
      const before = owner.records.get(known.key);
      const paused = before !== undefined && before.state !== 'Registered';
      const weight = paused ? before.row.weight : known.row.weight;
      const state = paused ? before.state : 'Registered';
      const since = paused ? before.drainingSince : undefined;
      this.#ledger(owner).own(known, before, weight, state, before, since);
    }
    for (const { claim, member } of wanted) {
      if (owners.includes(claim)) this.#ledger(claim).kept++;
      else if (member !== undefined) this.#ledger(claim).foreignMembers.push(member);
    }
  }

  /** Returns the weight that the row is to have. */
  #keep(known: KnownRow, owners: readonly Claim[], wanted: readonly Want[]): number {
    const { row, key } = known;
    const decider = wanted.find(decidesWeight) ?? (wanted[0] as Want);
    const recorded = decider.claim.records.get(key);
    const record = recorded ?? recordOf(this.#active, key);
    // A deleted binding restores the weight: nothing else would, once the drain of the node ends.
    const drained = wanted.some(({ claim, member }) => this.#isResting(member) && !claim.deleting);
    const returning = row.weight === 0 && record !== undefined && (drained || record.state !== 'Registered');
    let weight = returning ? record.row.weight : row.weight;
    if (decider.member !== undefined && decidesWeight(decider)) weight = decider.member.weight;
    // What RemoveOnly gives back is known from the record alone: it says Draining until the group shows the weight.
    const isOut = drained || (returning && weight > 0);
    const state = isOut ? 'Draining' : 'Registered';
    for (const want of wanted) {
      const ledger = this.#ledger(want.claim);
      const before = want === decider ? recorded : want.claim.records.get(key);
      ledger.kept++;
      ledger.own(known, before, weight, state, this.#originOf(want, row, record));
    }
    for (const owner of owners) {
      const wants = wanted.some(({ claim }) => claim === owner);
      if ((wants && !owner.deleting) || !this.#isPassing(known, owner, wanted)) continue;
      if (!wants) this.#ledger(owner).own(known, owner.records.get(key), weight, state, record);
    }
    if (drained && row.weight > 0) this.#drain(row, key, decider.claim, undefined);
    else if (!drained && weight !== row.weight) this.#weigh(row, key, decider.claim, weight);
    return drained ? 0 : weight;
  }

  /** Whether it has weight 0 for as long as its node is what it is. */
  #isResting(member: Member | undefined): boolean {
    return !!member?.drained || (!!member?.departing && this.#departing === 'as if drained');
  }

  /**
   * The pod that a kept row stands for. Its UID is recorded once its ENI is known to be the row's: an address that went
   * to another pod may be behind another ENI now, and as long as that is open it has to be asked.
   */
  #originOf({ claim, member }: Want, row: Row, record: BackendRecord | undefined): Origin | undefined {
    if (member === undefined) return record;
    const { podUID, ip, pod, node, slot } = member;
    const adopted = claim.mode === 'RemoveOnly' && record === undefined;
    const certain = podUID === undefined || podUID === record?.podUID || row.type !== 'eni' || adopted;
    if (certain || ip === undefined || this.#input.eniOf(ip, podUID) !== undefined) return member;
    this.#lookups.set(slot, member);
    return { pod, node };
  }

  /** Whether none of those who take the row over would find it again but for its owner. */
  #isPassing({ row, key }: KnownRow, owner: Claim, wanted: readonly Want[]): boolean {
    const heirs = wanted.filter(({ claim }) => !claim.deleting);
    if (heirs.some(({ claim }) => row.description === claim.tag || claim.shows(key))) return false;
    for (const { claim } of heirs) this.#ledger(claim).unshown.push(key);
    if (heirs.length > 0 && !this.#waits(key, HANDOVER_PATIENCE_MS)) return false;
    this.#ledger(owner).passing ||= heirs.length > 0;
    return true;
  }

  /** Whether what a status does not show is waited for still. */
  #waits(key: BackendKey, patienceMs: number): boolean {
    const leftMs = patienceMs - this.#input.unshownForMs(key);
    if (leftMs <= 0) return false;
    this.#wakeBy(this.#input.now + leftMs);
    return true;
  }

  #wakeBy(at: number | undefined): void {
    if (at !== undefined) this.#wakeAt = Math.min(this.#wakeAt ?? at, at);
  }

  #leaveToOthers({ type }: Row, { claim, member }: Want): void {
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
    for (const [leaver, leave] of settleLeavers(this.#leavers, this.#active, kept, now)) {
      const { row, key, record } = leaver;
      const { claim } = leave;
      const weight = row.weight === 0 && record !== undefined ? record.row.weight : row.weight;
      const own = (state: BackendRecord['state'], since?: number) =>
        this.#ledger(claim).own(leaver, claim.records.get(key), weight, state, record, since);
      switch (leave.step) {
        case 'hold':
          own('Held');
          if (leave.revive && weight !== row.weight) this.#weigh(row, key, claim, weight);
          break;
        case 'remove':
          own('Removing', record?.drainingSince);
          this.#change('removals', 'remove', { row, key, claim: claim.id });
          break;
        case 'drain':
        case 'wait':
          own('Draining', leave.since);
          this.#wakeBy(leave.until);
          if (leave.step === 'drain') this.#drain(row, key, claim, leave.since);
      }
    }
  }

  addMissing(): void {
    const added = new Set<Slot>();
    for (const claim of this.#active) {
      const ledger = this.#ledger(claim);
      for (const member of ledger.unfilled()) {
        if (member.lastResort) {
          ledger.passedOver++;
          continue;
        }
        ledger.pending.push(member);
        const mayAdd = claim.mode === 'Sync' && claim.mayAdd && !added.has(member.slot);
        if (mayAdd && this.#add(claim, member)) added.add(member.slot);
      }
    }
  }

  #add(claim: Claim, member: Member): boolean {
    const { type, port, ip } = member;
    const weight = this.#isResting(member) ? 0 : member.weight;
    const serverId = member.instanceId ?? (ip && this.#input.eniOf(ip, member.podUID));
    if (serverId === undefined || serverId === '') {
      this.#lookups.set(member.slot, member);
      return false;
    }
    const address = type === 'ecs' || ip === undefined ? {} : { serverIp: ip };
    const row: Row = { serverId, port, type, ...address, weight, description: claim.tag };
    return this.#change('additions', 'add', { row, key: backendKey(row), claim: claim.id, member });
  }

  #drain(row: Row, key: BackendKey, claim: Claim, since: number | undefined): void {
    if (this.#input.presumed) return;
    if (claim.mode === 'RemoveOnly' && !claim.shows(key, { weight: row.weight, since })) {
      this.#ledger(claim).unshown.push(key);
      if (this.#waits(key, DRAIN_PATIENCE_MS)) return;
    }
    this.#change('drains', 'set', { row: { ...row, weight: 0 }, key, claim: claim.id, was: row.weight });
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

  #ledger(claim: Claim): Ledger {
    const ledger = this.#ledgers.get(claim);
    if (ledger === undefined) throw new Error(`binding ${claim.id} is not part of this plan`);
    return ledger;
  }

  result(): GroupPlan {
    const { rows, cohorts, additionsBlocked, rowsPerCall } = this.#input;
    return {
      batches: orderBatches({
        ...this.#changes,
        usable: this.#usable,
        cohorts,
        additionsBlocked,
        rowsPerCall,
      }),
      reports: [...this.#ledgers.values()].map((ledger) => ledger.report(rows.length)),
      lookups: [...this.#lookups.values()].sort((a, b) => byCodeUnit(a.slot, b.slot)),
      wakeAt: this.#wakeAt,
    };
  }
}

/** Whether it knows the weight, and may have its way: not while it can't add either (its pods' weights are not known). */
function decidesWeight({ claim, member }: Want): boolean {
  return member !== undefined && claim.mode === 'Sync' && claim.mayAdd;
}

const hasDeparting = ({ desired, suspended }: Claim): boolean =>
  !suspended && desired.kind === 'members' && desired.members.some(({ departing }) => departing);

/** Alive, and nothing says that it won't be for long. */
function isSteady(member: Member | undefined): boolean {
  return member !== undefined && !member.drained && !member.departing && !member.lastResort;
}

function recordOf(claims: readonly Claim[], key: BackendKey): BackendRecord | undefined {
  for (const { records } of claims) {
    const record = records.get(key);
    if (record !== undefined) return record;
  }
  return undefined;
}
