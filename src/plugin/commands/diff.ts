import { AMBIGUOUS_ADDRESS } from '../../alibaba/eni-resolver.ts';
import { findCondition } from '../../api/conditions.ts';
import { sleep, WallTimes } from '../../clock.ts';
import { vServerGroup } from '../../cloud/group-ref.ts';
import { BindingMemory } from '../../controller/binding/binding-memory.ts';
import { verdictOn } from '../../controller/binding/verdict.ts';
import { groupOf, splitGroupKey } from '../../controller/cluster/cluster-caches.ts';
import { readClusterUid } from '../../controller/cluster/cluster-id.ts';
import { rolesToCallWith } from '../../controller/group/caller.ts';
import { type DecideParts, type Decision, decide, withinLimits } from '../../controller/group/decide.ts';
import { EniDirectory, type MissingEni } from '../../controller/group/eni-directory.ts';
import { gather } from '../../controller/group/gather.ts';
import { GroupState } from '../../controller/group/state/group-state.ts';
import { getBinding, namespaceOf } from '../bindings.ts';
import { type Command, type CommandCall, DONE, FAILED, LEFT } from '../command.ts';
import { patiently } from '../diff/patience.ts';
import { takeSnapshot } from '../diff/snapshot.ts';
import { whyOf } from '../diff/why.ts';
import { CLOUD, KUBERNETES } from '../flags.ts';
import { answer, type Column } from '../output/table.ts';
import type { Style } from '../output/terminal.ts';

export const diff: Command = {
  name: 'diff',
  summary: 'Show what the operator would change in the group of a binding now, and why.',
  arguments: 'NAME',
  fewest: 1,
  most: 1,
  completes: 'bindings',
  details: `Reads cluster and group and plans as the operator does, without it. Shows the changes for all bindings of the group in their
order, and makes none.
Give it the operator's flags or VSGB_ variables, and its credentials: ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, or a RAM role.
Needs to get and list bindings, and to list nodes, and Services, EndpointSlices and pods in the namespaces of the group's
bindings; with --require-grants also namespaces; and, without --cluster-id, to get the namespace kube-system.`,
  exitCodes: {
    [DONE]: 'nothing to change',
    [LEFT]: 'there are changes',
    [FAILED]: 'no such binding, a wrong argument, or an API refused or did not answer',
  },
  flags: [
    'namespace',
    'output',
    ...KUBERNETES,
    ...CLOUD,
    'vpcId',
    'clusterId',
    'endpointsSource',
    'defaultDrainSeconds',
    'excludeCordonedNodes',
    'localWeights',
    'readinessGates',
    'requireGrants',
    'assumableRole',
    'maxUnreadyShare',
    'notReadyTolerance',
    'maxBackendsPerCall',
    'timeout',
  ],
  async run(call) {
    const { terminal, options } = call;
    const { group, decision, caches } = await decideNow(call);
    const changes = decision.plan.batches.flatMap(({ action, changes }) =>
      changes.map((change): Row => {
        const { row, claim, was } = change;
        return {
          action: action === 'set' && row.weight === 0 ? 'drain' : WORDS[action],
          serverId: row.serverId,
          ...(row.serverIp !== undefined && { serverIp: row.serverIp }),
          port: row.port,
          ...(action !== 'add' && { from: was ?? row.weight }),
          ...(action !== 'remove' && { to: row.weight }),
          binding: claim,
          why: whyOf(action, change, decision, caches),
        };
      }),
    );
    const notes = notesOf(group, decision);
    const { id, regionId, account } = group.ref;
    const value = { group: id, region: regionId, ...(account !== undefined && { account }), changes, notes };
    answer(terminal, options.own('output'), value, {
      rows: changes,
      columns: COLUMNS,
      empty: `nothing to change in ${id}`,
    });
    if (options.own('output') === 'table') {
      for (const { binding, reason, message } of notes) terminal.note(`${binding}: ${reason}: ${message}`);
    }
    return changes.length === 0 ? DONE : LEFT;
  },
};

const WORDS = { remove: 'remove', set: 'weigh', add: 'add' } as const;

interface Row {
  readonly action: 'remove' | 'drain' | 'weigh' | 'add';
  readonly serverId: string;
  readonly serverIp?: string;
  readonly port: number;
  readonly from?: number;
  readonly to?: number;
  readonly binding: string;
  readonly why: string;
}

const STYLES: Readonly<Record<Row['action'], Style>> = {
  remove: 'bad',
  drain: 'warn',
  weigh: 'warn',
  add: 'good',
};

const COLUMNS: readonly Column<Row>[] = [
  { title: 'ACTION', cell: ({ action }) => ({ text: action, style: STYLES[action] }) },
  {
    title: 'BACKEND',
    cell: ({ serverId, serverIp, port }) =>
      [serverId, port, serverIp].filter((part) => part !== undefined).join(':'),
  },
  { title: 'WEIGHT', cell: ({ from, to }) => `${from ?? '-'}→${to ?? '-'}` },
  { title: 'BINDING', cell: ({ binding }) => binding },
  { title: 'WHY', cell: ({ why }) => why },
];

