import { type BackendKey, backendKey, byCodeUnit, type Row, type Slot, slotOf } from './backend.ts';
import { type Batch, type Change, orderBatches } from './batches.ts';
import type { BackendRecord, Claim } from './claim.ts';
import type { Member } from './desired.ts';
import { isGone, nextDrainStep } from './drain.ts';
import { ownersOf } from './ownership.ts';

export interface GroupInput {
  /** What the group holds, as the API showed it last; or, while `presumed`, what the bindings' status recorded. */
  readonly rows: readonly Row[];
  /** The group was not read yet: only removals are planned, for they harm nothing when they are not needed. */
  readonly presumed: boolean;
  /** All bindings on the group, sorted by id. */
  readonly claims: readonly Claim[];
  /** The ENI of a pod's address as far as it is known. */
  readonly eniOf: (ip: string, podUID: string | undefined) => string | undefined;
  /** Rows that the API refused and that are not to be sent for now. */
  readonly refused: { has(key: BackendKey): boolean };
  /** Rows of one number only share a batch with each other: a refused batch is split so (batches.ts). */
  readonly cohorts: { get(key: BackendKey): number | undefined };
  /** The API takes no additions for now: they hold no removal back. */
  readonly additionsBlocked: boolean;
  /** Rows that one call carries. */
  readonly batchSize: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

export interface GroupPlan {
  /** In the order in which they are to be sent. */
  readonly batches: readonly Batch[];
  readonly reports: readonly ClaimReport[];
  /** Members that can't be added, or an address that changed pods, before their ENI is looked up. */
  readonly lookups: readonly Member[];
  /** When the next drain ends; milliseconds since the Unix epoch. */
  readonly wakeAt: number | undefined;
}

/** What the plan says of one binding, for its status. */
export interface ClaimReport {
  readonly claim: Claim;
  readonly records: ReadonlyMap<BackendKey, BackendRecord>;
  readonly pending: readonly Member[];
  /** Members that are in the group, but as somebody else's row. */
  readonly foreignMembers: readonly Member[];
  /** Rows of the group that are not this binding's. */
  readonly foreign: number;
}

interface Wanted {
  readonly claim: Claim;
  readonly member: Member | undefined;
}

type Verdict =
  | { readonly is: 'foreign'; readonly wanted: readonly Wanted[] }
  | { readonly is: 'kept'; readonly keeper: Wanted; readonly others: readonly Wanted[] }
  | { readonly is: 'leaving'; readonly owner: Claim; readonly moved: boolean }
  | { readonly is: 'untouched'; readonly owner: Claim; readonly others: readonly Wanted[] };

/**
 * Desired × actual → what to write, in which order. Pure: the same input gives the same plan.
 *
 * | wanted by a binding | row is of                   | = what happens                                                  |
 * |---------------------|-----------------------------|-----------------------------------------------------------------|
 * | –                   | a suspended binding         | untouched                                                       |
 * | yes                 | one of the wanting bindings | kept; Sync corrects its weight, RemoveOnly only ends its own drain |
 * | yes                 | another binding of ours     | kept, the wanting binding takes it over                         |
 * | yes, RemoveOnly     | somebody else               | kept and adopted                                                |
 * | yes, Sync           | somebody else               | left alone (`Shared`)                                           |
 * | no                  | a binding of ours           | leaves: removed, or drained first (drain.ts), or held by minBackends |
 * | at another ENI      | a binding of ours           | leaves at once: the address moved                               |
 * | no                  | somebody else               | left alone                                                      |
 * | yes, Sync           | there is no row             | added, as soon as its ENI is known                              |
 *
 * Under `Exclusive` every row is the binding's. A second plan over the group that the first one made is empty.
 */
export function planGroup(input: GroupInput): GroupPlan {
  const planning = new Planning(input);
  for (const row of input.rows) planning.judge(row);
  planning.settleLeavers();
  if (!input.presumed) planning.addMissing();
  return planning.plan();
}

class Planning {
  readonly #input: GroupInput;
  readonly #wanted: ReadonlyMap<Slot, readonly Wanted[]>;
  readonly #active: readonly Claim[];
  readonly #reports = new Map<Claim, MutableReport>();
  readonly #leaving = new Map<Claim, Leaver[]>();
  readonly #present = new Set<Slot>();
  readonly #removals: Change[] = [];
  readonly #drains: Change[] = [];
  readonly #weights: Change[] = [];
  readonly #additions: Change[] = [];
  readonly #lookups = new Map<Slot, Member>();
  #wakeAt: number | undefined;

