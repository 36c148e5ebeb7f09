import { setTimeout as delay } from 'node:timers/promises';
import { Attack } from './load/attack.ts';
import { bySecond, type RequestResult, type Tally, tally } from './load/results.ts';
import { type FailedRequest, failureLines } from './report/failed-requests.ts';
import type { Timeline } from './report/timeline-svg.ts';
import type { Scenario } from './scenarios/scenario.ts';
import type { Bed } from './stage/bed.ts';
import type { Operators } from './stage/operators.ts';
import type { BackendKind } from './stage/setting.ts';
import { type Front, PROPAGATIONS, type Propagation, Stage } from './stage/stage.ts';

/**
 * | kind       | requests                                               | per second, listener  |
 * |------------|--------------------------------------------------------|-----------------------|
 * | new        | each on a new connection                               | 30                    |
 * | kept-alive | on connections that are reused                         | 20, `eni` only        |
 * | long       | each on a new connection, answered after 5 s           | 2, `eni` only         |
 */
export type LoadKind = 'new' | 'kept-alive' | 'long';

interface Load {
  readonly kind: LoadKind;
  readonly path: string;
  readonly rate: number;
  readonly keepAlive: boolean;
  readonly backends: (kind: BackendKind) => boolean;
}

const LOADS: readonly Load[] = [
  { kind: 'new', path: '/', rate: 30, keepAlive: false, backends: () => true },
  { kind: 'kept-alive', path: '/', rate: 20, keepAlive: true, backends: (kind) => kind === 'eni' },
  { kind: 'long', path: '/slow?ms=5000', rate: 2, keepAlive: false, backends: (kind) => kind === 'eni' },
];

/** The share of the loads for machines that also run other programs. */
export const HALF_LOAD = 0.5;

const TIMEOUT_MS = 10_000;
/** How long everything is quiet before the scenario acts. */
const BEFORE_MS = 5_000;
/** Starts when the group is right: time for the slowest machine of the load balancer to learn of it, with some margin. */
const AFTER_MS = 13_000;

export interface Measured extends Tally {
  readonly backends: BackendKind;
  readonly propagation: Propagation;
  readonly load: LoadKind;
}

export interface Outcome {
  readonly scenario: string;
  readonly variant: string;
  readonly what: string;
  readonly seconds: number;
  readonly measured: readonly Measured[];
  readonly timeline: Timeline;
  /** If few requests failed, what is known of each, one line per request. */
  readonly failures: readonly string[];
}

/**
 * Sets the stage, lets the scenario act under load, waits until the groups are right again, and strikes the stage. `loadShare` is
 * the share of each load's rate: a machine that cannot keep up makes requests fail on its own.
 */
export async function runScenario(
  bed: Bed,
  scenario: Scenario,
  variant: string,
  operators: Operators,
  loadShare = 1,
): Promise<Outcome> {
  const stage = await Stage.set(bed, scenario, operators);
  try {
    return await measure(bed, scenario, variant, stage, loadShare);
  } catch (error) {
    throw new Error(`${error}\n${await stage.evidence()}`, { cause: error });
  } finally {
    try {
      await scenario.restore?.(stage);
    } finally {
      await stage.strike();
    }
  }
}

async function measure(
  bed: Bed,
  scenario: Scenario,
  variant: string,
  stage: Stage,
  loadShare: number,
): Promise<Outcome> {
  const loads = LOADS.map((load) => ({
    load,
    fronts: stage.fronts.filter((f) => load.backends(f.backends)),
  }));
  const attacks = await Promise.all(
    loads
      .filter(({ fronts }) => fronts.length > 0)
      .map(async ({ load, fronts }) => ({
        load,
        fronts,
        attack: await Attack.start({
          urls: fronts.map((front) => urlOf(front, load.path)),
          rate: load.rate * fronts.length * loadShare,
          keepAlive: load.keepAlive,
          timeoutMs: TIMEOUT_MS,
        }),
      })),
  );
  await using stack = new AsyncDisposableStack();
  for (const { attack } of attacks) stack.use(attack);
  const beginning = Date.now();
  const elapsed = () => (Date.now() - beginning) / 1000;
  bed.recorder.follow(stage.app.namespace, stage.groups, beginning);
  await delay(BEFORE_MS);
  const began = elapsed();
  await scenario.act(stage);
  const ended = elapsed();
  await stage.untilAtRest();
  const atRest = elapsed();
  await delay(AFTER_MS);
  const marks = [...bed.recorder.marks];
  const seconds = elapsed();
  const stopped = await Promise.all(
    attacks.map(async ({ load, fronts, attack }) => ({ load, fronts, results: await attack.stop() })),
  );
  const streams = stopped.flatMap(({ load, fronts, results }) =>
    fronts.map((front) => streamOf(front, load, results)),
  );
  // Of the first load and the first kind of backends.
  const panels = PROPAGATIONS.flatMap((propagation) => {
    const shown = streams.find(({ front }) => front.propagation === propagation);
    if (shown === undefined) return [];
    const title = `${shown.front.backends}, ${propagation} s`;
    return [{ title, seconds: bySecond(shown.results, beginning) }];
  });
  const acts = [
    { at: began, what: 'begins' },
    { at: ended, what: 'has ended' },
    { at: atRest, what: 'group right' },
  ];
  const title = `${scenario.name}, ${variant}`;
  const timeline: Timeline = { title, duration: Math.ceil(seconds) + 1, panels, marks, acts };
  return {
    scenario: scenario.name,
    variant,
    what: scenario.what,
    seconds: Math.round(seconds),
    measured: streams.map(measuredOf),
    timeline,
    failures: failureLines(streams.flatMap(failedOf), {
      beginning,
      failures: bed.env.simulator.dataPlane.failures.since(0),
      marks,
    }),
  };
}

function urlOf({ listener }: Front, path: string): string {
  const { host, port } = listener.address ?? { host: '127.0.0.1', port: listener.port };
  return `http://${host}:${port}${path}`;
}

/** The requests of one load to one listener. */
interface Stream {
  readonly front: Front;
  readonly load: Load;
  readonly results: readonly RequestResult[];
}

function streamOf(front: Front, load: Load, results: readonly RequestResult[]): Stream {
  const own = urlOf(front, load.path);
  return { front, load, results: results.filter(({ url }) => url === own) };
}

function measuredOf({ front: { backends, propagation }, load, results }: Stream): Measured {
  return { backends, propagation, load: load.kind, ...tally(results) };
}

function failedOf({ front, load, results }: Stream): readonly FailedRequest[] {
  const sentTo = `${front.backends}, ${front.propagation} s, ${load.kind}`;
  return results
    .filter(({ failure }) => failure !== undefined)
    .map((result) => ({ ...result, sentTo, listener: front.listener.id }));
}
