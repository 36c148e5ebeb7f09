import type { UnreadableBinding } from '../../api/vservergroupbinding.ts';
import { recordsFromStatus } from './records.ts';

/** The fields that say what becomes of a binding's backends when it is deleted. */
const DECIDING = ['deletionPolicy', 'suspend', 'mode'] as const;

/** What becomes of the backends of a binding whose spec can't be read. */
export type Fate =
  /** They stay the binding's, untouched. */
  | { readonly is: 'kept' }
  /** They stay in the group, without an owner. */
  | { readonly is: 'left behind' }
  | { readonly is: 'leaving' }
  /** As kept, until these fields can be read. */
  | { readonly is: 'undecided'; readonly by: readonly string[] };

/**
 * What can be read decides: the first row that fits.
 *
 * | being deleted | deletionPolicy | suspend | mode       | its backends are                       |
 * |---------------|----------------|---------|------------|----------------------------------------|
 * | no            | –              | –       | –          | kept                                   |
 * | yes           | Retain         | –       | –          | left behind                            |
 * | yes           | –              | true    | –          | left behind                            |
 * | yes           | –              | –       | RemoveOnly | left behind: something else added them |
 * | yes           | Remove         | false   | Sync       | leaving                                |
 * | yes           | any other      | –       | –          | undecided, by those that can't be read |
 */
export function fateOf({
  metadata,
  fields,
  misfits,
}: Pick<UnreadableBinding, 'metadata' | 'fields' | 'misfits'>): Fate {
  if (metadata.deletionTimestamp === undefined) return { is: 'kept' };
  const { deletionPolicy, suspend, mode } = fields;
  if (deletionPolicy === 'Retain' || suspend || mode === 'RemoveOnly') return { is: 'left behind' };
  const by = DECIDING.filter((field) => misfits.includes(field));
  return by.length === 0 ? { is: 'leaving' } : { is: 'undecided', by };
}

/** How many backends its status says to be in the group. */
export function recordedBackends({ status }: Pick<UnreadableBinding, 'status'>): number {
  return recordsFromStatus(status?.backends ?? []).size;
}

/** Whether a binding whose group can't be read either may be deleted: it has nothing in any group, or leaves it there. */
export function mayGoWithoutGroup(binding: Omit<UnreadableBinding, 'message'>): boolean {
  const fate = fateOf(binding);
  return fate.is === 'left behind' || (fate.is !== 'kept' && recordedBackends(binding) === 0);
}