  constructor(input: GroupInput) {
    this.#input = input;
    this.#active = input.claims.filter((claim) => !claim.suspended);
    this.#wanted = wantedSlots(this.#active);
    for (const claim of input.claims) {
      this.#reports.set(claim, { records: new Map(), pending: [], foreignMembers: [], owned: 0, kept: 0 });
    }
  }

  judge(row: Row): void {
    const key = backendKey(row);
    const verdict = this.#verdict(row);
    switch (verdict.is) {
      case 'foreign':
        this.#leaveToOthers(verdict.wanted);
        return;
      case 'untouched':
        this.#leaveToOthers(verdict.others);
        this.#own(verdict.owner, key, {
          ...origin(verdict.owner.records.get(key)),
          row,
          state: 'Registered',
        });
        return;
      case 'kept':
        this.#keep(row, key, verdict.keeper);
        for (const other of verdict.others) this.#shareKept(row, key, other);
        return;
      case 'leaving': {
        const leavers = this.#leaving.get(verdict.owner);
        const leaver = { row, key, moved: verdict.moved, record: verdict.owner.records.get(key) };
        if (leavers === undefined) this.#leaving.set(verdict.owner, [leaver]);
        else leavers.push(leaver);
      }
    }
  }

  #verdict(row: Row): Verdict {
    const owners = ownersOf(this.#input.claims, row);
    const wanted = this.#wantedAt(row, owners);
    const wantedHere = wanted.filter(({ member }) => !this.#isElsewhere(row, member));
    if (wantedHere.length > 0) this.#present.add(slotOf(row));
    const suspended = owners.find((claim) => claim.suspended);
    if (suspended !== undefined) return { is: 'untouched', owner: suspended, others: wantedHere };
    const owner = owners[0];
    if (wantedHere.length > 0) {
      const keeper =
        wantedHere.find(({ claim }) => owners.includes(claim) && claim.mode === 'Sync') ??
        wantedHere.find(({ claim }) => owners.includes(claim)) ??
        (owner === undefined ? wantedHere.find(({ claim }) => claim.mode === 'RemoveOnly') : wantedHere[0]);
      if (keeper === undefined) return { is: 'foreign', wanted: wantedHere };
      return { is: 'kept', keeper, others: wantedHere.filter((other) => other !== keeper) };
    }
    if (owner === undefined) return { is: 'foreign', wanted: [] };
    return { is: 'leaving', owner, moved: wanted.length > 0 };
  }

  /** Who wants the row: members at its slot, and bindings that hold on to what is alive while they are undetermined. */
  #wantedAt(row: Row, owners: readonly Claim[]): readonly Wanted[] {
    const wanted = this.#wanted.get(slotOf(row)) ?? [];
    const holding = owners.filter(
      ({ desired, suspended }) =>
        !suspended &&
        desired.kind === 'undetermined' &&
        desired.alive.has(row.type === 'ecs' ? row.serverId : (row.serverIp ?? '')),
    );
    if (holding.length === 0) return wanted;
    return [...wanted, ...holding.map((claim) => ({ claim, member: undefined }))];
  }

  /** The address belongs to another ENI than the row says: it moved with its new pod, and the row leads nowhere. */
  #isElsewhere(row: Row, member: Member | undefined): boolean {
    if (member?.ip === undefined || row.type !== 'eni') return false;
    const eni = this.#input.eniOf(member.ip, member.podUID);
    return eni !== undefined && eni !== row.serverId;
  }

  #leaveToOthers(wanted: readonly Wanted[]): void {
    for (const { claim, member } of wanted) {
      if (member !== undefined) this.#report(claim).foreignMembers.push(member);
    }
  }

  #keep(row: Row, key: BackendKey, { claim, member }: Wanted): void {
    const record = claim.records.get(key) ?? this.#recordOfAnother(claim, key);
    this.#report(claim).kept++;
    const podChanged =
      member?.podUID !== undefined && record?.podUID !== undefined && member.podUID !== record.podUID;
    if (podChanged && member.ip !== undefined && this.#input.eniOf(member.ip, member.podUID) === undefined) {
      this.#lookups.set(member.slot, member);
    }
    const endsDrain = row.weight === 0 && (record?.state === 'Draining' || record?.state === 'Held');
    const wantedWeight =
      claim.mode === 'Sync' && member !== undefined
        ? member.weight
        : endsDrain
          ? record.row.weight
          : row.weight;
    this.#own(claim, key, {
      ...origin(member ?? record),
      row: { ...row, weight: wantedWeight },
      state: 'Registered',
    });
    if (wantedWeight !== row.weight) this.#weigh(row, key, claim, wantedWeight);
  }

  /** A row that several bindings want is recorded by each of them that may own it: whichever goes last removes it. */
  #shareKept(row: Row, key: BackendKey, { claim, member }: Wanted): void {
    this.#report(claim).kept++;
    this.#own(claim, key, { ...origin(member), row, state: 'Registered' });
  }

  #recordOfAnother(claim: Claim, key: BackendKey): BackendRecord | undefined {
    return this.#active.find((other) => other !== claim && other.records.has(key))?.records.get(key);
  }

  settleLeavers(): void {
    for (const [claim, leavers] of this.#leaving) {
      const missing = claim.deleting ? 0 : Math.max(0, claim.minBackends - this.#report(claim).kept);
      const held = missing === 0 ? 0 : Math.min(leavers.length, missing);
      if (held > 0)
        leavers.sort((a, b) => worthKeeping(claim, a) - worthKeeping(claim, b) || byCodeUnit(a.key, b.key));
      leavers.forEach((leaver, i) => {
        if (i < held) this.#hold(claim, leaver);
        else this.#leave(claim, leaver);
      });
    }
  }

  #hold(claim: Claim, { row, key, record }: Leaver): void {
    const weight = row.weight === 0 && record !== undefined ? record.row.weight : row.weight;
    this.#own(claim, key, { ...origin(record), row: { ...row, weight }, state: 'Held' });
    if (weight !== row.weight) this.#weigh(row, key, claim, weight);
  }

  #leave(claim: Claim, { row, key, record, moved }: Leaver): void {
    const { now, presumed } = this.#input;
    const next = moved ? ({ step: 'remove' } as const) : nextDrainStep(claim, row, record, now);
    const weight = row.weight === 0 && record !== undefined ? record.row.weight : row.weight;
    const kept = { ...origin(record), row: { ...row, weight } };
    if (next.step === 'remove') {
      this.#own(claim, key, { ...kept, state: 'Removing', drainingSince: record?.drainingSince });
      this.#removals.push({ row, key, claim: claim.id });
      return;
    }
    this.#own(claim, key, { ...kept, state: 'Draining', drainingSince: next.since });
    if (next.step === 'wait') this.#wakeAt = Math.min(this.#wakeAt ?? next.until, next.until);
    else if (!presumed)
      this.#drains.push({ row: { ...row, weight: 0 }, key, claim: claim.id, was: row.weight });
  }

  #weigh(row: Row, key: BackendKey, claim: Claim, weight: number): void {
    if (this.#input.presumed || this.#input.refused.has(key)) return;
    this.#weights.push({ row: { ...row, weight }, key, claim: claim.id, was: row.weight });
  }

  addMissing(): void {
    for (const claim of this.#active) {
      if (claim.desired.kind !== 'members') continue;
      for (const member of claim.desired.members) {
        if (this.#present.has(member.slot)) continue;
        this.#report(claim).pending.push(member);
        if (claim.mode !== 'Sync' || !claim.mayAdd) continue;
        this.#add(claim, member);
      }
    }
  }

  #add(claim: Claim, member: Member): void {
    const serverId = member.instanceId ?? (member.ip && this.#input.eniOf(member.ip, member.podUID));
    if (serverId === undefined || serverId === '') {
      this.#lookups.set(member.slot, member);
      return;
    }
    const row: Row = {
      serverId,
      port: member.port,
      type: member.type,
      ...(member.ip !== undefined && { serverIp: member.ip }),
      weight: member.weight,
      description: claim.tag,
    };
    const key = backendKey(row);
    if (this.#input.refused.has(key)) return;
    this.#present.add(member.slot);
    this.#additions.push({ row, key, claim: claim.id, member });
  }

  #own(claim: Claim, key: BackendKey, record: BackendRecord): void {
    const report = this.#report(claim);
    report.owned++;
    report.records.set(key, record);
  }

  #report(claim: Claim): MutableReport {
    const report = this.#reports.get(claim);
    if (report === undefined) throw new Error(`binding ${claim.id} is not part of this plan`);
    return report;
  }

  plan(): GroupPlan {
    const { rows, refused } = this.#input;
    return {
      batches: orderBatches({
        removals: this.#removals.filter(({ key }) => !refused.has(key)),
        drains: this.#drains.filter(({ key }) => !refused.has(key)),
        weights: this.#weights,
        additions: this.#additions,
        usable: rows.reduce((count, { weight }) => (weight > 0 ? count + 1 : count), 0),
        cohorts: this.#input.cohorts,
        additionsBlocked: this.#input.additionsBlocked,
        batchSize: this.#input.batchSize,
      }),
      reports: [...this.#reports].map(([claim, { records, pending, foreignMembers, owned }]) => ({
        claim,
        records,
        pending,
        foreignMembers,
        foreign: rows.length - owned,
      })),
      lookups: [...this.#lookups.values()],
      wakeAt: this.#wakeAt,
    };
  }
}

