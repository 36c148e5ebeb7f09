import { TAG_PREFIX } from '../../api/names.ts';
import { addressOf, type KnownRow, type Row, slotOf } from '../backend.ts';
import type { GivenState, Member } from '../desired/member.ts';
import type { Claim, Origin } from './claim.ts';
import { ownersOf } from './ownership.ts';

/** A binding wants a row for one of its members, or because it keeps live backends while it is undetermined. */
export interface Want {
  readonly claim: Claim;
  readonly member: Member | undefined;
  /** The member, or what else its Service gives at the row's slot. */
  readonly given: GivenState;
}

/** A member at the slot of a row. */
interface Placed extends Want {
  readonly member: Member;
  /** Its index in the members of its claim. */
  readonly index: number;
}

interface RowVerdict {
  readonly is: 'untouched' | 'kept' | 'leaving' | 'moved' | 'foreign';
  readonly owners: readonly Claim[];
  /** Wants with a member come first. */
  readonly wanted: readonly Want[];
  /** The former member, now gone, that a row of somebody else stands for. */
  readonly former?: Origin;
  /** Members whose slot the row fills, so that they are not added. */
  readonly filled: readonly Placed[];
}

/** The ENI of a pod's address, if known. */
export type EniOf = (ip: string, podUID: string | undefined) => string | undefined;

/**
 * Judges what one row of the group means to the bindings on the group.
 *
 * | row is of (ownership.ts)   | wanted by                                                     | verdict   |
 * |----------------------------|---------------------------------------------------------------|-----------|
 * | a suspended binding        | –                                                             | untouched |
 * | a binding                  | any binding                                                   | kept      |
 * | a binding                  | only bindings whose pod now is behind another ENI             | moved     |
 * | a binding                  | nobody                                                        | leaving   |
 * | somebody else              | a RemoveOnly binding                                          | kept      |
 * | somebody else, without tag | nobody; a RemoveOnly binding had a member there that has left | leaving   |
 * | somebody else              | only Sync bindings, or nobody                                 | foreign   |
 *
 * A binding that is not granted the group wants only its own rows.
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
 * Finds the former member of a row that another system added too late, or unnoticed: the member has already left, and RemoveOnly
 * removes rows of members that have left. A tagged row belongs to the binding that tagged it, here or in another cluster.
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
    if (index !== undefined) {
      const member = desired.members[index] as Member;
      placed.push({ claim, member, given: member, index });
    }
  }
  return placed;
}

/** False if the address moved to another ENI with a new pod: then the row leads nowhere. */
function isHere(row: Row, member: Member, eniOf: EniOf): boolean {
  if (row.type !== 'eni' || member.ip === undefined) return true;
  const eni = eniOf(member.ip, member.podUID);
  return eni === undefined || eni === row.serverId;
}

/** Adds the undetermined owners that keep the row because their Service still gives it, if by another port. */
function withHolders(wanted: readonly Want[], owners: readonly Claim[], row: Row): readonly Want[] {
  const givenTo = ({ desired, suspended }: Claim) =>
    suspended || desired.kind !== 'undetermined' ? undefined : desired.given.get(slotOf(row));
  if (!owners.some(givenTo)) return wanted;
  const holders = owners.flatMap((claim) => {
    const given = givenTo(claim);
    return given === undefined ? [] : [{ claim, member: undefined, given }];
  });
  return [...wanted, ...holders];
}

const NOBODY: readonly Placed[] = [];

/** Like `filter`, but creates no list if all elements match, which is nearly always the case. */
function only<T>(list: readonly T[], is: (one: T) => boolean): readonly T[] {
  return list.every(is) ? list : list.filter(is);
}
