import { type BackendKey, byCodeUnit, type Row, type WriteAction } from '../backend.ts';
import type { Member } from '../desired/member.ts';

/** One row to write. */
export interface Change {
  /** The row to remove or add, or the row after the change (`set`). */
  readonly row: Row;
  readonly key: BackendKey;
  /** Id of the claim that it is made for. */
  readonly claim: string;
  /** `set`: the weight before. */
  readonly was?: number;
  /** `add`: the member that the row stands for. */
  readonly member?: Member;
}

/** One call: RemoveVServerGroupBackendServers, SetVServerGroupAttribute or AddVServerGroupBackendServers. */
export interface Batch {
  readonly action: WriteAction;
  readonly changes: readonly Change[];
  /** It takes backends out of service (removal, drain), or such a batch waits for it; it must not be delayed. */
  readonly urgent: boolean;
}

export interface Changes {
  readonly removals: readonly Change[];
  readonly drains: readonly Change[];
  readonly weights: readonly Change[];
  readonly additions: readonly Change[];
  /** Number of rows in the group with a weight above 0, before any change. */
  readonly usable: number;
  readonly cohorts: { get(key: BackendKey): number | undefined };
  readonly additionsBlocked: boolean;
  /** Limit for one call. */
  readonly rowsPerCall: Readonly<Record<WriteAction, number>>;
}

/**
 * Puts the changes into the fewest calls, in order: removals, weights (drains first), additions.
 *
 * One exception: if the next removal or drain would leave the group without a backend that gets requests, while other backends
 * wait to be added or to get their weight back, one batch of these goes first. Always adding first would fail on a full group;
 * always removing first would empty a group.
 */
export function orderBatches(changes: Changes): readonly Batch[] {
  const { cohorts, rowsPerCall, additionsBlocked } = changes;
  const split = (action: WriteAction, list: readonly Change[]) =>
    intoBatches(list, cohorts, rowsPerCall[action]);
  const batches: readonly Batch[] = [
    ...split('remove', sorted(changes.removals)).map((part) => batch('remove', part, true)),
    ...split('set', [...sorted(changes.drains), ...sorted(changes.weights)]).map((part) =>
      batch('set', part, part.some(isDrain)),
    ),
    ...split('add', sorted(changes.additions)).map((part) => batch('add', part, false)),
  ];
  const mayRescue = ({ action }: Batch) => action !== 'add' || !additionsBlocked;
  return fillBeforeEmpty(batches, changes.usable, mayRescue);
}

function fillBeforeEmpty(
  batches: readonly Batch[],
  usableBefore: number,
  mayRescue: (batch: Batch) => boolean,
): readonly Batch[] {
  let usable = usableBefore;
  const empties = batches.findIndex((next) => {
    const before = usable;
    usable += usableDelta(next);
    return next.urgent && before > 0 && usable <= 0;
  });
  if (empties === -1) return batches;
  const rescue = batches.findIndex((later, i) => i > empties && mayRescue(later) && usableDelta(later) > 0);
  const first = batches[rescue];
  if (first === undefined) return batches;
  return [
    ...batches.slice(0, empties),
    { ...first, urgent: true },
    ...batches.slice(empties, rescue),
    ...batches.slice(rescue + 1),
  ];
}

/** Number of rows that get requests once all is done that is not blocked. */
export function usableAfter(changes: Omit<Changes, 'cohorts' | 'rowsPerCall'>): number {
  const { usable, removals, drains, weights, additions, additionsBlocked } = changes;
  return (
    usable +
    usableDelta({ action: 'remove', changes: removals }) +
    usableDelta({ action: 'set', changes: [...drains, ...weights] }) +
    usableDelta({ action: 'add', changes: additionsBlocked ? [] : additions })
  );
}

/** By how much changes change the number of rows that get requests. */
function usableDelta({ action, changes }: Pick<Batch, 'action' | 'changes'>): number {
  return changes.reduce((delta, { row, was = 0 }) => {
    const before = action === 'remove' ? row.weight > 0 : was > 0;
    const after = action !== 'remove' && row.weight > 0;
    return delta + Number(after) - Number(before);
  }, 0);
}

/** Whether this change takes a backend out of service. */
export function takesOutOfService(action: WriteAction, change: Change): boolean {
  return action === 'remove' || (action === 'set' && change.row.weight === 0 && change.was !== 0);
}

const isDrain = ({ row, was = 0 }: Change) => row.weight === 0 && was > 0;

const batch = (action: Batch['action'], changes: readonly Change[], urgent: boolean): Batch => ({
  action,
  changes,
  urgent,
});

function sorted(changes: readonly Change[]): readonly Change[] {
  return changes.length < 2 ? changes : [...changes].sort((a, b) => byCodeUnit(a.key, b.key));
}

/** Splits into full batches of one cohort each. Rows without a cohort (all rows, unless a batch was refused) go first. */
function intoBatches(
  changes: readonly Change[],
  cohorts: Changes['cohorts'],
  size: number,
): readonly (readonly Change[])[] {
  const byCohort = new Map<number, Change[]>();
  for (const change of changes) {
    const cohort = cohorts.get(change.key) ?? 0;
    const members = byCohort.get(cohort);
    if (members === undefined) byCohort.set(cohort, [change]);
    else members.push(change);
  }
  return [...byCohort]
    .sort(([a], [b]) => a - b)
    .flatMap(([, members]) =>
      Array.from({ length: Math.ceil(members.length / size) }, (_, i) =>
        members.slice(i * size, (i + 1) * size),
      ),
    );
}
