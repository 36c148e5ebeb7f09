import { findCondition } from '../../api/conditions.ts';
import type { VServerGroupBinding, VServerGroupBindingStatus } from '../../api/vservergroupbinding.ts';

/**
 * Whether a status only reports that backends come and go, on a binding that is shown as Synced: work that is over soon, or
 * new counts. Such a status may wait for the next one and share its write, because what it records about backends is known
 * without it. Statuses that record one of the last two rows are not routine:
 *
 * | recorded                                      | known without the record                                 |
 * |-----------------------------------------------|----------------------------------------------------------|
 * | a backend that was added                      | yes, by its tag                                          |
 * | a removed backend is still named              | yes: it is removed again, which does no harm             |
 * | a backend that RemoveOnly has adopted         | no: its tag is somebody else's, or it has none           |
 * | when a drain began                            | no                                                       |
 */
export function isRoutine(
  { spec, metadata, status: shown }: VServerGroupBinding,
  next: VServerGroupBindingStatus,
): boolean {
  if (spec.mode === 'RemoveOnly' || shown.draining > 0 || next.draining > 0) return false;
  if (metadata.deletionTimestamp !== undefined) return false;
  if (reasonOf(shown) !== 'Synced' || shown.observedGeneration !== next.observedGeneration) return false;
  return reasonOf(next) === 'Synced' || reasonOf(next) === 'Progressing';
}

function reasonOf({ conditions }: VServerGroupBindingStatus): string | undefined {
  return findCondition(conditions, 'Ready')?.reason;
}
