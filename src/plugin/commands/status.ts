import { findCondition, isTrue } from '../../api/conditions.ts';
import type { UnreadableBinding } from '../../api/vservergroupbinding.ts';
import { accountOfRole } from '../../cloud/group-ref.ts';
import { type BindingObject, groupNamedBy, specOf } from '../../controller/cluster/cluster-caches.ts';
import { getBinding, listBindings, namespaceOf } from '../bindings.ts';
import { type Command, type CommandCall, DONE, FAILED } from '../command.ts';
import { KUBERNETES } from '../flags.ts';
import { age, answer, type Column } from '../output/table.ts';
import type { Style } from '../output/terminal.ts';

export const status: Command = {
  name: 'status',
  summary: 'Show bindings: their groups, members and last removals, and why one is not ready.',
  arguments: '[NAME]',
  fewest: 0,
  most: 1,
  completes: 'bindings',
  details: `Shows the binding NAME, all of a namespace, or with -A of all namespaces.
MEMBERS: backends in the group / that should be. HOLD: how long pods must keep serving after their deletion, and how many are
held for less. GATE, with --readiness-gates: whether pods wait for the group, and how many have no gate.`,
  exitCodes: { [DONE]: 'shown', [FAILED]: 'no such binding, a wrong argument, or the API server refused' },
  flags: ['namespace', 'allNamespaces', 'output', ...KUBERNETES],
  async run(call) {
    const { terminal, options, clock } = call;
    const rows = (await bindingsOf(call)).map(describe);
    answer(terminal, options.own('output'), only(call, rows), {
      rows,
      columns: columns(clock.wall()),
      empty: `no binding in ${options.own('allNamespaces') ? 'any namespace' : `namespace ${namespaceOf(call)}`}`,
    });
    return DONE;
  },
};

async function bindingsOf(call: CommandCall): Promise<readonly BindingObject[]> {
  const { args, options, clock, signal } = call;
  const [name] = args;
  if (name !== undefined) return [await getBinding(call.cluster(), namespaceOf(call), name, signal)];
  const namespace = options.own('allNamespaces') ? undefined : namespaceOf(call);
  return await listBindings(call.cluster(), clock, signal, { namespace });
}

/** For structured output: the binding that was named, or a list. */
function only(call: CommandCall, rows: readonly BindingRow[]): unknown {
  return call.args.length === 1 ? rows[0] : rows;
}

interface BindingRow {
  readonly namespace: string;
  readonly name: string;
  readonly group?: string;
  /** The account, if it is not the operator's own. */
  readonly account?: string;
  readonly service?: string;
  readonly port?: string | number;
  readonly mode?: string;
  readonly desired?: number;
  readonly registered?: number;
  readonly draining?: number;
  readonly foreign?: number;
  readonly holdSeconds?: number;
  readonly podsWithoutHold?: number;
  readonly podsWithoutGate?: number;
  readonly lastRemovalTime?: string;
  readonly ready: 'True' | 'False' | 'Unknown';
  readonly stalled: boolean;
  readonly reason: string;
  readonly message: string;
}

export function describe(object: BindingObject): BindingRow {
  const { namespace, name, parsed } = object;
  const group = groupNamedBy(object);
  const { assumeRole } = specOf(object);
  if (!parsed.ok)
    return { namespace, name, ...(group !== undefined && { group }), ...describeUnreadable(parsed) };
  const { spec, status, metadata } = parsed.binding;
  const ready = findCondition(status.conditions, 'Ready');
  const isOld = status.observedGeneration < metadata.generation;
  return {
    namespace,
    name,
    ...(group !== undefined && { group }),
    ...(assumeRole !== undefined && { account: accountOfRole(assumeRole) }),
    service: spec.serviceRef.name,
    port: spec.serviceRef.port,
    mode: spec.mode,
    desired: status.desired,
    registered: status.registered,
    draining: status.draining,
    foreign: status.foreign,
    ...(status.holdSeconds !== undefined && { holdSeconds: status.holdSeconds }),
    ...(status.podsWithoutHold !== undefined && { podsWithoutHold: status.podsWithoutHold }),
    ...(status.podsWithoutGate !== undefined && { podsWithoutGate: status.podsWithoutGate }),
    ...(status.lastRemovalTime !== undefined && { lastRemovalTime: status.lastRemovalTime }),
    ready: ready === undefined || isOld ? 'Unknown' : ready.status,
    stalled: isTrue(status.conditions, 'Stalled'),
    reason: isOld ? 'NotSeenYet' : (ready?.reason ?? 'NotSeenYet'),
    message: isOld || ready === undefined ? UNSEEN : ready.message,
  };
}

/** The operator's report takes precedence: the operator knows what happens to the backends. */
function describeUnreadable({
  message,
  metadata,
  status,
}: UnreadableBinding): Omit<BindingRow, 'namespace' | 'name'> {
  const conditions = status?.observedGeneration === metadata.generation ? (status?.conditions ?? []) : [];
  const ready = findCondition(conditions, 'Ready');
  return {
    ready: 'False',
    stalled: ready === undefined || isTrue(conditions, 'Stalled'),
    reason: ready?.reason ?? 'InvalidSpec',
    message: ready?.message ?? `${message}. Correct the spec.`,
  };
}

const UNSEEN = 'no operator has handled this binding yet: check that one runs, and handles this namespace';

function columns(now: number): readonly Column<BindingRow>[] {
  const text = (value: string | number | undefined) => (value === undefined ? '' : String(value));
  return [
    { title: 'NAMESPACE', cell: ({ namespace }) => namespace },
    { title: 'NAME', cell: ({ name }) => name },
    {
      title: 'GROUP',
      cell: ({ group, account }) => `${text(group)}${account === undefined ? '' : ` (${account})`}`,
    },
    { title: 'SERVICE', cell: ({ service, port }) => (service === undefined ? '' : `${service}:${port}`) },
    {
      title: 'MEMBERS',
      cell: ({ registered, desired }) => (registered === undefined ? '' : `${registered}/${desired}`),
    },
    { title: 'DRAINING', cell: ({ draining }) => text(draining) },
    { title: 'FOREIGN', cell: ({ foreign }) => text(foreign) },
    {
      title: 'HOLD',
      cell: ({ holdSeconds, podsWithoutHold }) =>
        holdSeconds === undefined ? '' : `${holdSeconds}s${without(podsWithoutHold)}`,
    },
    {
      title: 'GATE',
      cell: ({ podsWithoutGate }) => (podsWithoutGate === undefined ? '' : `yes${without(podsWithoutGate)}`),
    },
    {
      title: 'LAST-REMOVAL',
      cell: ({ lastRemovalTime: at }) => (at === undefined ? '' : `${age(now - Date.parse(at))} ago`),
    },
    { title: 'READY', cell: (row) => ({ text: row.ready, style: styleOf(row) }) },
    {
      title: 'WHY',
      cell: ({ reason, message }) => (reason === 'Synced' ? message : `${reason}: ${message}`),
    },
  ];
}

function without(pods: number | undefined): string {
  return pods === undefined || pods === 0 ? '' : `, ${pods} without`;
}

function styleOf({ ready, stalled }: BindingRow): Style {
  if (ready === 'True') return 'good';
  return stalled ? 'bad' : 'warn';
}
