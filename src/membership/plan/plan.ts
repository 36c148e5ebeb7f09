import {
  type BackendKey,
  backendKey,
  byCodeUnit,
  type KnownRow,
  type Row,
  type Slot,
  type WriteAction,
} from '../backend.ts';
import { type GivenState, type Member, statesOf } from '../desired/member.ts';
import { type Batch, type Change, orderBatches, usableAfter } from './batches.ts';
import type { BackendRecord, Claim, Origin } from './claim.ts';
import { type EniOf, judge, type Want } from './judge.ts';
import { type Leaver, mayLinger, settleLeavers } from './leavers.ts';
import { type ClaimReport, Ledger } from './ledger.ts';

export type { ClaimReport } from './ledger.ts';

export interface PlanInput {
  readonly rows: readonly KnownRow[];
  /**
   * - `shown`: as the API last showed them
   * - `doubted`: the same, but a write of unknown outcome, or still in progress, came after
   * - `presumed`: as recorded in the bindings' status, because the group has not been read yet. Only removals are planned,
   *   because an unnecessary removal does no harm.
   */
  readonly rowsAre: 'shown' | 'doubted' | 'presumed';
  /** All bindings on the group, sorted by id. */
  readonly claims: readonly Claim[];
  /** The ENI of a pod's address, if known. */
  readonly eniOf: EniOf;
  /** Rows that the API refused and that must not be sent for now. A refused weight does not hold back a removal. */
  readonly refused: { has(key: BackendKey, action: Batch['action']): boolean };
  /** Only rows of the same cohort share a batch; this is how a refused batch is split (batches.ts). */
  readonly cohorts: { get(key: BackendKey): number | undefined };
  /** The API accepts no additions for now, so that no batch of them goes first. */
  readonly additionsBlocked: boolean;
  /** It accepts more only once others have been removed. */
  readonly isFull: boolean;
  /** Limit of rows for one call. */
  readonly rowsPerCall: Readonly<Record<WriteAction, number>>;
  /** Milliseconds that a backend has waited for a status to show it. */
  readonly unshownForMs: (key: BackendKey) => number;
  /** Milliseconds that a backend has waited to be taken out of service. */
  readonly leavingForMs: (key: BackendKey) => number;
  /** `Clock.now()` milliseconds. */
  readonly now: number;
}

export interface GroupPlan {
  /** In the order in which they must be sent. */
  readonly batches: readonly Batch[];
  readonly reports: readonly ClaimReport[];
  /** Members whose ENI must be looked up to add them, or to tell whether a row at their address is theirs; sorted by slot. */
  readonly lookups: readonly Member[];
  /** Backends that are to be taken out of service, and serve on until others take their place; sorted. */
  readonly lingering: readonly BackendKey[];
  /**
   * When the next drain ends, the next wait for a status or for other backends times out, or the passing of time alone changes
   * what is wanted; `Clock.now()` milliseconds.
   */
  readonly wakeAt: number | undefined;
}

