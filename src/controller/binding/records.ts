import { toKubernetesTime } from '../../api/conditions.ts';
import type { BackendStatus } from '../../api/vservergroupbinding.ts';
import type { WallTimes } from '../../clock.ts';
import { type BackendKey, backendKey, type Row } from '../../membership/backend.ts';
import type { BackendRecord, Claim } from '../../membership/plan/claim.ts';
import { type BindingObject, statusOf } from '../cluster/cluster-caches.ts';

const OWNED: ReadonlySet<BackendStatus['state']> = new Set(['Registered', 'Draining', 'Removing', 'Held']);

/** What the binding owns according to its status.backends. Pending and refused backends were never in the group. */
export function recordsFromStatus(
  backends: readonly BackendStatus[],
  times: Pick<WallTimes, 'read'>,
): ReadonlyMap<BackendKey, BackendRecord> {
  const records = new Map<BackendKey, BackendRecord>();
  for (const [key, [row, { state, pod, podUID, node, drainingSince }]] of ownedBackends(backends)) {
    const since = Date.parse(drainingSince ?? '');
    records.set(key, {
      row,
      state: state as BackendRecord['state'],
      pod,
      podUID,
      node,
      drainingSince: Number.isNaN(since) ? undefined : times.read(since),
    });
  }
  return records;
}

/** How many backends the binding owns according to its status.backends. */
export function countRecorded(backends: readonly BackendStatus[]): number {
  return ownedBackends(backends).size;
}

/** What the status of a binding shows. The status is only evaluated on the first call, because there is rarely one. */
export function shownBy(object: BindingObject, times: Pick<WallTimes, 'written'>): Claim['shows'] {
  let shown: ReturnType<typeof ownedBackends> | undefined;
  return (key, drain) => {
    shown ??= ownedBackends(statusOf(object)?.backends ?? []);
    const [row, backend] = shown.get(key) ?? [];
    if (backend === undefined || drain === undefined) return backend !== undefined;
    const since = drain.since === undefined ? undefined : toKubernetesTime(times.written(drain.since));
    return isOut(backend) && row?.weight === drain.weight && backend.drainingSince === since;
  };
}

/** The backends that the binding owns according to its status.backends. */
export function ownedBackends(
  backends: readonly BackendStatus[],
): ReadonlyMap<BackendKey, readonly [row: Row, backend: BackendStatus]> {
  const found = new Map<BackendKey, readonly [Row, BackendStatus]>();
  for (const backend of backends) {
    if (!OWNED.has(backend.state) || backend.serverId === '') continue;
    const row = rowFromStatus(backend);
    found.set(backendKey(row), [row, backend]);
  }
  return found;
}

export function rowFromStatus({ serverId, port, type, serverIp, weight }: BackendStatus): Row {
  return { serverId, port, type, weight, ...(serverIp !== undefined && { serverIp }) };
}

/** Whether the weight that is recorded is the one that it gets back, not the one that it has. */
export function isOut({ state }: Pick<BackendStatus, 'state'>): boolean {
  return state === 'Draining' || state === 'Held';
}

/** Message of a backend that stays although its node is not Ready. The next leader, too, goes by it. */
export const NODE_NOT_READY = 'its node is not Ready';

export function staysWithLostNode({ state, message }: BackendStatus): boolean {
  return state === 'Registered' && message === NODE_NOT_READY;
}

/** The keys are in order, so that nothing has to be sorted for a comparison (status-fields.ts). */
export function statusFromRecord(
  { row, state, pod, podUID, node, drainingSince }: BackendRecord,
  times: Pick<WallTimes, 'written'>,
  message?: string,
): BackendStatus {
  const { serverId, serverIp, port, type, weight } = row;
  return {
    ...(drainingSince !== undefined && { drainingSince: toKubernetesTime(times.written(drainingSince)) }),
    ...(message !== undefined && { message }),
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
