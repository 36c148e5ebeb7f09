import type { JournalEntry } from '../../simulator/journal.ts';
import { Environment } from '../environment/environment.ts';
import type { OperatorProcess } from '../environment/operator-process.ts';
import { addressesOf, ScriptedService } from '../environment/scripted-service.ts';
import type { Workloads } from '../environment/workloads.ts';
import { waitUntil } from '../time/wait-until.ts';
import { chaos } from './chaos.ts';
import { summarize } from './measure/statistics.ts';
import { memoryGrowth, metricIn, printSamples, type Sample } from './report/soak-report.ts';

const GROUPS = 500;
const MEMBERS = 4;
const NAMESPACES = 5;
const FLAPS_A_SECOND = 10_000 / 60;
const CHURN_EVERY_MS = 500;
const SAMPLE_EVERY_MS = 15_000;
const ADD = 'AddVServerGroupBackendServers';
const REMOVE = 'RemoveVServerGroupBackendServers';

interface Bound {
  readonly name: string;
  readonly group: string;
  readonly service: ScriptedService;
}

/** Accepts `10m`, `90s`, or a number of seconds. */
function durationMs(text: string): number {
  const match = /^(\d+)(m|s)?$/.exec(text);
  if (match === null) throw new Error(`DURATION: 10m, 90s or a number of seconds, not ${text}`);
  return Number(match[1]) * (match[2] === 'm' ? 60_000 : 1_000);
}

async function main(): Promise<number> {
  const duration = durationMs(process.env['DURATION'] ?? '10m');
  if (process.env['CHAOS'] === '1') return await chaos(duration);
  const env = await Environment.start({
    controlPlane: { scheduler: false, kwok: false },
    nodes: [],
    simulator: { latencyMs: 20, journalLimit: 20_000 },
  });
  try {
    return await new Soak(env, duration).run();
  } finally {
    await env.close();
  }
}

class Soak {
  readonly #env: Environment;
  readonly #duration: number;
  readonly #apps: Workloads[] = [];
  readonly #delays: number[] = [];
  readonly #problems: string[] = [];
  readonly #samples: Sample[] = [];
  #calls = 0;
  #flapWrites = 0;
  #flaps = 0;
  #deepest = 0;
  #ended = false;

  constructor(env: Environment, duration: number) {
    this.#env = env;
    this.#duration = duration;
  }

  async run(): Promise<number> {
    const bindings = await this.#bindings();
    const operator = await this.#fillAtOnce(bindings);
    const [flapping, denied, ...others] = bindings as [Bound, Bound, ...Bound[]];
    this.#addFaults(denied);
    const stop = this.#env.simulator.journal.onEntry((entry) => this.#count(entry, flapping.group));
    console.log(
      `\n${this.#duration / 1000} s of ${Math.round(FLAPS_A_SECOND * 60)} flaps a minute on one binding, churn on the others, ` +
        'and faults: 5 % of the writes busy, 2 % without reply, 1 % throttled, one group always denied, the API server restarted once',
    );
    const began = performance.now();
    const timer = setTimeout(() => {
      this.#ended = true;
    }, this.#duration);
    await Promise.all([
      this.#flap(flapping),
      this.#churn(others),
      this.#sample(operator, began),
      this.#restartApiServer(began),
    ]);
    clearTimeout(timer);
    const elapsed = performance.now() - began;
    stop();
    await this.#expectRight(bindings);
    this.#judge(elapsed);
    await this.#expectStop(operator);
    return this.#report();
  }

  async #bindings(): Promise<readonly Bound[]> {
    for (let i = 0; i < NAMESPACES; i++) this.#apps.push(await this.#env.createNamespace('soak'));
    const bindings: Bound[] = [];
    for (let i = 0; i < GROUPS; i += 20) {
      const some = Array.from({ length: 20 }, (_, j) => this.#bind(i + j));
      bindings.push(...(await Promise.all(some)));
    }
    return bindings;
  }

  async #bind(i: number): Promise<Bound> {
    const app = this.#apps[i % NAMESPACES]!;
    const name = `web-${i}`;
    const group = this.#env.createGroup();
    const service = await ScriptedService.create(app, membersOf(i, 0), name);
    await app.bind(name, group);
    return { name, group, service };
  }

