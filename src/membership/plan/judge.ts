import { addressOf, type BackendKey, type Row } from '../backend.ts';
import type { Member } from '../desired/desired.ts';
import type { Claim } from './claim.ts';
import { ownersOf } from './ownership.ts';
import type { Wanted, WantedPlaces } from './wanted.ts';

export type Verdict =
  | { readonly is: 'untouched'; readonly owners: readonly Claim[]; readonly wanted: readonly Wanted[] }
  | { readonly is: 'kept'; readonly wanted: readonly Wanted[] }
  | { readonly is: 'leaving' | 'moved'; readonly owners: readonly Claim[] }
  | { readonly is: 'foreign'; readonly wanted: readonly Wanted[] };

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
 * | somebody else            | only Sync bindings, or nobody            | foreign   |
 */
export function judge(
  row: Row,
  key: BackendKey,
  claims: readonly Claim[],
  places: WantedPlaces,
  eniOf: EniOf,
): Verdict {
  const owners = ownersOf(claims, row, key);
  const place = places.at(addressOf(row), row.port);
  const placed = place?.wanted ?? NOBODY;
  const here = whoIsHere(row, placed, eniOf);
  if (place !== undefined && here.length > 0) place.filled = true;
  const wanted = withHolding(here, owners, row);
  if (owners.some(({ suspended }) => suspended)) return { is: 'untouched', owners, wanted };
  if (owners.length > 0) {
    if (wanted.length > 0) return { is: 'kept', wanted };
    return { is: placed.length > 0 ? 'moved' : 'leaving', owners };
  }
  if (wanted.some(({ claim }) => claim.mode === 'RemoveOnly')) return { is: 'kept', wanted };
  return { is: 'foreign', wanted };
}

const NOBODY: readonly Wanted[] = [];

function whoIsHere(row: Row, placed: readonly Wanted[], eniOf: EniOf): readonly Wanted[] {
  const here = (one: Wanted) => isHere(row, one.member, eniOf);
  return placed.every(here) ? placed : placed.filter(here);
}

/** Not so when the address moved to another ENI with its new pod: then the row leads nowhere. */
function isHere(row: Row, member: Member | undefined, eniOf: EniOf): boolean {
  if (row.type !== 'eni' || member?.ip === undefined) return true;
  const eni = eniOf(member.ip, member.podUID);
  return eni === undefined || eni === row.serverId;
}

/** Adds the owners that hold on to the row because its address is alive and they don't know what they want. */
function withHolding(wanted: readonly Wanted[], owners: readonly Claim[], row: Row): readonly Wanted[] {
  const holds = ({ desired, suspended }: Claim) =>
    !suspended && desired.kind === 'undetermined' && desired.alive.has(addressOf(row));
  if (!owners.some(holds)) return wanted;
  return [...wanted, ...owners.filter(holds).map((claim) => ({ claim, member: undefined }))];
}