interface MutableReport {
  readonly records: Map<BackendKey, BackendRecord>;
  readonly pending: Member[];
  readonly foreignMembers: Member[];
  owned: number;
  kept: number;
}

interface Leaver {
  readonly row: Row;
  readonly key: BackendKey;
  readonly moved: boolean;
  readonly record: BackendRecord | undefined;
}

function wantedSlots(claims: readonly Claim[]): ReadonlyMap<Slot, readonly Wanted[]> {
  const wanted = new Map<Slot, Wanted[]>();
  for (const claim of claims) {
    if (claim.desired.kind !== 'members') continue;
    for (const member of claim.desired.members) {
      const others = wanted.get(member.slot);
      if (others === undefined) wanted.set(member.slot, [{ claim, member }]);
      else others.push({ claim, member });
    }
  }
  return wanted;
}

/** minBackends keeps first what can still answer: alive before gone, serving before draining. */
function worthKeeping(claim: Claim, { record, row, moved }: Leaver): number {
  return (moved || isGone(claim, record) ? 2 : 0) + (row.weight === 0 ? 1 : 0);
}

function origin(from: Pick<BackendRecord, 'pod' | 'podUID' | 'node'> | undefined) {
  return {
    ...(from?.pod !== undefined && { pod: from.pod }),
    ...(from?.podUID !== undefined && { podUID: from.podUID }),
    ...(from?.node !== undefined && { node: from.node }),
  };
}
