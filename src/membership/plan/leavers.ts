import { byCodeUnit, type KnownRow } from '../backend.ts';
import type { BackendRecord, Claim } from './claim.ts';
import { type DrainStep, isGone, mayServe, nextDrainStep } from './drain.ts';

/** A row that leaves. */
export interface Leaver extends KnownRow {
  /** All bindings that own the row. */
  readonly owners: readonly Claim[];
  readonly record: BackendRecord | undefined;
  /** Its address moved to another ENI, so the row leads nowhere. */
  readonly moved: boolean;
}

/** The next step for a leaver, on behalf of one of its owners. */
type Leave = { readonly claim: Claim } & (DrainStep | { readonly step: 'hold'; readonly to: Hold });

/** The weight of a row that is held. */
type Hold = 'the weight it had' | 'weight 0' | 'as it is';

/**
 * Decides the next step of all leaving rows; together, because of minBackends.
 *
 * | minBackends needs it | its node is drained | its address moved | its pod or node is gone      | next                            |
 * |----------------------|---------------------|-------------------|------------------------------|---------------------------------|
 * | yes                  | yes                 | –                 | –                            | hold, with weight 0             |
 * | yes                  | no                  | no                | no                           | hold, with the weight it had    |
 * | yes                  | no                  | yes               | –                            | hold as it is: it serves nobody |
 * | yes                  | no                  | –                 | yes, or the node is doubtful | hold as it is                   |
 * | no                   | –                   | yes               | –                            | remove                          |
 * | no                   | –                   | no                | –                            | remove or drain (drain.ts)      |
 *
 * A binding that is being deleted holds nothing. `kept` returns how many rows of a binding do not leave.
 */
export function settleLeavers(
  leavers: readonly Leaver[],
  claims: readonly Claim[],
  kept: (claim: Claim) => number,
  now: number,
): readonly (readonly [Leaver, Leave])[] {
  const holders = holdersOf(leavers, claims, kept);
  return leavers.map((leaver) => {
    const { row, owners, record, moved } = leaver;
    const holder = holders.get(leaver);
    if (holder !== undefined) return [leaver, { claim: holder, step: 'hold', to: holdOf(holder, leaver) }];
    const claim = owners.find(({ deleting }) => !deleting) ?? (owners[0] as Claim);
    if (moved) return [leaver, { claim, step: 'remove' }];
    return [leaver, { claim, ...nextDrainStep(claim, row, record, now) }];
  });
}

function holdOf(claim: Claim, { record, moved }: Leaver): Hold {
  if (isDrainedFor(claim, record)) return 'weight 0';
  return moved || isGone(claim, record) || isDoubtful(claim, record) ? 'as it is' : 'the weight it had';
}

function isDrainedFor({ drainedNodes }: Claim, record: BackendRecord | undefined): boolean {
  return record?.node !== undefined && drainedNodes.has(record.node);
}

function isDoubtful({ doubtfulNodes }: Claim, record: BackendRecord | undefined): boolean {
  return record?.node !== undefined && doubtfulNodes.has(record.node);
}

function holdersOf(
  leavers: readonly Leaver[],
  claims: readonly Claim[],
  kept: (claim: Claim) => number,
): ReadonlyMap<Leaver, Claim> {
  const holders = new Map<Leaver, Claim>();
  for (const claim of claims) {
    if (claim.deleting || claim.minBackends === 0) continue;
    const own = leavers.filter(({ owners }) => owners.includes(claim));
    const free = own.filter((leaver) => !holders.has(leaver));
    const missing = claim.minBackends - kept(claim) - (own.length - free.length);
    if (missing <= 0) continue;
    free.sort((a, b) => worth(claim, b) - worth(claim, a) || byCodeUnit(a.key, b.key));
    for (const leaver of free.slice(0, missing)) holders.set(leaver, claim);
  }
  return holders;
}

/** Backends that can still answer are held first: alive before gone, serving before draining. */
function worth(claim: Claim, { record, row, moved }: Leaver): number {
  const serves = row.weight > 0 && !isDrainedFor(claim, record);
  return (moved || isGone(claim, record) ? 0 : 2) + (serves ? 1 : 0);
}

/** Whether it may answer requests until others take its place. Nothing of a binding that is being deleted waits for others. */
export function mayLinger({ row, moved, owners, record }: Leaver): boolean {
  if (row.weight === 0 || moved) return false;
  return owners.some((claim) => !claim.deleting && mayServe(claim, record));
}
