import { sleep } from '../../clock.ts';
import type { ApiError } from '../../cloud/api-error.ts';
import { vServerGroup } from '../../cloud/group-ref.ts';
import { ConfigError } from '../../config/config-error.ts';
import { backendName } from '../../controller/binding/messages.ts';
import { withinLimits } from '../../controller/group/decide.ts';
import { GroupWriter } from '../../controller/group/group-writer.ts';
import { nextStep } from '../../controller/group/next-step.ts';
import { GroupState } from '../../controller/group/state/group-state.ts';
import { type BackendKey, byCodeUnit, type Row } from '../../membership/backend.ts';
import { type Batch, type Changes, orderBatches } from '../../membership/plan/batches.ts';
import { type Command, type CommandCall, DONE, FAILED, LEFT } from '../command.ts';
import { CLOUD } from '../flags.ts';
import { answer, type Column } from '../output/table.ts';

export const remove: Command = {
  name: 'remove',
  summary: 'Remove backends from a vServer group: the plain API call, repeated until it is done.',
  arguments: '',
  fewest: 0,
  most: 0,
  details: `kubectl vsgb remove --region cn-hangzhou --group rsp-1 --backend i-abc:30080 --backend eni-abc:8080:10.0.0.1

Calls RemoveVServerGroupBackendServers with up to 20 backends a call; retries while the load balancer is busy, throttles or
fails. Shows what is left in the group. The operator adds a backend that a binding wants again: suspend the binding, or drain
the node. Needs no cluster, but the operator's credentials: ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, or a RAM role.`,
  exitCodes: {
    [DONE]: 'none of the backends is in the group any more',
    [LEFT]: 'some may still be in it after --timeout, or the load balancer refused them',
    [FAILED]: 'a wrong argument, the API refused, or the group could not be read',
  },
  flags: ['group', 'backend', 'timeout', 'output', ...CLOUD, 'maxBackendsPerCall'],
  async run(call) {
    const { options, terminal, clock, signal } = call;
    const vServerGroupId = options.own('group');
    const given = options.all('backend');
    if (vServerGroupId === undefined)
      throw new ConfigError('--group is needed: expected the id of a vServer group');
    if (given.length === 0) throw new ConfigError('--backend is needed: expected ID:PORT or ID:PORT:IP');
    const isWanted = namedBy(given);
    const group = new GroupState(
      vServerGroup(options.operator('region'), vServerGroupId),
      clock.now(),
      Math.random,
    );
    const deadline = clock.now() + options.own('timeout');
    const problem = await removeAll(call, group, isWanted, deadline);
    terminal.endProgress();
    signal.throwIfAborted();
    const sorted = [...(group.view.rows ?? [])].sort((a, b) => byCodeUnit(a.key, b.key));
    const rows = sorted.map(({ row }) => row);
    const left = rows.filter(isWanted);
    answer(
      terminal,
      options.own('output'),
      { group: vServerGroupId, left: left.map(shown), backends: rows.map(shown) },
      {
        rows,
        columns: columns(isWanted),
        empty: `${vServerGroupId} is empty`,
      },
    );
    if (left.length === 0 && group.view.isReliable) return DONE;
    terminal.note(problem?.message ?? 'not done in time: the load balancer is still applying a change');
    return LEFT;
  },
};

/** Selects the rows that the texts name. A text without an address selects every row with its server and port. */
function namedBy(texts: readonly string[]): (row: Row) => boolean {
  const named = texts.map((text) => {
    const [serverId = '', port = '', ...ip] = text.split(':');
    if (Number(port) < 1 || Number(port) > 65_535)
      throw new ConfigError(`--backend: received port ${port}, expected 1 to 65535`);
    return { serverId, port: Number(port), serverIp: ip.length === 0 ? undefined : ip.join(':') };
  });
  return (row) =>
    named.some(
      ({ serverId, port, serverIp = row.serverIp }) =>
        row.serverId === serverId && row.port === port && row.serverIp === serverIp,
    );
}

