import type { BackendRecord } from '../../membership/plan/claim.ts';
import type { ClaimReport } from '../../membership/plan/plan.ts';
import type { GroupState } from '../group/state/group-state.ts';

/**
 * What a binding owns in a dry run: the rows that exist, as they are. What the plan would do to them must not get into the
 * status, because a record there proves ownership to the next process (ownership.ts) and starts a drain.
 */
export function recordsAsTheyAre({ view }: GroupState, { claim }: ClaimReport): readonly BackendRecord[] {
  if (view.rows === undefined) return [...claim.records.values()];
  return view.rows.flatMap(({ row, key }): readonly BackendRecord[] => {
    const before = claim.records.get(key);
    if (before !== undefined) return [before.state === 'Registered' ? { ...before, row } : before];
    return row.description === claim.tag ? [{ row, state: 'Registered' }] : [];
  });
}