/**
 * Compares desired and actual state, and plans what to write in which order. Pure: the same input gives the same plan, whatever the
 * order of the rows.
 *
 * | verdict on a row (judge.ts) | = what happens                                                                                     |
 * |-----------------------------|----------------------------------------------------------------------------------------------------|
 * | untouched                   | nothing; its owners keep their records of it                                                       |
 * | kept                        | all who want it own it now; the first Sync binding of them sets its weight, RemoveOnly ends drains |
 * | leaving                     | it is removed, drained first, or held by minBackends (leavers.ts)                                  |
 * | moved                       | the same, but it is never drained                                                                  |
 * | foreign                     | it is left alone, and gets back the weight that it had before `Exclusive` drained it               |
 *
 * A kept row whose node is drained has weight 0 during the drain, in every mode; the weight that it gets back is recorded.
 *
 * | the group has weighted rows of members that are not drained, departing or last resorts | = a departing member                  |
 * |----------------------------------------------------------------------------------------|---------------------------------------|
 * | yes                                                                                    | is treated as if its node was drained |
 * | no                                                                                     | is treated like any other             |
 *
 * What an undetermined binding keeps counts as a member. Rows without a member here do not count, because it is not known whether
 * they answer. Rows that are still to be added do not count either, because they may be refused. A departing member is never
 * removed because it departs, whatever spec.drain says: it is alive, and its node may stay after all.
 *
 * | what only a status preserves                         | = what happens until the status shows it                               |
 * |------------------------------------------------------|------------------------------------------------------------------------|
 * | weight 0 set by RemoveOnly, whose rows have no tag   | the row keeps its weight, for 2 s at most                              |
 * | a row that another binding takes over from its owner | the owner still owns it too, and keeps its finalizer, for 30 s at most |
 *
 * | no row at a wanted slot     | = what happens                          |
 * |-----------------------------|-----------------------------------------|
 * | wanted by a Sync binding    | added, as soon as its ENI is known      |
 * | wanted by RemoveOnly only   | nothing: another system adds it         |
 * | wanted as a last resort     | nothing: it left, and is not added      |
 *
 * The last backends that take requests wait for others that can't be added yet: an ENI is not known, the API refuses an addition,
 * the group has not been read, or the binding may not add yet. Until then their end has not begun: they count as registered.
 *
 * | some row will have weight | a weighted member is missing | what is to be removed or drained     | = it                      |
 * |---------------------------|------------------------------|--------------------------------------|---------------------------|
 * | yes                       | –                            | –                                    | goes at once              |
 * | no                        | no, or until there is room   | –                                    | goes at once              |
 * | no                        | yes                          | moved, gone, or its pod is not Ready | goes at once              |
 * | no                        | yes                          | of bindings that are being deleted   | goes at once              |
 * | no                        | yes                          | any other, also on a drained node    | lingers, for 30 s at most |
 *
 * A second plan for the group that results from the first one is empty, unless the first held rows for minBackends, or let
 * departing members keep their weight, and other backends have been added since.
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
  if (input.rowsAre !== 'presumed') planning.addMissing();
  planning.keepLast();
  return planning;
}

/** A leaving pod must not get requests for long if the status cannot be written. */
const DRAIN_PATIENCE_MS = 2_000;
/** A deleted binding must not stay forever if the status cannot be written. */
const HANDOVER_PATIENCE_MS = 30_000;
/**
 * A lookup that hangs is tried again by then, and a terminating pod has usually ended. It ends at all because a user may turn away
 * from pods that are Ready and yet broken.
 */
const LINGERING_PATIENCE_MS = 30_000;

/** How departing members are treated. */
type Departing = 'as if drained' | 'as any other';

type ChangeList = 'removals' | 'drains' | 'weights' | 'additions';

class Planning {
  readonly #input: PlanInput;
  readonly #departing: Departing;
  /** Number of rows with a weight, both before and after this plan, of members that are not drained, departing or last resorts. */
  taking = 0;
  readonly #active: readonly Claim[];
  readonly #ledgers: ReadonlyMap<Claim, Ledger>;
  readonly #leavers: Leaver[] = [];
  readonly #changes: Record<ChangeList, Change[]> = { removals: [], drains: [], weights: [], additions: [] };
  readonly #lookups = new Map<Slot, Member>();
  readonly #lingering: BackendKey[] = [];
  #usable = 0;
  #wakeAt: number | undefined;

  constructor(input: PlanInput, departing: Departing) {
    this.#input = input;
    this.#departing = departing;
    this.#active = input.claims.filter(({ suspended }) => !suspended);
    this.#ledgers = new Map(input.claims.map((claim) => [claim, new Ledger(claim)]));
    for (const { desired } of input.claims) this.#wakeBy(desired.until);
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
        this.#giveBack(known);
    }
    if (row.weight > 0 && weight > 0 && wanted.some(({ given }) => isSteady(given))) this.taking++;
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

