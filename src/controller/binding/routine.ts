import { findCondition } from '../../api/conditions.ts';
import type { VServerGroupBinding, VServerGroupBindingStatus } from '../../api/vservergroupbinding.ts';

/**
 * Whether a status tells only of the coming and going of backends, at a binding that is shown to be as it should be: work
 * that is over soon, or other counts. Such a one may wait for the next, and share its write. What it records of backends
 * can wait with it:
 *
 * | recorded                                      | known without it                                         |
 * |-----------------------------------------------|----------------------------------------------------------|
 * | a backend that was added                      | by its tag                                               |
 * | a backend that was removed, still named       | it left: removed again, which harms nothing              |
 * | what RemoveOnly has adopted                   | no: others have tagged it, or nobody                     |
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
