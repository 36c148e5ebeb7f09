import { TAG_PREFIX } from '../../api/names.ts';
import { addressOf, type KnownRow, type Row, slotOf } from '../backend.ts';
import type { Member } from '../desired/member.ts';
import type { Claim, Origin } from './claim.ts';
import { ownersOf } from './ownership.ts';

/** A binding wants a row: for one of its members, or because it holds on to what is alive while it is undetermined. */
export interface Want {
  readonly claim: Claim;
  readonly member: Member | undefined;
}

/** A member at the place of a row. */
interface Placed extends Want {
  readonly member: Member;
  /** In the list of its claim. */
  readonly index: number;
}

interface RowVerdict {
  readonly is: 'untouched' | 'kept' | 'leaving' | 'moved' | 'foreign';
  readonly owners: readonly Claim[];
  /** First those for one of whose members it is. */
  readonly wanted: readonly Want[];
  /** The member that a row of somebody else stood for, which was here and has left. */
  readonly former?: Origin;
  /** Members whose place the row fills: nothing is added there. */
  readonly filled: readonly Placed[];
}

/** Where a pod's address is, as far as it is known. */
export type EniOf = (ip: string, podUID: string | undefined) => string | undefined;

/**
 * One row of the group → what it is to the bindings on the group.
 *
 * | row is of (ownership.ts) | wanted by                                | verdict   |
 * |--------------------------|------------------------------------------|-----------|
 * | a suspended binding      | –                                        | untouched |
 * | a binding                | any binding                              | kept      |
 * | a binding                | one whose pod now is behind another ENI  | moved     |
 * | a binding                | nobody                                   | leaving   |
 * | somebody else            | a RemoveOnly binding                     | kept      |
 * | somebody else, not told by a tag | nobody; a RemoveOnly binding had a member there that has left | leaving |
 * | somebody else            | only Sync bindings, or nobody            | foreign   |
 *
 * A binding that is not granted the group wants no row but its own.
 */
export function judge({ row, key }: KnownRow, claims: readonly Claim[], eniOf: EniOf): RowVerdict {
  const owners = ownersOf(claims, row, key);
  const placed = placedAt(row, claims, owners);
  const here = only(placed, ({ member }) => isHere(row, member, eniOf));
  const wanted = withHolders(here, owners, row);
  const is = verdictOn(owners, wanted, placed);
  if (is === 'foreign' && placed.length === 0) {
    const late = lateFor(row, claims);
    if (late !== undefined)
      return { is: 'leaving', owners: [late.claim], wanted, former: late.former, filled: NOBODY };
  }
  return { is, owners, wanted, filled: here.length > 0 ? placed : NOBODY };
}

function verdictOn(
  owners: readonly Claim[],
  wanted: readonly Want[],
  placed: readonly Placed[],
): RowVerdict['is'] {
  if (owners.some(({ suspended }) => suspended)) return 'untouched';
  if (owners.length === 0)
    return wanted.some(({ claim }) => claim.mode === 'RemoveOnly') ? 'kept' : 'foreign';
  if (wanted.length > 0) return 'kept';
  return placed.length > 0 ? 'moved' : 'leaving';
}

/**
 * The former member that a row stands for, which something else added too late, or unseen: the member has left, and RemoveOnly
 * removes what has left. A row that any binding has tagged, here or in another cluster, is that one's.
 */
function lateFor({ description, ...row }: Row, claims: readonly Claim[]) {
  if (description?.startsWith(`${TAG_PREFIX}/`)) return undefined;
  for (const claim of claims) {
    const { mode, suspended, granted } = claim;
    if (mode !== 'RemoveOnly' || suspended || !granted) continue;
    const former = claim.formerAt(slotOf(row));
    if (former !== undefined) return { claim, former };
  }
  return undefined;
}

/** The members at the row's address and port, whichever ENI they are behind. */
function placedAt(row: Row, claims: readonly Claim[], owners: readonly Claim[]): readonly Placed[] {
  const placed: Placed[] = [];
  const address = addressOf(row);
  for (const claim of claims) {
    const { desired, suspended, granted } = claim;
    if (suspended || desired.kind !== 'members' || (!granted && !owners.includes(claim))) continue;
    const index = desired.indexAt.get(row.port)?.get(address);
    if (index !== undefined) placed.push({ claim, member: desired.members[index] as Member, index });
  }
  return placed;
}

/** Not so when the address moved to another ENI with its new pod: then the row leads nowhere. */
function isHere(row: Row, member: Member, eniOf: EniOf): boolean {
  if (row.type !== 'eni' || member.ip === undefined) return true;
  const eni = eniOf(member.ip, member.podUID);
  return eni === undefined || eni === row.serverId;
}

/** Adds the owners that hold on to the row because their Service gives it, though not by the port that they ask for. */
function withHolders(wanted: readonly Want[], owners: readonly Claim[], row: Row): readonly Want[] {
  const holds = ({ desired, suspended }: Claim) =>
    !suspended && desired.kind === 'undetermined' && desired.given.has(slotOf(row));
  if (!owners.some(holds)) return wanted;
  return [...wanted, ...owners.filter(holds).map((claim) => ({ claim, member: undefined }))];
}

const NOBODY: readonly Placed[] = [];

/** Nearly always all of them: no list is made then. */
function only<T>(list: readonly T[], is: (one: T) => boolean): readonly T[] {
  return list.every(is) ? list : list.filter(is);
}