  /** Returns the weight that the row should have. */
  #keep(known: KnownRow, owners: readonly Claim[], wanted: readonly Want[]): number {
    const { row, key } = known;
    const decider = wanted.find(decidesWeight) ?? (wanted[0] as Want);
    const recorded = decider.claim.records.get(key);
    const record = recorded ?? recordOf(this.#active, key);
    // A deleted binding restores the weight, because nobody else would when the drain of the node ends.
    const drained = wanted.some(({ claim, given }) => this.#isResting(given) && !claim.deleting);
    const returning =
      record !== undefined &&
      (row.weight === 0 ? drained || record.state !== 'Registered' : this.#mayHaveDrained(record));
    let weight = returning ? record.row.weight : row.weight;
    if (decider.member !== undefined && decidesWeight(decider)) weight = decider.member.weight;
    // RemoveOnly knows the weight to restore only from the record, which stays Draining until the group shows that weight.
    const isOut = drained || (returning && weight > 0);
    const state = isOut ? 'Draining' : 'Registered';
    for (const want of wanted) {
      const ledger = this.#ledger(want.claim);
      const before = want === decider ? recorded : want.claim.records.get(key);
      ledger.kept++;
      if (want.member?.unreachable) ledger.unreachable.push(want.member);
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

  /** Whether the row may have weight 0 by now, whatever weight is known of it. */
  #mayHaveDrained({ state }: BackendRecord): boolean {
    return state !== 'Registered' && this.#input.rowsAre !== 'shown';
  }

  /** Whether the backend has weight 0 because of its node. */
  #isResting({ drained, departing }: GivenState): boolean {
    return !!drained || (!!departing && this.#departing === 'as if drained');
  }

  /**
   * The pod that a kept row stands for. Its UID is recorded only once its ENI is known to be the row's: if the address went to
   * another pod, it may be behind another ENI now, which must be looked up until it is known.
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

  /** Whether no binding that takes the row over could recognise it yet without its owner. */
  #isPassing({ row, key }: KnownRow, owner: Claim, wanted: readonly Want[]): boolean {
    const heirs = wanted.filter(({ claim }) => !claim.deleting);
    if (heirs.some(({ claim }) => row.description === claim.tag || claim.shows(key))) return false;
    for (const { claim } of heirs) this.#ledger(claim).unshown.push(key);
    if (heirs.length > 0 && !this.#waits(this.#input.unshownForMs(key), HANDOVER_PATIENCE_MS)) return false;
    this.#ledger(owner).passing ||= heirs.length > 0;
    return true;
  }

  /** Whether to keep waiting after so long. */
  #waits(forMs: number, patienceMs: number): boolean {
    const leftMs = patienceMs - forMs;
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
    // Somebody else's old row at another ENI must not keep the pod out of the group.
    const mayMove = type === 'eni' && member.ip !== undefined && claim.mayAdd;
    if (mayMove && this.#input.eniOf(member.ip, member.podUID) === undefined)
      this.#lookups.set(member.slot, member);
  }

  /** Only a stranger that was leaving is foreign and has a record. If the API refuses its weight, it is forgotten. */
  #giveBack(known: KnownRow): void {
    const { row, key } = known;
    for (const claim of this.#input.claims) {
      const record = claim.records.get(key);
      const weight = record?.row.weight ?? 0;
      if (record === undefined || weight === 0 || this.#input.refused.has(key, 'set')) continue;
      if (row.weight > 0 && !this.#mayHaveDrained(record)) continue;
      this.#ledger(claim).own(known, record, weight, record.state, record, record.drainingSince);
      if (row.weight === 0 && !claim.suspended) this.#weigh(row, key, claim, weight);
    }
  }

  settleLeavers(): void {
    if (this.#leavers.length === 0) return;
    const { now } = this.#input;
    const kept = (claim: Claim) => this.#ledger(claim).kept;
    for (const [leaver, leave] of settleLeavers(this.#leavers, this.#active, kept, now)) {
      const { row, key, record } = leaver;
      const { claim } = leave;
      const weight = row.weight === 0 && record !== undefined ? record.row.weight : row.weight;
      const isStranger = record === undefined && row.description !== claim.tag;
      const from = isStranger ? ({ stranger: true } as const) : record;
      const own = (state: BackendRecord['state'], since?: number) =>
        this.#ledger(claim).own(leaver, claim.records.get(key), weight, state, from, since);
      switch (leave.step) {
        case 'hold':
          own('Held');
          if (leave.to === 'weight 0' && row.weight > 0) this.#drain(row, key, claim, undefined, from);
          if (leave.to === 'the weight it had' && weight !== row.weight) this.#weigh(row, key, claim, weight);
          break;
        case 'remove':
          own('Removing', record?.drainingSince);
          this.#change('removals', 'remove', { row, key, claim: claim.id });
          break;
        case 'drain':
        case 'wait':
          own('Draining', leave.since);
          this.#wakeBy(leave.until);
          if (leave.step === 'drain') this.#drain(row, key, claim, leave.since, from);
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
        if (adds(claim) && !added.has(member.slot) && this.#add(claim, member)) added.add(member.slot);
      }
    }
  }

  #add(claim: Claim, member: Member): boolean {
    const { type, port, ip } = member;
    const weight = this.#weightOf(member);
    const serverId = member.instanceId ?? (ip && this.#input.eniOf(ip, member.podUID));
    if (serverId === undefined || serverId === '') {
      this.#lookups.set(member.slot, member);
      return false;
    }
    const address = type === 'ecs' || ip === undefined ? {} : { serverIp: ip };
    const row: Row = { serverId, port, type, ...address, weight, description: claim.tag };
    return this.#change('additions', 'add', { row, key: backendKey(row), claim: claim.id, member });
  }

  #weightOf(member: Member): number {
    return this.#isResting(member) ? 0 : member.weight;
  }

  /** See the last table over planGroup. */
  keepLast(): void {
    const { additionsBlocked, isFull } = this.#input;
    const { removals, drains } = this.#changes;
    if (removals.length + drains.length === 0 || isFull) return;
    const usable = usableAfter({ ...this.#changes, usable: this.#usable, additionsBlocked });
    if (usable > 0 || !this.#expectsMembers()) return;
    const leavers = new Map(this.#leavers.map((leaver) => [leaver.key, leaver]));
    const goes = ({ key }: Change) => {
      const leaver = leavers.get(key);
      const lingers =
        (leaver === undefined || mayLinger(leaver)) &&
        this.#waits(this.#input.leavingForMs(key), LINGERING_PATIENCE_MS);
      if (!lingers) return true;
      this.#lingering.push(key);
      for (const ledger of this.#ledgers.values()) ledger.serveOn(key);
      return false;
    };
    this.#changes.removals = removals.filter(goes);
    this.#changes.drains = drains.filter(goes);
  }

  /** Whether members that would take requests are to be added. Those outside the cloud may never be. */
  #expectsMembers(): boolean {
    const takes = (member: Member) => !member.lastResort && !member.outside && this.#weightOf(member) > 0;
    return this.#active.some(
      (claim) => claim.mode === 'Sync' && claim.granted && this.#ledger(claim).unfilled().some(takes),
    );
  }

  #drain(row: Row, key: BackendKey, claim: Claim, since: number | undefined, from?: Origin): void {
    if (this.#input.rowsAre === 'presumed') return;
    const isShown = () => from?.stranger || claim.shows(key, { weight: row.weight, since });
    if (claim.mode === 'RemoveOnly' && !isShown()) {
      this.#ledger(claim).unshown.push(key);
      if (this.#waits(this.#input.unshownForMs(key), DRAIN_PATIENCE_MS)) return;
    }
    this.#change('drains', 'set', { row: { ...row, weight: 0 }, key, claim: claim.id, was: row.weight });
  }

  #weigh(row: Row, key: BackendKey, { id }: Claim, weight: number): void {
    if (this.#input.rowsAre === 'presumed') return;
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
      lingering: this.#lingering.toSorted(byCodeUnit),
      wakeAt: this.#wakeAt,
    };
  }
}

/** Whether the binding sets the row's weight. Not while it may not add either, because the pods' weights may not be known. */
function decidesWeight({ claim, member }: Want): boolean {
  return member !== undefined && adds(claim);
}

function adds({ mode, mayAdd }: Claim): boolean {
  return mode === 'Sync' && mayAdd;
}

function hasDeparting({ desired, suspended }: Claim): boolean {
  return !suspended && statesOf(desired).some(({ departing }) => departing);
}

/** Alive, and likely to stay so. */
function isSteady({ drained, departing, lastResort }: GivenState): boolean {
  return !drained && !departing && !lastResort;
}

function recordOf(claims: readonly Claim[], key: BackendKey): BackendRecord | undefined {
  for (const { records } of claims) {
    const record = records.get(key);
    if (record !== undefined) return record;
  }
  return undefined;
}
