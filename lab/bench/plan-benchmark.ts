import { backendKey, byCodeUnit, eniSlot, type Row } from '../../src/membership/backend.ts';
import type { Member } from '../../src/membership/desired/desired.ts';
import type { AtRest } from '../../src/membership/plan/at-rest.ts';
import type { BackendRecord, Claim } from '../../src/membership/plan/claim.ts';
import { type GroupInput, planGroup } from '../../src/membership/plan/plan.ts';
import { type Summary, summarize } from './measure/statistics.ts';

const ROWS = 20_000;
const LEAVERS = 20;
const WARM_UP = 20;
const RUNS = 100;
const TAG = 'vsgb/bench/default/web';

export interface PlanBenchmark {
  readonly rows: number;
  readonly leavers: number;
  /** The rows are those of the last plan: an event came. */
  readonly sameRows: Summary;
  /** The rows are new objects: a reply of the API came. */
  readonly newRows: Summary;
  /** The first plan of the group: nothing is at rest yet. */
  readonly first: Summary;
}

/** `planGroup` alone, in milliseconds: one binding, 20,000 rows of its own, 20 of which have left since the last plan. */
export function benchmarkPlan(): PlanBenchmark {
  const rows = Array.from({ length: ROWS }, (_, i) => rowAt(i));
  const { atRest } = planGroup(inputOf(rows, claimOn(rows, rows)));
  const claim = claimOn(rows, rows.slice(LEAVERS), atRest?.records);
  return {
    rows: ROWS,
    leavers: LEAVERS,
    sameRows: time(() => inputOf(rows, claim, atRest)),
    newRows: time(() => inputOf(structuredClone(rows), claim, atRest)),
    first: time(() => inputOf(structuredClone(rows), claim)),
  };
}

function time(prepare: () => GroupInput): Summary {
  const durations: number[] = [];
  for (let run = 0; run < WARM_UP + RUNS; run++) {
    const input = prepare();
    const startedAt = performance.now();
    const { batches } = planGroup(input);
    durations.push(performance.now() - startedAt);
    const removed = batches.reduce((sum, { changes }) => sum + changes.length, 0);
    if (removed !== LEAVERS) throw new Error(`the plan writes ${removed} rows, not ${LEAVERS}`);
  }
  return summarize(durations.slice(WARM_UP));
}

const enis = new Map<string, string>();

function inputOf(rows: readonly Row[], claim: Claim, atRest?: AtRest): GroupInput {
  return {
    rows,
    presumed: false,
    claims: [claim],
    atRest,
    eniOf: (ip) => enis.get(ip),
    eniVersion: 1,
    refused: { has: () => false },
    cohorts: { get: () => undefined },
    additionsBlocked: false,
    rowsPerCall: { remove: 20, set: 20, add: 20 },
    now: 0,
  };
}

function rowAt(i: number): Row {
  const serverIp = `10.${Math.floor(i / 62_500)}.${Math.floor(i / 250) % 250}.${i % 250}`;
  const serverId = `eni-${serverIp}`;
  enis.set(serverIp, serverId);
  return { serverId, serverIp, port: 8080, type: 'eni', weight: 100, description: TAG };
}

function claimOn(
  rows: readonly Row[],
  wanted: readonly Row[],
  records: Claim['records'] = new Map(rows.map((row) => [backendKey(row), recordOf(row)])),
): Claim {
  const everything = { has: () => true };
  return {
    id: 'default/web',
    uid: 'web',
    tag: TAG,
    mode: 'Sync',
    ownership: 'Shared',
    desired: {
      kind: 'members',
      members: wanted.map(memberOf).sort((a, b) => byCodeUnit(a.slot, b.slot)),
      problems: [],
    },
    records,
    drainMs: 0,
    minBackends: 0,
    suspended: false,
    deleting: false,
    mayAdd: true,
    livePods: everything,
    liveNodes: everything,
  };
}

function memberOf({ serverIp = '', port }: Row): Member {
  return { slot: eniSlot(serverIp, port), type: 'eni', ip: serverIp, port, weight: 100, ...podOf(serverIp) };
}

function recordOf(row: Row): BackendRecord {
  return { row, state: 'Registered', ...podOf(row.serverIp) };
}

const podOf = (ip = '') => ({ pod: `web-${ip}`, podUID: `web-${ip}` });
