import type { VServerGroupBinding } from '../../api/vservergroupbinding.ts';
import type { GroupRef } from '../../cloud/group-ref.ts';
import { messages } from '../binding/messages.ts';
import type { ClusterCaches } from '../cluster/cluster-caches.ts';
import type { Bound, Notice } from './bound.ts';

/** The notices of a readable binding. */
export function noticesOf(
  { object, granted, claim, preparation }: Omit<Bound, 'notices'>,
  { spec }: VServerGroupBinding,
  ref: GroupRef,
  caches: Pick<ClusterCaches, 'endpoints'>,
): readonly Notice[] {
  const notices: Notice[] = [];
  const problems = claim?.desired.kind === 'members' ? claim.desired.problems : [];
  for (const { reason, message } of problems) {
    if (reason === 'InvalidWeight' || reason === 'AmbiguousPort')
      notices.push({ reason, message: messages.notice(message, ref) });
  }
  const short = preparation?.lacking?.heldTooShort;
  if (short !== undefined) notices.push({ reason: 'HoldTooShort', ...short });
  const serviceName = `${object.namespace}/${spec.serviceRef.name}`;
  if (caches.endpoints.byIndex('service', serviceName).some(({ overCapacity }) => overCapacity))
    notices.push({ reason: 'EndpointsTruncated', message: messages.endpointsTruncated(serviceName, ref) });
  // If unreadable grants keep the binding from being served, the condition already says so.
  if (granted.unreadable.length > 0 && granted.is !== 'none')
    notices.push({ reason: 'GrantsUnreadable', message: messages.grantsUnreadable(granted, ref) });
  return notices;
}
