import { findCondition } from '../../api/conditions.ts';
import { DRAIN_LABEL, PLUGIN } from '../../api/names.ts';
import type { BackendStatus } from '../../api/vservergroupbinding.ts';
import { sleep } from '../../clock.ts';
import { isOut } from '../../controller/binding/records.ts';
import { type BindingObject, groupIdOf, statusOf } from '../../controller/cluster/cluster-caches.ts';
import { hasStatus } from '../../kubernetes/client/api-error.ts';
import { paths, transformPod } from '../../kubernetes/objects/objects.ts';
import { listBindings } from '../bindings.ts';
import { type Command, type CommandCall, DONE, FAILED, LEFT } from '../command.ts';
import { emptiedGroups } from '../drain/emptied-groups.ts';
import { isUntouched } from '../drain/untouched.ts';
import { KUBERNETES } from '../flags.ts';
import { answer, type Column } from '../output/table.ts';

export const drain: Command = {
  name: 'drain',
  summary: "Take a node's backends out of service in all groups: weight 0, until --undo.",
  arguments: 'NODE',
  fewest: 1,
  most: 1,
  completes: 'nodes',
  details: `Labels the node ${DRAIN_LABEL} and waits until the groups show it. The operator keeps every backend on the node at
weight 0, whatever its binding's mode, and new pods of the node join with weight 0: new connections go elsewhere, existing ones
can end. --undo removes the label and restores the weights, but not of pods that are gone. Pods stay: kubectl cordon and kubectl
drain move them. Bindings that are suspended, unreadable or RoleNotAllowed are not touched. Needs a running operator, and to get
and patch nodes, list bindings and, for --undo, get pods; no cloud credentials.`,
  exitCodes: {
    [DONE]: 'all of its backends have weight 0 (with --undo: their weights)',
    [LEFT]: 'not all of them within --timeout, or some belong to bindings that are not touched',
    [FAILED]:
      'no such node, a wrong argument, a group would be left without backends, or the API server refused',
  },
  flags: ['undo', 'force', 'timeout', 'output', ...KUBERNETES],
  async run(call) {
    const { args, options, terminal, clock, signal } = call;
    const node = args[0] as string;
    const undo = options.own('undo');
    const before = await read(call, node);
    if (!undo && !options.own('force')) refuseToEmpty(before, node);
    await label(call, node, undo ? null : 'true');
    const deadline = clock.now() + options.own('timeout');
    for (;;) {
      const rows = rowsOn(await read(call, node), node);
      const left = await leftOf(call, rows, undo);
      const waiting = left.filter(({ untouched }) => !untouched);
      if (rows.length > 0) terminal.progress(progress(rows.length - left.length, rows.length, undo));
      if (waiting.length === 0 || clock.now() >= deadline) {
        terminal.endProgress();
        report(call, node, rows);
        if (waiting.length > 0)
          terminal.note('not done in time: does an operator run, and may it read the label?');
        return left.length === 0 ? DONE : LEFT;
      }
      await sleep(clock, POLL_MS, signal);
    }
  },
};

const POLL_MS = 250;

interface Row {
  readonly namespace: string;
  readonly name: string;
  readonly group: string;
  readonly backend: string;
  readonly pod: string;
  readonly state: BackendStatus['state'];
  readonly weight: number;
  readonly untouched: boolean;
  /** Why a backend that drains or is held has a weight nevertheless. */
  readonly message: string | undefined;
  /** Whether the backend is also waiting to be removed. */
  readonly leaving: boolean;
  /** Whether it is held with weight 0, and had another one: if its pod still runs, it gets that back. */
  readonly resting: boolean;
  readonly podUID: string | undefined;
  readonly why: string;
}

async function read(call: CommandCall, node: string): Promise<readonly BindingObject[]> {
  const { transport } = call.cluster();
  try {
    await transport.request('GET', `/api/v1/nodes/${encodeURIComponent(node)}`, { signal: call.signal });
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
    throw new Error(`there is no node ${node}; kubectl get nodes lists them`);
  }
  return await listBindings({ transport }, call.clock, call.signal);
}