async function decideNow(call: CommandCall) {
  const { args, options, clock, signal } = call;
  const cluster = call.cluster();
  const binding = await getBinding(cluster, namespaceOf(call), args[0] as string, signal);
  if (!binding.parsed.ok) throw new Error(`${binding.key} can't be read: ${binding.parsed.message}`);
  const { spec, status } = binding.parsed.binding;
  const region =
    spec.regionId !== undefined && !options.given('region') ? spec.regionId : options.operator('region');
  const key = groupOf(binding, region);
  if (key === undefined) {
    const { reason, message } = findCondition(status.conditions, 'Ready') ?? {};
    const why = reason === undefined ? 'no operator has looked for it' : `${reason}: ${message}`;
    throw new Error(`${binding.key} has no group yet: ${why}`);
  }
  const { regionId, vServerGroupId, account } = splitGroupKey(key);
  const deadline = clock.now() + options.own('timeout');
  const defaultDrainSeconds = options.operator('defaultDrainSeconds');
  const endpointsSource = options.operator('endpointsSource');
  const requireGrants = options.operator('requireGrants');
  const [clusterId, caches] = await Promise.all([
    options.operator('clusterId') ?? readClusterUid(cluster.transport, signal),
    takeSnapshot(key, { ...cluster, clock, signal, region, endpointsSource, requireGrants }),
  ]);
  const cloud = call.cloud(region);
  const { groups } = cloud;
  const group = new GroupState(vServerGroup(regionId, vServerGroupId, { account }), clock.now(), Math.random);
  let wake = () => {};
  const enis = new EniDirectory(cloud.resolver, () => wake());
  const parts: DecideParts = { caches, memory: new BindingMemory(new WallTimes(clock)), enis, clock };
  const deciding = {
    clusterId,
    defaultDrainSeconds,
    excludeCordonedNodes: options.operator('excludeCordonedNodes'),
    localWeights: options.operator('localWeights'),
    opensGates: options.operator('readinessGates'),
    requireGrants,
    assumableRoles: options.operator('assumableRole'),
    unreadyShare: options.operator('maxUnreadyShare'),
    unreadyToleranceMs: options.operator('notReadyTolerance'),
    ...withinLimits(groups.limits, options.operator('maxBackendsPerCall')),
    dryRun: true,
  };
  group.callWith(rolesToCallWith(gather(key, group.view, parts, deciding)));
  if (!group.isOutOfReach) {
    const described = await patiently(() => groups.describe(group.ref, { signal }), clock, deadline, signal);
    group.view.described({ ...described, pending: false }, Number.POSITIVE_INFINITY, clock.now());
  }
  for (;;) {
    const answered = new AbortController();
    wake = () => answered.abort();
    const decision = decide(key, group, parts, deciding);
    const awaited = decision.missingEnis.filter(({ lookup }) => !isAnswered(lookup));
    if (awaited.length === 0) {
      // What serves on until others take its place leaves, too.
      group.leaving.planned(decision.plan, [], () => false, Number.NEGATIVE_INFINITY);
      return { group, decision: decide(key, group, parts, deciding), caches };
    }
    const waitMs = deadline - clock.now();
    throwIfHopeless(awaited, waitMs <= 0);
    await sleep(clock, waitMs, AbortSignal.any([signal, answered.signal])).catch(() => {});
    signal.throwIfAborted();
  }
}

/** ECS has answered, if only that no interface has the address, or several have: a note says so, and the other changes are shown. */
function isAnswered(lookup: MissingEni['lookup']): boolean {
  return lookup.state === 'missing' || (lookup.state === 'failed' && lookup.error.code === AMBIGUOUS_ADDRESS);
}

/** The resolver repeats a lookup that failed; one that was refused fails again. */
function throwIfHopeless(lookups: Decision['missingEnis'], isLate: boolean): void {
  for (const { lookup } of lookups) {
    if (lookup.state === 'failed' && (isLate || !lookup.error.retryable)) throw lookup.error;
  }
  if (!isLate) return;
  const ips = lookups.map(({ member }) => member.ip).join(', ');
  throw new Error(`no answer in time to the lookup of the network interfaces of ${ips}`);
}

/** What keeps each binding from being Ready, apart from changes that are under way. */
function notesOf(group: GroupState, { bound, plan, missingEnis }: Decision) {
  return bound.flatMap(({ object, claim, granted }) => {
    const report = plan.reports.find((one) => one.claim === claim);
    const wasRead = group.view.rows !== undefined;
    const input = { group, wasRead, granted, report, batches: [], missingEnis, unlooked: [], dryRun: true };
    const { ready, reason, message } = verdictOn(object, input);
    return ready || reason === 'Progressing' || reason === 'Deleting' || reason === 'DryRun'
      ? []
      : [{ binding: object.key, reason, message }];
  });
}
