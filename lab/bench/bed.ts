import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { preciseNow } from '../../simulator/gateway/call.ts';
import { Environment, type EnvironmentOptions } from '../environment/environment.ts';
import type { OperatorProcess } from '../environment/operator-process.ts';
import { waitUntil } from '../time/wait-until.ts';
import { BareLoop } from './measure/bare-loop.ts';
import { type Delays, delaysOf, fewestCalls } from './measure/delays.ts';
import type { EndpointEvent } from './measure/in-service.ts';
import { OperatorProbe, type Usage } from './measure/operator-probe.ts';
import { countBy, type Summary, summarize } from './measure/statistics.ts';
import { Watcher } from './measure/watcher.ts';

export const LATENCY_MS = 20;
const QUIET_MS = 1_500;
const PATIENCE_MS = 180_000;

export interface Result {
  readonly scenario: string;
  readonly seconds: number;
  readonly calls: Readonly<Record<string, number>>;
  readonly totalCalls: number;
  readonly fewestCalls: number;
  /** Measured from the change in the EndpointSlices. */
  readonly delays: Delays;
  /** Measured from the change in the pods themselves; empty if there are no pods. */
  readonly podDelays: Delays;
  /** Delays of the bare watch-and-post loop for the same events. */
  readonly bare: Summary;
  readonly usage: Usage;
  readonly loadAverage: number;
  /** Figures that only this scenario has. */
  readonly extra: Readonly<Record<string, number | string>>;
}

export interface Measured {
  /** Service (`namespace/name`) → vServer group. */
  readonly groups: ReadonlyMap<string, string>;
  readonly action: () => Promise<unknown>;
  /** The scenario is over once the operator is quiet and this holds. */
  readonly until?: () => boolean | Promise<boolean>;
  readonly extra?: () => Readonly<Record<string, number | string>>;
}

/** A control plane, the simulator and the watcher in this process, and one operator in a process of its own. */
export class Bed {
  readonly env: Environment;
  readonly watcher: Watcher;
  readonly #bare: BareLoop;
  #operator: OperatorProcess | undefined;

  private constructor(env: Environment, watcher: Watcher, bare: BareLoop) {
    this.env = env;
    this.watcher = watcher;
    this.#bare = bare;
  }

  static async start(options: Pick<EnvironmentOptions, 'controlPlane' | 'nodes'> = {}): Promise<Bed> {
    const env = await Environment.start({ ...options, simulator: { latencyMs: LATENCY_MS } });
    const bare = await BareLoop.start();
    return new Bed(env, await Watcher.start(env.controlPlane, bare), bare);
  }

  /** Stops the previous operator, if any; resolves when the new one is ready. */
  async startOperator(...flags: readonly string[]): Promise<OperatorProcess> {
    await this.stopOperator();
    this.#operator = await this.env.startOperator(operatorOptions(flags));
    return this.#operator;
  }

  async stopOperator(): Promise<void> {
    await this.#operator?.stop();
    this.#operator = undefined;
  }

  /** Measures from the start of the process, so that the cost of starting is included. */
  async measureStart(
    scenario: string,
    measured: Omit<Measured, 'action'>,
    flags: readonly string[] = [],
  ): Promise<Result> {
    await this.stopOperator();
    this.#clear();
    const startedAt = preciseNow();
    const operator = await this.env.startOperator({ ...operatorOptions(flags), untilReady: false });
    this.#operator = operator;
    return await this.#conclude(scenario, measured, new OperatorProbe(operator), startedAt);
  }