async function label(call: CommandCall, node: string, value: string | null): Promise<void> {
  await call.cluster().transport.request('PATCH', `/api/v1/nodes/${encodeURIComponent(node)}`, {
    contentType: 'application/merge-patch+json',
    query: { fieldManager: PLUGIN },
    body: { metadata: { labels: { [DRAIN_LABEL]: value } } },
    signal: call.signal,
  });
}

const IN_GROUP: ReadonlySet<string> = new Set(['Registered', 'Draining', 'Removing', 'Held']);

function rowsOn(bindings: readonly BindingObject[], node: string): readonly Row[] {
  return bindings.flatMap((binding): Row[] => {
    const { namespace, name } = binding;
    const { conditions = [], backends = [] } = statusOf(binding) ?? {};
    const ready = findCondition(conditions, 'Ready');
    const why = ready === undefined || ready.status === 'True' ? '' : `${ready.reason}: ${ready.message}`;
    return backends
      .filter((backend) => backend.node === node && IN_GROUP.has(backend.state))
      .map(({ serverIp, serverId, port, pod, podUID, state, weight, drainingSince, message }) => ({
        namespace,
        name,
        group: groupIdOf(binding) ?? '',
        backend: `${serverIp ?? serverId}:${port}`,
        pod: pod ?? '',
        state,
        // It has a message while the group does not show weight 0.
        weight: isOut({ state }) && message === undefined ? 0 : weight,
        untouched: isUntouched(binding),
        message,
        leaving: drainingSince !== undefined,
        resting: state === 'Held' && message === undefined && weight > 0,
        podUID,
        why: why || (message ?? ''),
      }));
  });
}

async function leftOf(call: CommandCall, rows: readonly Row[], undo: boolean): Promise<readonly Row[]> {
  const left: Row[] = [];
  for (const row of rows) {
    if (isDone(row, undo) || (undo && row.resting && (await isGone(call, row)))) continue;
    left.push(row);
  }
  return left;
}

function isDone({ state, leaving, resting, weight, message }: Row, undo: boolean): boolean {
  if (undo) return leaving || (state !== 'Draining' && !resting);
  return isOut({ state }) ? message === undefined : state === 'Registered' && weight === 0;
}

/** The status does not tell whether the pod of a held backend is gone. */
async function isGone(call: CommandCall, { namespace, pod, podUID }: Row): Promise<boolean> {
  if (podUID === undefined) return false;
  const path = `${paths.pods(namespace)}/${encodeURIComponent(pod)}`;
  try {
    const found = transformPod(await call.cluster().transport.request('GET', path, { signal: call.signal }));
    return found.uid !== podUID || found.ended;
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
    return true;
  }
}

function progress(done: number, all: number, undo: boolean): string {
  return `${done} of ${all} backends ${undo ? 'have their weights back' : 'have weight 0'}`;
}

function refuseToEmpty(bindings: readonly BindingObject[], node: string): void {
  const emptied = emptiedGroups(bindings, node);
  if (emptied.length === 0) return;
  throw new Error(
    `all backends of ${emptied.join(', ')} that take requests are on node ${node}: add others first, or use --force`,
  );
}

function report(call: CommandCall, node: string, rows: readonly Row[]): void {
  const { terminal, options } = call;
  const columns: readonly Column<Row>[] = [
    { title: 'NAMESPACE', cell: ({ namespace }) => namespace },
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'GROUP', cell: ({ group }) => group },
    { title: 'BACKEND', cell: ({ backend }) => backend },
    { title: 'POD', cell: ({ pod }) => pod },
    { title: 'WEIGHT', cell: ({ weight }) => String(weight) },
    { title: 'STATE', cell: ({ state }) => state },
    { title: 'WHY', cell: ({ why }) => why },
  ];
  const value = {
    node,
    backends: rows.map(({ untouched, message, leaving, resting, podUID, why, ...row }) => row),
  };
  answer(terminal, options.own('output'), value, {
    rows,
    columns,
    empty: `no binding has a backend on node ${node}`,
  });
}
