import { backendKey, eniSlot, type Row } from '../../src/membership/backend.ts';
import type { BackendRecord, Claim } from '../../src/membership/claim.ts';
import type { Member } from '../../src/membership/desired.ts';
import { type GroupInput, planGroup } from '../../src/membership/plan.ts';
import { type Summary, summarize } from './statistics.ts';

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
}

/** `planGroup` alone, in milliseconds: one binding, 20,000 rows of its own, 20 of which have left. */
export function benchmarkPlan(): PlanBenchmark {
  const rows = Array.from({ length: ROWS }, (_, i) => rowAt(i));
  const claims = [claimOn(rows)];
  return {
    rows: ROWS,
    leavers: LEAVERS,
    sameRows: time(() => inputOf(rows, claims)),
    newRows: time(() => inputOf(structuredClone(rows), claims)),
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

function inputOf(rows: readonly Row[], claims: readonly Claim[]): GroupInput {
  return {
    rows,
    presumed: false,
    claims,
    eniOf: (ip) => enis.get(ip),
    refused: { has: () => false },
    cohorts: { get: () => undefined },
    additionsBlocked: false,
    batchSize: 20,
    now: 0,
  };
}

function rowAt(i: number): Row {
  const serverIp = `10.${Math.floor(i / 62_500)}.${Math.floor(i / 250) % 250}.${i % 250}`;
  const serverId = `eni-${serverIp}`;
  enis.set(serverIp, serverId);
  return { serverId, serverIp, port: 8080, type: 'eni', weight: 100, description: TAG };
}

function claimOn(rows: readonly Row[]): Claim {
  const everything = { has: () => true };
  return {
    id: 'default/web',
    uid: 'web',
    tag: TAG,
    mode: 'Sync',
    ownership: 'Shared',
    desired: { kind: 'members', members: rows.slice(LEAVERS).map(memberAt), problems: [] },
    records: new Map(rows.map((row, i) => [backendKey(row), recordOf(row, i)])),
    drainMs: 0,
    minBackends: 0,
    suspended: false,
    deleting: false,
    mayAdd: true,
    livePods: everything,
    liveNodes: everything,
  };
}

function memberAt({ serverIp = '', port }: Row, i: number): Member {
  const pod = `web-${i + LEAVERS}`;
  return { slot: eniSlot(serverIp, port), type: 'eni', ip: serverIp, port, weight: 100, pod, podUID: pod };
}

function recordOf(row: Row, i: number): BackendRecord {
  return { row, state: 'Registered', pod: `web-${i}`, podUID: `web-${i}` };
}
