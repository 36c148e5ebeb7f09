import { findCondition, removeCondition, setCondition, toKubernetesTime } from '../../api/conditions.ts';
import {
  type BackendStatus,
  type BindingMetadata,
  type Condition,
  MAX_STATUS_BACKENDS,
  type VServerGroupBinding,
  type VServerGroupBindingStatus,
} from '../../api/vservergroupbinding.ts';
import type { WallTimes } from '../../clock.ts';
import { withoutRequestIds } from '../../cloud/api-error.ts';
import { type BackendKey, backendKey, byCodeUnit, slotOf } from '../../membership/backend.ts';
import { type Member, nodesKept } from '../../membership/desired/member.ts';
import type { FormerMember } from '../../membership/plan/claim.ts';
import { recordsAsTheyAre } from './dry-run.ts';
import { isGranted } from './granted.ts';
import type { NamedGroupVerdict } from './named-verdict.ts';
import type { Preparation } from './preparation.ts';
import { isOut, NODE_NOT_READY, rowFromStatus, statusFromRecord } from './records.ts';
import { type BindingVerdict, desiredCount, refusalsOf, type StatusInput, verdictOf } from './verdict.ts';

/** The facts, and how the times among them are written down. */
export interface StatusFacts extends StatusInput {
  readonly times: WallTimes;
}

/**
 * The status to write. `conditions`: the previous conditions; an unchanged one keeps its transition time. `lastRemoval`: when
 * this process last removed a backend for the binding, in milliseconds since the Unix epoch.
 */
export function bindingStatus(
  input: StatusFacts,
  preparation: Preparation | undefined,
  conditions: readonly Condition[],
  lastRemoval: number | undefined,
): VServerGroupBindingStatus {
  const { binding, group, granted, report, times } = input;
  const backends = backendsOf(input);
  const lastRemovalTime =
    lastRemoval === undefined ? binding.status.lastRemovalTime : toKubernetesTime(lastRemoval);
  // A binding without a grant does not learn the group's load balancer. A recorded one means that it was served (granted.ts).
  const seen = isGranted(granted) ? group.view.loadBalancerId : undefined;
  const loadBalancerId = seen ?? binding.status.loadBalancerId;
  const count = (state: BackendStatus['state']) =>
    backends.filter((backend) => backend.state === state).length;
  return {
    observedGeneration: binding.metadata.generation,
    conditions: conditionsOf(verdictOf(input), binding.metadata.generation, conditions, times.wall()),
    vServerGroupId: group.ref.id,
    ...(loadBalancerId !== undefined && { loadBalancerId }),
    ...servedService(input),
    desired: desiredCount(report),
    registered: count('Registered'),
    draining: count('Draining'),
    foreign: foreignCount(input),
    ...preparedness(preparation),
    backends: asManyAsFit(backends),
    ...(lastRemovalTime !== undefined && { lastRemovalTime }),
  };
}

/** Keeps the previous Service while nothing is written for the one that the binding names now. */
function servedService({ binding, report, dryRun }: StatusInput): { serviceName?: string } {
  const { desired, suspended } = report?.claim ?? {};
  const { serviceName } = binding.status;
  if (desired?.kind === 'members' && !suspended && !dryRun)
    return { serviceName: binding.spec.serviceRef.name };
  return serviceName === undefined ? {} : { serviceName };
}

function preparedness(
  preparation: Preparation | undefined,
): Pick<VServerGroupBindingStatus, 'holdSeconds' | 'podsWithoutHold' | 'podsWithoutGate'> {
  if (preparation === undefined) return {};
  const { holdSeconds, lacking } = preparation;
  return {
    holdSeconds,
    ...(lacking !== undefined && { podsWithoutHold: lacking.hold }),
    ...(lacking?.gate !== undefined && { podsWithoutGate: lacking.gate }),
  };
}

/**
 * The status of a binding whose group was looked up by name: it has nothing in any group, and from now on it is on the group
 * that was found. `loadBalancerId` is left out, because it would mean that the group was read.
 */
export function namedStatus(
  { metadata, status }: VServerGroupBinding,
  { verdict, id }: NamedGroupVerdict,
  conditions: readonly Condition[],
  wall: number,
): VServerGroupBindingStatus {
  const { lastRemovalTime } = status;
  return {
    observedGeneration: metadata.generation,
    conditions: conditionsOf(verdict, metadata.generation, conditions, wall),
    ...(id !== undefined && { vServerGroupId: id }),
    ...{ desired: 0, registered: 0, draining: 0, foreign: 0 },
    backends: [],
    ...(lastRemovalTime !== undefined && { lastRemovalTime }),
  };
}

/**
 * All that is reported on a binding whose spec can't be read or whose group is not called: what its status records about its
 * backends stays.
 */
export function conditionsStatus(
  { generation = 0 }: Pick<Partial<BindingMetadata>, 'generation'>,
  verdict: BindingVerdict,
  conditions: readonly Condition[],
  wall: number,
): Pick<VServerGroupBindingStatus, 'observedGeneration' | 'conditions'> {
  return { observedGeneration: generation, conditions: conditionsOf(verdict, generation, conditions, wall) };
}

function foreignCount({ binding, group, granted, report, dryRun }: StatusInput): number {
  if (group.view.rows === undefined) return binding.status.foreign;
  if (report === undefined) return 0;
  if (granted.is === 'undecided') return binding.status.foreign;
  return dryRun ? group.view.rows.length - recordsAsTheyAre(group, report).length : report.foreign;
}