  async measure(scenario: string, measured: Measured): Promise<Result> {
    if (this.#operator === undefined) throw new Error('no operator runs');
    const probe = new OperatorProbe(this.#operator);
    await probe.begin();
    this.#clear();
    const startedAt = preciseNow();
    await measured.action();
    return await this.#conclude(scenario, measured, probe, startedAt);
  }

  async #conclude(
    scenario: string,
    { groups, until = () => true, extra = () => ({}) }: Omit<Measured, 'action'>,
    probe: OperatorProbe,
    startedAt: number,
  ): Promise<Result> {
    await this.untilQuiet(until, startedAt);
    const usage = await probe.end();
    const journal = [...this.env.simulator.journal];
    const ofGroups = (events: readonly EndpointEvent[]) =>
      events.filter(({ service }) => groups.has(service));
    const { bySlices, byPods } = this.watcher;
    const calls = countBy(journal, ({ action }) => action);
    const lastAt = Math.max(startedAt, ...journal.map(({ time }) => time));
    return {
      scenario,
      seconds: (lastAt - startedAt) / 1000,
      calls,
      totalCalls: journal.length,
      fewestCalls: fewestCalls(ofGroups(this.watcher.events), groups),
      delays: delaysOf(ofGroups(bySlices.events), journal, groups),
      podDelays: delaysOf(ofGroups(byPods.events), journal, groups),
      bare: summarize(this.#bare.delays),
      usage,
      loadAverage: loadavg()[0] ?? 0,
      extra: extra(),
    };
  }

  /** Waits until there has been no call and no event for a while and the condition holds. */
  async untilQuiet(until: Measured['until'] = () => true, since = preciseNow()): Promise<void> {
    const quiet = async () => {
      const { journal } = this.env.simulator;
      const last = Math.max(since, journal.at(-1)?.time ?? 0, this.watcher.lastAt);
      return preciseNow() - last >= QUIET_MS && (await until());
    };
    await waitUntil('the operator to come to rest', quiet, { timeoutMs: PATIENCE_MS, intervalMs: 100 });
  }

  /** Whether every group holds exactly the in-service addresses of its Service, according to the slices or to the pods. */
  isSynced(groups: ReadonlyMap<string, string>, by: 'bySlices' | 'byPods' = 'bySlices'): boolean {
    for (const [service, group] of groups) {
      const wanted = new Set(this.watcher[by].of(service));
      const rows = this.env.simulator.state.group(group).rows();
      if (rows.length !== wanted.size || rows.some(({ serverIp }) => !wanted.has(serverIp))) return false;
    }
    return true;
  }

  /** The number of pods in the operator's cache. */
  async podsKnown(): Promise<number> {
    return (await this.#operator?.metric('vsgb_cache_objects{resource="pods"}')) ?? 0;
  }

  /** The number of readiness gate writes by the operator. */
  async gateWrites(): Promise<number> {
    const writes = async (result: string) =>
      (await this.#operator?.metric(`vsgb_readiness_gate_writes_total{result="${result}"}`)) ?? 0;
    return (await writes('opened')) + (await writes('closed'));
  }

  /** The number of groups read. */
  groupsRead(): number {
    const reads = this.env.simulator.journal.filter(
      ({ action }) => action === 'DescribeVServerGroupAttribute',
    );
    return new Set(reads.map(({ group }) => group)).size;
  }

  async untilSynced(groups: ReadonlyMap<string, string>, endpoints: number): Promise<void> {
    const complete = () =>
      [...groups.keys()].every((service) => this.watcher.bySlices.of(service).length === endpoints);
    await waitUntil(`${groups.size} groups of ${endpoints}`, () => complete() && this.isSynced(groups), {
      timeoutMs: PATIENCE_MS,
      intervalMs: 100,
    });
    await this.untilQuiet();
  }

  /** Waits long enough for a bucket emptied at start-up to be full again. */
  async untilBucketIsFull(): Promise<void> {
    await delay(4_000);
  }

  #clear(): void {
    this.env.simulator.journal.clear();
    this.watcher.clear();
  }

  async close(): Promise<void> {
    await this.stopOperator();
    this.watcher.close();
    this.#bare.close();
    await this.env.close();
  }
}

/** As shipped, except for the log level used in tests. With PROFILE=dir, each operator writes a CPU profile there when it stops. */
function operatorOptions(flags: readonly string[]) {
  const profile = process.env['PROFILE'];
  const env = profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` };
  return { flags: ['--log-level', 'info', ...flags], env };
}
