import { findCondition } from '../../api/conditions.ts';
import { ROLE_NOT_ALLOWED } from '../../controller/binding/granted.ts';
import { type BindingObject, statusOf } from '../../controller/cluster/cluster-caches.ts';

/** Whether the operator leaves the binding's backends as they are. Only it knows the roles that bindings may name. */
export function isUntouched(binding: BindingObject): boolean {
  const { parsed } = binding;
  if (!parsed.ok || parsed.binding.spec.suspend) return true;
  return findCondition(statusOf(binding)?.conditions ?? [], 'Ready')?.reason === ROLE_NOT_ALLOWED;
}
