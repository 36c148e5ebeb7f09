import { toKubernetesTime } from '../../api/conditions.ts';
import type { BackendStatus } from '../../api/vservergroupbinding.ts';
import { type BackendKey, backendKey, type Row } from '../../membership/backend.ts';
import type { BackendRecord, Claim } from '../../membership/plan/claim.ts';
import { type BindingObject, statusOf } from '../cluster/cluster-caches.ts';

const OWNED: ReadonlySet<BackendStatus['state']> = new Set(['Registered', 'Draining', 'Removing', 'Held']);

/** What the binding owns according to its status.backends. Pending and refused backends were never in the group. */
export function recordsFromStatus(
  backends: readonly BackendStatus[],
): ReadonlyMap<BackendKey, BackendRecord> {
  const records = new Map<BackendKey, BackendRecord>();
  for (const backend of backends) {
    if (!OWNED.has(backend.state) || backend.serverId === '') continue;
    const { state, pod, podUID, node, drainingSince } = backend;
    const row = rowFromStatus(backend);
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

export function rowFromStatus({ serverId, port, type, serverIp, weight }: BackendStatus): Row {
  return { serverId, port, type, weight, ...(serverIp !== undefined && { serverIp }) };
}

/** What the status of a binding shows. The status is only evaluated on the first call, because there is rarely one. */
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

/** Times in a status have a resolution of one second. */
function isSameSecond(a: number | undefined, b: number | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && toKubernetesTime(a) === toKubernetesTime(b));
}

/** The keys are in order, so that nothing has to be sorted for a comparison (status-fields.ts). */
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
