// How long removals wait for the account's API rate when one replica serves 10,000 bindings, using the real rate limiter on a
// simulated clock. `node lab/bench/scale-simulation.ts` prints the table in docs/scale.md.

import { seededRandom } from '../../simulator/state/random.ts';
import { type CallPriority, createRateLimiter } from '../../src/alibaba/throttle.ts';
import { FakeClock } from '../time/fake-clock.ts';
import { type Summary, summarize } from './measure/statistics.ts';

const BINDINGS = 10_000;
const QPS = 50;
const BURST = 150;
const MINUTES = 10;
const LATENCY_MS = 20;

interface Load {
  readonly name: string;
  /** Every group is read once in this many minutes. */
  readonly resyncMinutes: number;
  /** Pods replaced per second, each in a group of its own: one removal and one addition. */
  readonly replacedPerSecond: number;
  /** Groups that lose one pod at once, every minute, because a node leaves. */
  readonly groupsPerNode: number;
}

const LOADS: readonly Load[] = [
  { name: 'resync of 5 min, 5 pods/s', resyncMinutes: 5, replacedPerSecond: 5, groupsPerNode: 0 },
  {
    name: 'the same, a node of 100 groups each minute',
    resyncMinutes: 5,
    replacedPerSecond: 5,
    groupsPerNode: 100,
  },
  {
    name: 'the same, a node of 500 groups each minute',
    resyncMinutes: 5,
    replacedPerSecond: 5,
    groupsPerNode: 500,
  },
  { name: 'resync of 30 min, 20 pods/s', resyncMinutes: 30, replacedPerSecond: 20, groupsPerNode: 0 },
  {
    name: 'the same, a node of 100 groups each minute',
    resyncMinutes: 30,
    replacedPerSecond: 20,
    groupsPerNode: 100,
  },
  {
    name: 'resync of 5 min, 20 pods/s: more than the rate',
    resyncMinutes: 5,
    replacedPerSecond: 20,
    groupsPerNode: 0,
  },
];

interface Arrival {
  readonly at: number;
  readonly kind: CallPriority;
}

interface Outcome {
  readonly removals: Summary;
  readonly additions: Summary;
}

for (const load of LOADS) {
  const perSecond =
    BINDINGS / (load.resyncMinutes * 60) + 2 * load.replacedPerSecond + (2 * load.groupsPerNode) / 60;
  console.log(`\n${load.name}: ${perSecond.toFixed(1)} of ${QPS} calls a second`);
  for (const [name, priorities] of [
    ['removals first', true],
    ['FIFO', false],
  ] as const) {
    const { removals, additions } = await simulate(load, priorities);
    console.log(`  ${name.padEnd(26)} removal ${shown(removals)}   addition ${shown(additions)}`);
  }
}

async function simulate(load: Load, priorities: boolean): Promise<Outcome> {
  const clock = new FakeClock();
  const limiter = createRateLimiter({ clock, qps: QPS, burst: BURST });
  const waits: Record<CallPriority, number[]> = { removal: [], read: [], addition: [], health: [] };
  const pending: Promise<void>[] = [];
  const ask = async (kind: CallPriority) => {
    const since = clock.now();
    await limiter.acquire(priorities ? kind : 'removal');
    waits[kind].push(clock.now() - since);
  };
  for (const { at, kind } of arrivals(load)) {
    if (at > clock.now()) await clock.advance(at - clock.now());
    pending.push(ask(kind));
  }
  while (Object.values(limiter.waiting).some((n) => n > 0)) await clock.advance(1_000);
  await Promise.all(pending);
  limiter.close();
  return { removals: summarize(waits.removal), additions: summarize(waits.addition) };
}

/** An addition follows its removal by the time a new pod takes to become ready, 1 to 3 s. */
function arrivals(load: Load): readonly Arrival[] {
  const random = seededRandom(1);
  const end = MINUTES * 60_000;
  const all: Arrival[] = [];
  const replace = (at: number) => {
    all.push({ at, kind: 'removal' });
    all.push({ at: at + LATENCY_MS + 1_000 + random() * 2_000, kind: 'addition' });
  };
  const poisson = (perSecond: number, happen: (at: number) => void) => {
    for (let at = 0; at < end; at += (-Math.log(1 - random()) / perSecond) * 1_000) happen(at);
  };
  // The resync is jittered, so reads arrive at random.
  poisson(BINDINGS / (load.resyncMinutes * 60), (at) => all.push({ at, kind: 'read' }));
  poisson(load.replacedPerSecond, replace);
  for (let at = 30_000; at < end; at += 60_000) for (let i = 0; i < load.groupsPerNode; i++) replace(at);
  return all.sort((a, b) => a.at - b.at);
}

function shown({ p50, p90, p99, max }: Summary): string {
  return `${[p50, p90, p99, max].map((ms) => `${ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`}`).join('/')}`;
}