  async #fillAtOnce(bindings: readonly Bound[]): Promise<OperatorProcess> {
    const { journal } = this.#env.simulator;
    journal.clear();
    const operator = await this.#env.startOperator({ flags: ['--log-level', 'info'] });
    const began = performance.now();
    await waitUntil('all groups to be full', () => bindings.every((one) => this.#isRight(one)), {
      timeoutMs: 120_000,
      intervalMs: 20,
    });
    const seconds = (performance.now() - began) / 1000;
    const calls = journal.length;
    console.log(
      `${GROUPS} bindings of ${MEMBERS} members at once: all complete ${seconds.toFixed(1)} s after readiness, ${calls} API calls`,
    );
    return operator;
  }

  #isRight({ group, service }: Bound): boolean {
    const rows = this.#env.rows(group);
    const wanted = new Set(service.addresses.map((ip) => `${ip}:8080*100`));
    return rows.length === wanted.size && rows.every((row) => wanted.has(row));
  }

  #addFaults(denied: Bound): void {
    const { faults } = this.#env.simulator;
    for (const action of [ADD, REMOVE]) {
      faults.add({ kind: 'error', code: 'Forbidden.RAM', action, group: denied.group });
      faults.add({ kind: 'error', code: 'ServiceIsConfiguring', action, probability: 0.05 });
      faults.add({ kind: 'applied-no-reply', action, probability: 0.01 });
      faults.add({ kind: 'reset', action, probability: 0.01 });
      faults.add({ kind: 'error', code: 'Throttling.User', action, probability: 0.01 });
    }
  }

  #count({ group, action }: JournalEntry, flapping: string): void {
    this.#calls++;
    if (group === flapping && (action === ADD || action === REMOVE)) this.#flapWrites++;
  }

  /** One member leaves and comes back repeatedly, as fast as the API server allows, up to the rate. */
  async #flap({ service }: Bound): Promise<void> {
    const all = service.addresses;
    const began = performance.now();
    const flapper = async () => {
      while (!this.#ended) {
        const turn = this.#flaps++;
        await pauseUntil(began + (turn / FLAPS_A_SECOND) * 1000);
        await this.#try(() => service.set(turn % 2 === 0 ? all.slice(1) : all));
      }
    };
    await Promise.all([flapper(), flapper(), flapper(), flapper()]);
    await this.#try(() => service.set(all));
  }

  /** Replaces all members of one binding and measures how long it takes until the old ones are removed. */
  async #churn(bindings: readonly Bound[]): Promise<void> {
    for (let turn = 0; !this.#ended; turn++) {
      const i = turn % bindings.length;
      const one = bindings[i]!;
      const generation = 1 + Math.floor(turn / bindings.length);
      const next = performance.now() + CHURN_EVERY_MS;
      if (await this.#try(() => one.service.set(membersOf(i + 2, generation)))) {
        const began = performance.now();
        const wanted = new Set(one.service.addresses);
        const isOut = () => this.#env.rows(one.group).every((row) => wanted.has(row.split(':')[0] ?? ''));
        await waitUntil('the old members to be out', isOut, { intervalMs: 2, timeoutMs: 60_000 });
        this.#delays.push(performance.now() - began);
      }
      await pauseUntil(next);
    }
  }

  async #restartApiServer(began: number): Promise<void> {
    await pauseUntil(began + this.#duration / 2);
    await this.#env.controlPlane.restart('kube-apiserver');
  }

  async #sample(operator: OperatorProcess, began: number): Promise<void> {
    for (let i = 1; !this.#ended; i++) {
      await pauseUntil(began + Math.min(i * SAMPLE_EVERY_MS, this.#duration));
      const text = await operator.metrics();
      const depth = metricIn(text, 'workqueue_depth{name="vservergroup"}');
      this.#deepest = Math.max(this.#deepest, depth);
      this.#samples.push({
        second: Math.round((performance.now() - began) / 1000),
        flaps: this.#flaps,
        writes: this.#flapWrites,
        calls: this.#calls,
        statuses: metricIn(text, 'vsgb_status_writes_total{result="written"}'),
        depth,
        rssMb: metricIn(text, 'process_resident_memory_bytes') / 2 ** 20,
        heapMb: metricIn(text, 'nodejs_heap_size_used_bytes') / 2 ** 20,
      });
    }
  }

  /** The API server may be down for a moment; a change that failed is not counted. */
  async #try(change: () => Promise<void>): Promise<boolean> {
    try {
      await change();
      return true;
    } catch {
      await pauseUntil(performance.now() + 100);
      return false;
    }
  }

  async #expectRight(bindings: readonly Bound[]): Promise<void> {
    this.#env.simulator.faults.clear();
    // Repeats every change that the API server may have rejected while it was disturbed.
    for (const { service } of bindings) await service.set(service.addresses);
    const wrong = () => bindings.filter((one) => !this.#isRight(one));
    await waitUntil('every group to be right', () => wrong().length === 0, { timeoutMs: 90_000 }).catch(() =>
      this.#problems.push(`${wrong().length} groups are wrong at the end`),
    );
  }

  #judge(elapsed: number): void {
    const most = elapsed / 100 + 10;
    if (this.#flapWrites > most)
      this.#problems.push(`${this.#flapWrites} writes to the flapping group, more than ${Math.round(most)}`);
    if (this.#deepest > GROUPS) this.#problems.push(`the queue held ${this.#deepest} keys`);
    const { p99 } = summarize(this.#delays);
    if (p99 > 2_000) this.#problems.push(`one removal in a hundred took ${Math.round(p99)} ms`);
    const growth = memoryGrowth(this.#samples);
    if (growth !== undefined) this.#problems.push(growth);
  }

  async #expectStop(operator: OperatorProcess): Promise<void> {
    const status = await operator.stop();
    if (status !== 0) this.#problems.push(`the operator ended with status ${status}`);
  }

  #report(): number {
    printSamples(this.#samples);
    const { n, p50, p99, max } = summarize(this.#delays);
    console.log(
      `\n${n} other bindings had all members replaced meanwhile; ` +
        `old ones out after p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)}, at most ${max.toFixed(0)} ms`,
    );
    for (const problem of this.#problems) console.log(`FAILED: ${problem}`);
    if (this.#problems.length === 0)
      console.log('All groups right at the end, calls and memory within bounds.');
    return this.#problems.length === 0 ? 0 : 1;
  }
}

/** The members of binding `i`, different in each generation. */
function membersOf(i: number, generation: number): readonly string[] {
  const net = 10 + (generation % 200);
  return addressesOf(net, (i + 1) * MEMBERS).slice(-MEMBERS);
}

async function pauseUntil(time: number): Promise<void> {
  const ms = time - performance.now();
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}

process.exitCode = await main();
