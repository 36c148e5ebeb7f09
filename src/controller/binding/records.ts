import { toKubernetesTime } from '../../api/conditions.ts';
import type { BackendStatus } from '../../api/vservergroupbinding.ts';
import { type BackendKey, backendKey, type Row } from '../../membership/backend.ts';
import type { BackendRecord, Claim } from '../../membership/plan/claim.ts';
import { type BindingObject, statusOf } from '../cluster/cluster-caches.ts';

const OWNED: ReadonlySet<BackendStatus['state']> = new Set(['Registered', 'Draining', 'Removing', 'Held']);

/** What status.backends says this binding owns. Pending and refused backends were never in the group. */
export function recordsFromStatus(
  backends: readonly BackendStatus[],
): ReadonlyMap<BackendKey, BackendRecord> {
  const records = new Map<BackendKey, BackendRecord>();
  for (const backend of backends) {
    if (!OWNED.has(backend.state) || backend.serverId === '') continue;
    const { serverId, port, type, serverIp, weight, state, pod, podUID, node, drainingSince } = backend;
    const row: Row = { serverId, port, type, weight, ...(serverIp !== undefined && { serverIp }) };
    const since = drainingSince === undefined ? Number.NaN : Date.parse(drainingSince);
    records.set(backendKey(row), {
      row,
      state: state as BackendRecord['state'],
      pod,
      podUID,
      node,
      drainingSince: Number.isNaN(since) ? undefined : since,
    });
  }
  return records;
}

/** What the status of a binding shows; it is read when that is asked for the first time, which it seldom is. */
export function shownBy(object: BindingObject): Claim['shows'] {
  let shown: ReadonlyMap<BackendKey, BackendRecord> | undefined;
  return (key, drain) => {
    shown ??= recordsFromStatus(statusOf(object)?.backends ?? []);
    const record = shown.get(key);
    if (record === undefined || drain === undefined) return record !== undefined;
    const { state, row, drainingSince } = record;
    return state === 'Draining' && row.weight === drain.weight && isSameSecond(drainingSince, drain.since);
  };
}

/** The resolution of times in a status. */
function isSameSecond(a: number | undefined, b: number | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && toKubernetesTime(a) === toKubernetesTime(b));
}

/** With its keys in order: nothing has to be sorted when it is compared (status-fields.ts). */
export function statusFromRecord({
  row,
  state,
  pod,
  podUID,
  node,
  drainingSince,
}: BackendRecord): BackendStatus {
  const { serverId, serverIp, port, type, weight } = row;
  return {
    ...(drainingSince !== undefined && { drainingSince: toKubernetesTime(drainingSince) }),
    ...(node !== undefined && { node }),
    ...(pod !== undefined && { pod }),
    ...(podUID !== undefined && { podUID }),
    port,
    serverId,
    ...(serverIp !== undefined && { serverIp }),
    state,
    type,
    weight,
  };
}
