// Usage: make demo [KEEP=1] [TRAFFIC=0] [CONTEXT=name]

import { API_VERSION, PLURAL } from '../../src/api/names.ts';
import { Observer } from './observe/observer.ts';
import { heading, line, type StepResult, stepReport, summary, trafficReport } from './report.ts';
import { borrowedStage } from './stage/borrowed-stage.ts';
import { ownStage } from './stage/own-stage.ts';
import { GROUP, LATENCY_MS, LOAD_BALANCER, type Stage } from './stage/stage.ts';
import { APP, leaveSomethingToSee, story } from './story.ts';
import { palette, wantsColours } from './text.ts';
import { trafficAct } from './traffic/act.ts';
import { isKept } from './traffic/result.ts';

const WARNINGS_SHOWN = 10;
const INTERRUPTED = 130;
const SAME_SIGNAL_MS = 500;

const colours = palette(wantsColours(process.stdout, process.env));
const { bold, dim, green, red, yellow } = colours;
const cleanup = new AsyncDisposableStack();
const context = process.env['CONTEXT'] || undefined;
const keep = !['', '0', 'false', undefined].includes(process.env['KEEP']);
const withTraffic = !['0', 'false'].includes(process.env['TRAFFIC'] ?? '');
const began = performance.now();
const interrupted = untilInterrupted();
/** Exit status of the story, once it has finished. */
let verdict: number | undefined;

function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<number> {
  say(
    `${bold('VServerGroup operator')} ${dim(`– at work on ${context === undefined ? 'a control plane of its own' : `the cluster of context ${context}`}`)}`,
  );
  say(heading('Set-up', colours));
  const tell = (text: string) => say(`   ${dim(text)}`);
  const stage = await (context === undefined
    ? ownStage(cleanup, tell)
    : borrowedStage(context, cleanup, tell));
  const { simulator, namespace } = stage;
  say(line('cloud', `SLB simulator at ${simulator.url}, answers in ${LATENCY_MS} ms`, colours));
  say(
    line('console', `${simulator.url}/console   ${dim('load balancers, backends and calls, live')}`, colours),
  );
  say(line('group', `${GROUP} of ${LOAD_BALANCER}, which holds 2 backends of other people`, colours));
  say(line('cluster', `namespace ${namespace}, Service ${APP}; set up in ${seconds(began)}`, colours));
  const isTold = await tellStory(stage);
  verdict = isTold && (!withTraffic || (await tellOfTraffic())) ? 0 : 1;
  if (keep) await stayUp(stage);
  return verdict;
}

async function tellStory(stage: Stage): Promise<boolean> {
  const bindings = `/apis/${API_VERSION}/namespaces/${stage.namespace}/${PLURAL}`;
  const observer = await Observer.start(stage, APP, bindings);
  cleanup.defer(() => observer.close());
  const started = performance.now();
  const results: StepResult[] = [];
  const disturbed = Promise.race([observer.failed, operatorEnded(stage)]);
  disturbed.catch(() => undefined);
  try {
    for (const [index, step] of story(stage, observer).entries()) {
      if ('skipped' in step) {
        say(heading(`${index + 1}  ${step.title}`, colours));
        say(`   ${yellow(step.skipped)}`);
        continue;
      }
      say(heading(`${index + 1}  ${step.title}`, colours));
      say(`   ${dim(step.tells)}`);
      const result = await Promise.race([step.run(), disturbed]);
      results.push(result);
      for (const text of stepReport(result, colours)) say(text);
      if (result.comparison.problems.length > 0) throw new Error(`${GROUP} does not equal the cluster`);
    }
  } catch (error) {
    say(`\n   ${red(`✗ ${messageOf(error).replaceAll('; ', '\n     ')}`)}`);
    await tellWarnings(stage);
    return false;
  } finally {
    if (results.length > 0) {
      say(heading('Summary', colours));
      for (const text of summary(results, colours)) say(text);
    }
  }
  say(
    dim(
      '\n   p50, max: from the Endpoints event, or the deletion of the binding, to the arrival of the call' +
        '\n   that takes the backend out (Remove, or weight 0 where it drains), on one clock. 0.0: the call was' +
        "\n   there before the demo's own watch, which the API server tells in its own time, had the event.",
    ),
  );
  say(
    `\n   ${green('✓ After each step the group was equal to the cluster; the foreign backends were left alone.')}`,
  );
  say(`   ${dim(`The steps took ${seconds(started)}, all in all ${seconds(began)}.`)}`);
  return true;
}

