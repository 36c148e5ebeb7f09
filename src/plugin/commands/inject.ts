import { readFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { HOLD_ANNOTATION, READINESS_GATE } from '../../api/names.ts';
import { ConfigError } from '../../config/config-error.ts';
import { HOLD_MARGIN_SECONDS, neededHoldSeconds } from '../../zero-downtime/hold.ts';
import { type Command, type CommandCall, DONE, FAILED, LEFT } from '../command.ts';
import type { Options } from '../flags.ts';
import { injectText } from '../inject/inject.ts';
import type { InjectOptions } from '../inject/plan-object.ts';

export const inject: Command = {
  name: 'inject',
  summary: 'Print manifests with readiness gate and termination hold, so that rollouts lose no request.',
  arguments: '-f FILE',
  fewest: 0,
  most: 0,
  details: `kubectl vsgb inject -f deploy.yaml | kubectl apply -f -
helm template web ./chart | kubectl vsgb inject -f -

Prints YAML or JSON with gate and hold added; comments, order, quoting and indentation stay, and a second run changes nothing.
Several files become one YAML stream. Needs no cluster and no credentials.
  gate  spec.readinessGates gets ${READINESS_GATE}: a pod is ready once it is in its groups,
        and never if the operator runs without --readiness-gates: use --gate=false.
  hold  containers without their own preStop get preStop.sleep, and terminationGracePeriodSeconds is raised by as
        much: a pod serves until the load balancer sends it nothing more. Its length is --drain-seconds +
        --propagation-seconds + ${HOLD_MARGIN_SECONDS}. Needs Kubernetes 1.30.
The annotation ${HOLD_ANNOTATION} on the pod template records the length. A run with another length replaces the
sleeps of that length, and changes the grace period by the difference.
Handles Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Pod, PodTemplate and Argo's Rollout, also in a
List; others by --pod-template. Everything else is printed unchanged.`,
  exitCodes: {
    [DONE]:
      'printed; what gets nothing by rule (Jobs, pods that do not restart, pods that opt out) is reported',
    [LEFT]: 'printed, but something still lacks a gate or hold: standard error says what and why',
    [FAILED]: 'nothing is printed: a wrong argument, or a file that cannot be read',
  },
  flags: ['filename', 'gate', 'hold', 'drainSeconds', 'propagationSeconds', 'holdSeconds', 'podTemplate'],
  async run(call) {
    const { options, terminal, signal } = call;
    const files = options.all('filename');
    if (files.length === 0) throw new ConfigError('--filename is needed: expected the path of a file, or -');
    const wanted = wantedOf(options);
    const results = [];
    for (const file of files) results.push(injectText(await read(file, call), fileTitle(file), wanted));
    signal.throwIfAborted();
    terminal.printExactly(results.map(({ text }) => text).reduce(joined));
    for (const line of results.flatMap(({ told }) => told)) terminal.note(line);
    const found = results.flatMap(({ paths }) => paths);
    const lost = wanted.templatePaths.filter((path) => !found.some((each) => isDeepStrictEqual(each, path)));
    for (const path of lost)
      terminal.note(
        `--pod-template ${path.join('.')}: no object of a kind that is not known has a pod template there`,
      );
    return lost.length > 0 || results.some(({ refused }) => refused) ? LEFT : DONE;
  },
};

function wantedOf(options: Options): InjectOptions {
  const gate = options.own('gate');
  const outright = options.own('holdSeconds');
  const parts = (['drainSeconds', 'propagationSeconds'] as const).filter(
    (key) => options.all(key).length > 0,
  );
  if (outright !== undefined && parts.length > 0)
    throw new ConfigError('--hold-seconds goes without --drain-seconds and --propagation-seconds');
  if (!gate && !options.own('hold'))
    throw new ConfigError('--gate=false and --hold=false leave nothing to do: use one of them');
  const derived = neededHoldSeconds(options.own('drainSeconds'), options.own('propagationSeconds'));
  return {
    gate,
    holdSeconds: options.own('hold') ? (outright ?? derived) : undefined,
    templatePaths: [...new Set(options.all('podTemplate'))].map((path) => path.split('.')),
  };
}

const fileTitle = (file: string): string => (file === '-' ? 'standard input' : file);

async function read(file: string, { stdin, signal }: CommandCall): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = file === '-' ? await buffer(addAbortSignal(signal, stdin())) : await readFile(file, { signal });
  } catch (error) {
    throw new Error(`${fileTitle(file)} cannot be read: ${(error as Error).message}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(`${fileTitle(file)} is not UTF-8 text: save it as such`);
  }
}

/**
 * Joins two files into one stream; the second one starts a new document. Such a stream is YAML. A reader that takes what begins with `{`
 * for JSON, as older kubectl does, would fail at the second document.
 */
function joined(before: string, after: string): string {
  if (before === '' || after === '') return before + after;
  const stream = /^\s*\{/.test(before) ? `---\n${before.replace(/^\uFEFF/, '')}` : before;
  const ended = stream.endsWith('\n') ? stream : `${stream}\n`;
  const begun = after.replace(/^\uFEFF/, '');
  return begun.startsWith('---') ? ended + begun : `${ended}---\n${begun}`;
}
