import type { UnreadableBinding } from '../../api/vservergroupbinding.ts';
import { countRecorded } from './records.ts';

/** The fields that decide what becomes of a binding's backends when it is deleted. */
const DECIDING = ['deletionPolicy', 'suspend', 'mode'] as const;

/** What becomes of the backends of a binding whose spec can't be read. */
export type Fate =
  /** They still belong to the binding, and are not touched. */
  | { readonly is: 'kept' }
  /** They stay in the group, without an owner. */
  | { readonly is: 'left behind' }
  | { readonly is: 'leaving' }
  /** They are kept until these fields can be read. */
  | { readonly is: 'undecided'; readonly by: readonly string[] };

/**
 * Decided by the fields that can be read. The first matching row decides.
 *
 * | being deleted | deletionPolicy | suspend | mode       | its backends are                       |
 * |---------------|----------------|---------|------------|----------------------------------------|
 * | no            | –              | –       | –          | kept                                   |
 * | yes           | Retain         | –       | –          | left behind                            |
 * | yes           | –              | true    | –          | left behind                            |
 * | yes           | –              | –       | RemoveOnly | left behind: something else added them |
 * | yes           | Remove         | false   | Sync       | leaving                                |
 * | yes           | any other      | –       | –          | undecided, by the unreadable fields    |
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

/** How many backends are in the group according to the binding's status. */
export function recordedBackends({ status }: Pick<UnreadableBinding, 'status'>): number {
  return countRecorded(status?.backends ?? []);
}

/** Whether a binding may go although its group can't be read: it has nothing in any group, or leaves its backends there. */
export function mayGoWithoutGroup(binding: Omit<UnreadableBinding, 'message'>): boolean {
  const fate = fateOf(binding);
  return fate.is === 'left behind' || (fate.is !== 'kept' && recordedBackends(binding) === 0);
}