/** The last act uses a stage of its own, because kwok's pods serve no requests. */
async function tellOfTraffic(): Promise<boolean> {
  say(heading('A rolling update, with real nodes and real traffic', colours));
  if (context !== undefined) {
    say(`   ${yellow('left out: the nodes of an existing cluster are not touched')}`);
    return true;
  }
  say(
    `   ${dim('4 pods are replaced, with load balancers that take 0, 2 and 10 s to act: without and with gate and hold; ~3 minutes')}`,
  );
  const result = await trafficAct();
  if ('skipped' in result) {
    say(`   ${yellow(`left out: ${result.skipped}`)}`);
    return true;
  }
  for (const text of trafficReport(result, colours)) say(text);
  if (isKept(result)) {
    say(`\n   ${green('✓ With gate and hold no request failed.')}`);
    return true;
  }
  say(`\n   ${red('✗ requests failed in spite of gate and hold')}`);
  return false;
}

async function operatorEnded({ operator }: Stage): Promise<never> {
  throw new Error(`the operator ended with status ${await operator.exited}`);
}

async function tellWarnings({ operator }: Stage): Promise<void> {
  const lines = await operator.lines().catch(() => []);
  const warnings = lines.filter(({ level }) => level === 'warn' || level === 'error');
  if (warnings.length === 0) return say(`   ${dim('the operator logged no warning')}`);
  say(`   the operator's last warnings:`);
  for (const { time, level, message, ...fields } of warnings.slice(-WARNINGS_SHOWN)) {
    say(`   ${time} ${level} ${message} ${dim(JSON.stringify(fields))}`);
  }
}

async function stayUp(stage: Stage): Promise<void> {
  const { kubeconfig, namespace, simulator } = stage;
  say(heading('It stays up until Ctrl-C', colours));
  await leaveSomethingToSee(stage).catch((error: unknown) => say(`   ${red(messageOf(error))}`));
  const flags = stage.context === undefined ? '' : ` --context ${stage.context}`;
  say(`   export KUBECONFIG=${kubeconfig}`);
  say(`   kubectl${flags} -n ${namespace} get vsgb,pods -o wide`);
  say(`   kubectl${flags} -n ${namespace} scale deployment ${APP} --replicas=12`);
  say(`   ${simulator.url}/console          ${dim('the same and every call, live in a browser')}`);
  say(`   curl -s ${simulator.url}/_state     ${dim('what the groups hold')}`);
  say(`   curl -s ${simulator.url}/_journal   ${dim('every call of the API')}`);
  await interrupted;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A second signal ends the process without waiting: everything on this machine ends with it anyway. */
async function untilInterrupted(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let first: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      first ??= performance.now();
      // A terminal signals npm as well, which passes the signal on, so one Ctrl-C arrives twice.
      if (performance.now() - first > SAME_SIGNAL_MS) process.exit(INTERRUPTED);
      resolve();
    });
  }
  // A killed npm cannot notify us. Without npm, a script that has ended may have put us into the background.
  const parent = process.ppid;
  const isWatched = process.env['npm_lifecycle_event'] !== undefined;
  if (isWatched) setInterval(() => process.ppid !== parent && resolve(), 1_000).unref();
  await promise;
}

async function stop(): Promise<void> {
  if (context !== undefined) say(`\n   ${dim(`what was made in ${context} is deleted …`)}`);
  try {
    await cleanup.disposeAsync();
  } catch (error) {
    say(red(`not everything could be taken away: ${messageOf(error)}`));
    verdict = 1;
  }
}

const stopped = interrupted.then(() => {
  say('\nstopping …');
  return verdict ?? INTERRUPTED;
});
try {
  verdict = await Promise.race([main(), stopped]);
} catch (error) {
  say(`\n${red(`✗ ${messageOf(error)}`)}`);
  verdict = 1;
}
await stop();
process.exit(verdict);