function conditionsOf(
  verdict: BindingVerdict,
  observedGeneration: number,
  conditions: readonly Condition[],
  wall: number,
): Condition[] {
  const { reason } = verdict;
  const told = findCondition(conditions, 'Ready');
  const isRepeat = told?.reason === reason && told.observedGeneration === observedGeneration;
  const message = asBefore(isRepeat ? told.message : undefined, verdict.message);
  const base = { reason, message, observedGeneration };
  let next = setCondition(
    conditions,
    { type: 'Ready', status: verdict.ready ? 'True' : 'False', ...base },
    wall,
  );
  for (const [type, holds] of [
    ['Reconciling', verdict.reconciling],
    ['Stalled', verdict.stalled],
  ] as const) {
    next = holds ? setCondition(next, { type, status: 'True', ...base }, wall) : removeCondition(next, type);
  }
  return next;
}

/**
 * The previous message, if the new one differs from it only in the id of a request. Each attempt has another id, which is no news:
 * it would cost a write for each.
 */
function asBefore(before: string | undefined, message: string): string {
  return before !== undefined && withoutRequestIds(before) === withoutRequestIds(message) ? before : message;
}

function backendsOf(input: StatusFacts): readonly BackendStatus[] {
  const { binding, group, report, missingEnis, unlooked, dryRun, times } = input;
  if (report === undefined) return [];
  const refusals = refusalsOf(group, report);
  const refused = new Map(refusals.map((refusal) => [slotOf(refusal.row), refusal]));
  // Only then: the rows of a status are parsed whenever they are read.
  const before = refused.size === 0 ? [] : binding.status.backends.filter(isRefused);
  const told = new Map(before.map((one) => [slotOf(rowFromStatus(one)), one.message]));
  const unresolved = new Map(missingEnis.map(({ member, lookup }) => [member.slot, lookup]));
  const pending = report.pending.map((member) => {
    const refusal = refused.get(member.slot);
    if (refusal !== undefined) {
      const message = asBefore(told.get(member.slot), refusal.error.message.slice(0, LONGEST_MESSAGE));
      return pendingStatus(member, 'Refused', refusal.row.serverId, message);
    }
    const lookup = unresolved.get(member.slot);
    const message =
      lookup === undefined
        ? undefined
        : `its ENI is ${lookup.state === 'pending' ? 'being looked up' : 'not found'}`;
    return pendingStatus(member, 'Pending', member.instanceId ?? '', message);
  });
  const records = dryRun
    ? recordsAsTheyAre(group, report)
    : [...report.records.values()].filter(({ stranger }) => !stranger);
  const left = unlooked.map((member) =>
    pendingStatus({ ...member, weight: 0 }, 'Pending', member.instanceId ?? '', LEFT),
  );
  const lost = nodesKept(report.claim.desired);
  const weights = dryRun ? undefined : weightsLeft(input);
  const owned = records.map((record) => {
    const stays = record.state === 'Registered' && record.node !== undefined && lost.has(record.node);
    return statusFromRecord(record, times, stays ? NODE_NOT_READY : weights?.get(backendKey(record.row)));
  });
  return [...owned, ...pending, ...left].sort(
    (a, b) =>
      byCodeUnit(a.serverIp ?? '', b.serverIp ?? '') || byCodeUnit(a.serverId, b.serverId) || a.port - b.port,
  );
}

/**
 * Of backends that drain or are held: what is known of the weight that they still have. Nothing is told of one that leaves and waits
 * for its status (RemoveOnly): it would cost another write for every pod.
 */
function weightsLeft({ group, report }: StatusFacts): ReadonlyMap<BackendKey, string> | undefined {
  const out = [...(report?.records ?? [])].filter(([, record]) => isOut(record));
  if (report === undefined || out.length === 0) return undefined;
  const { rows } = group.view;
  const weights = new Map(rows?.map(({ key, row }) => [key, row.weight] as const));
  const unshown = new Set(report.unshown);
  const left = new Map<BackendKey, string>();
  for (const [key, { drainingSince }] of out) {
    if (drainingSince !== undefined && unshown.has(key)) continue;
    const weight = weights.get(key) ?? 0;
    if (rows === undefined) left.set(key, 'its weight is not known yet');
    else if (weight > 0) left.set(key, `still has weight ${weight}`);
  }
  return left;
}

const isRefused = ({ state }: BackendStatus) => state === 'Refused';

/** Of a backend; see the schema. */
const LONGEST_MESSAGE = 1024;

const RANKS: Readonly<Record<BackendStatus['state'], number>> = {
  ...{ Draining: 0, Removing: 0, Held: 0 },
  Registered: 1,
  ...{ Pending: 2, Refused: 2 },
};

/** If there are too many: first the backends whose weight only the status knows, then the others in the group. */
function asManyAsFit(backends: readonly BackendStatus[]): BackendStatus[] {
  if (backends.length <= MAX_STATUS_BACKENDS) return [...backends];
  const ranked = [...backends].sort((a, b) => RANKS[a.state] - RANKS[b.state]);
  const fitting = new Set(ranked.slice(0, MAX_STATUS_BACKENDS));
  return backends.filter((backend) => fitting.has(backend));
}

const LEFT = 'it has left, and the group is read for a row of it that something else may have added';

function pendingStatus(
  { ip, port, type, weight, pod, podUID, node }: Omit<FormerMember, 'slot'> & Pick<Member, 'weight'>,
  state: 'Pending' | 'Refused',
  serverId: string,
  message: string | undefined,
): BackendStatus {
  return {
    serverId,
    ...(type !== 'ecs' && ip !== undefined && { serverIp: ip }),
    port,
    type,
    weight,
    state,
    ...(pod !== undefined && { pod }),
    ...(podUID !== undefined && { podUID }),
    ...(node !== undefined && { node }),
    ...(message !== undefined && { message }),
  };
}