/**
 * Uses the operator's own steps and writer, which know which errors are temporary, split a batch that is refused because of one of its
 * rows, and read the group again after a call with unknown outcome. Returns the error that prevented the removal, if any.
 */
async function removeAll(
  { clock, signal, terminal, options, cloud }: CommandCall,
  group: GroupState,
  isWanted: (row: Row) => boolean,
  deadline: number,
): Promise<ApiError | undefined> {
  const groups = cloud().client.vServerGroups;
  const pacing = {
    writeSpacingMs: 0,
    addWindowMs: 0,
    ...withinLimits(groups.limits, options.operator('maxBackendsPerCall')),
  };
  let problem: ApiError | undefined;
  const writer = new GroupWriter({
    groups,
    enis: { forget: () => {} },
    clock,
    mayWrite: () => !signal.aborted,
    isFresh: () => true,
    hooks: {
      onRead: () => {},
      onDriftCorrected: () => {},
      onWithheld: () => {},
      onWritten: (_group, { changes }, requestId) => {
        problem = [...group.attempts.refusals.values()][0]?.error;
        const request = requestId === undefined ? '' : ` (request ${requestId})`;
        terminal.note(`removed ${changes.map(({ row }) => backendName(row)).join(', ')}${request}`);
      },
      onFailed: (_group, _action, error) => {
        problem = error;
        terminal.progress(error.message);
      },
    },
  });
  const { view, attempts } = group;
  for (;;) {
    signal.throwIfAborted();
    const now = clock.now();
    const batches = removals(group, isWanted, pacing.rowsPerCall, now);
    if (view.isReliable && batches.length === 0) return problem;
    const step = nextStep({ batches }, group, pacing, now, undefined);
    switch (step.do) {
      case 'describe':
        await writer.describe(group, Number.POSITIVE_INFINITY);
        break;
      case 'poll':
        await writer.poll(group, step.job);
        break;
      case 'write':
        await groups.acquire(group.ref, 'remove', true, signal);
        await writer.write(group, step.batch);
        break;
      case 'wait': {
        const error = (attempts.failures.get('describe') ?? attempts.failures.get('remove'))?.error;
        const isLate = step.at > deadline;
        if (error !== undefined && (!error.retryable || (isLate && view.rows === undefined))) throw error;
        if (isLate) return error ?? problem;
        await sleep(clock, step.at - now, signal);
      }
    }
  }
}

/**
 * Removes rows as the group last showed them; a row that it no longer shows needs no removal. Rows that were refused on their own are
 * skipped.
 */
function removals(
  { view, attempts }: GroupState,
  isWanted: (row: Row) => boolean,
  rowsPerCall: Changes['rowsPerCall'],
  now: number,
): readonly Batch[] {
  const removals = (view.rows ?? [])
    .filter(({ row }) => isWanted(row))
    .map(({ row, key }) => ({ row, key, claim: '' }))
    .filter(({ key }) => !attempts.isRefused(key, 'remove', now));
  const nothing = { drains: [], weights: [], additions: [] };
  const cohorts = { get: (key: BackendKey) => attempts.cohortOf(key) };
  return orderBatches({ removals, ...nothing, usable: 0, cohorts, additionsBlocked: true, rowsPerCall });
}

function shown({ serverId, serverIp, port, type, weight, description }: Row) {
  return {
    serverId,
    ...(serverIp !== undefined && { serverIp }),
    port,
    type,
    weight,
    description: description ?? '',
  };
}

function columns(isWanted: (row: Row) => boolean): readonly Column<Row>[] {
  return [
    {
      title: 'SERVER',
      cell: (row) => ({
        text: row.serverId,
        style: isWanted(row) ? ('bad' as const) : undefined,
      }),
    },
    { title: 'IP', cell: ({ serverIp = '' }) => serverIp },
    { title: 'PORT', cell: ({ port }) => String(port) },
    { title: 'TYPE', cell: ({ type }) => type },
    { title: 'WEIGHT', cell: ({ weight }) => String(weight) },
    { title: 'DESCRIPTION', cell: ({ description = '' }) => description },
  ];
}
