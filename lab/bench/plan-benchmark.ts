import { backendKey, eniSlot, type KnownRow, knownRows, type Row } from '../../src/membership/backend.ts';
import { type Member, wantMembers } from '../../src/membership/desired/member.ts';
import type { BackendRecord, Claim } from '../../src/membership/plan/claim.ts';
import { type PlanInput, planGroup } from '../../src/membership/plan/plan.ts';
import { type Summary, summarize } from './measure/statistics.ts';

const ROWS = 20_000;
const LEAVERS = 20;
const WARM_UP = 20;
const RUNS = 100;
const TAG = 'vsgb/bench/default/web';

export interface PlanBenchmark {
  readonly rows: number;
  readonly leavers: number;
  /** The rows are known and the wanted backends are new: an event came. */
  readonly sameRows: Summary;
  /** The rows are new objects, nearly all unchanged: a reply of the API came. */
  readonly newRows: Summary;
  /** The first plan of the group: nothing is cached. */
  readonly first: Summary;
}

/** `planGroup` alone, in milliseconds: one binding with `count` rows of its own, 20 of which have left. */
export function benchmarkPlan(count = ROWS): PlanBenchmark {
  const rows = Array.from({ length: count }, (_, i) => rowAt(i));
  const known = knownRows(rows);
  const members = rows.slice(LEAVERS).map(memberOf);
  const before: Claim['records'] = new Map(rows.map((row) => [backendKey(row), recordOf(row)]));
  const first = claimOn(members, before);
  const claim = { ...first, records: planOf(known, first).reports[0]?.records ?? before };
  const newRows = () => structuredClone(rows);
  return {
    rows: count,
    leavers: LEAVERS,
    sameRows: time(
      () =>
        claimOn(
          members.map((member) => ({ ...member })),
          claim.records,
        ),
      (wanting) => planOf(known, wanting),
    ),
    newRows: time(newRows, (reply) => planOf(knownRows(reply, known), claim)),
    first: time(newRows, (reply) => planOf(knownRows(reply), claim)),
  };
}

function time<T>(prepare: () => T, plan: (prepared: T) => ReturnType<typeof planGroup>): Summary {
  const durations: number[] = [];
  for (let run = 0; run < WARM_UP + RUNS; run++) {
    const prepared = prepare();
    const startedAt = performance.now();
    const { batches } = plan(prepared);
    durations.push(performance.now() - startedAt);
    const removed = batches.reduce((sum, { changes }) => sum + changes.length, 0);
    if (removed !== LEAVERS) throw new Error(`the plan writes ${removed} rows, not ${LEAVERS}`);
  }
  return summarize(durations.slice(WARM_UP));
}

const enis = new Map<string, string>();

function planOf(rows: readonly KnownRow[], claim: Claim) {
  const input: PlanInput = {
    rows,
    rowsAre: 'shown',
    claims: [claim],
    eniOf: (ip) => enis.get(ip),
    refused: { has: () => false },
    cohorts: { get: () => undefined },
    additionsBlocked: false,
    isFull: false,
    rowsPerCall: { remove: 20, set: 20, add: 20 },
    unshownForMs: () => 0,
    leavingForMs: () => 0,
    now: 0,
  };
  return planGroup(input);
}

function rowAt(i: number): Row {
  const serverIp = `10.${Math.floor(i / 62_500)}.${Math.floor(i / 250) % 250}.${i % 250}`;
  const serverId = `eni-${serverIp}`;
  enis.set(serverIp, serverId);
  return { serverId, serverIp, port: 8080, type: 'eni', weight: 100, description: TAG };
}

function claimOn(wanted: readonly Member[], records: Claim['records']): Claim {
  const everything = { has: () => true };
  return {
    id: 'default/web',
    uid: 'web',
    tag: TAG,
    mode: 'Sync',
    ownership: 'Shared',
    desired: wantMembers(wanted),
    records,
    drainMs: 0,
    minBackends: 0,
    suspended: false,
    deleting: false,
    granted: true,
    mayAdd: true,
    shows: () => true,
    formerAt: () => undefined,
    livePods: everything,
    readyPods: everything,
    liveNodes: everything,
    drainedNodes: { has: () => false },
    doubtfulNodes: { has: () => false },
  };
}

function memberOf({ serverIp = '', port }: Row): Member {
  return { slot: eniSlot(serverIp, port), type: 'eni', ip: serverIp, port, weight: 100, ...podOf(serverIp) };
}

function recordOf(row: Row): BackendRecord {
  return { row, state: 'Registered', ...podOf(row.serverIp) };
}

const podOf = (ip = '') => ({ pod: `web-${ip}`, podUID: `web-${ip}` });
