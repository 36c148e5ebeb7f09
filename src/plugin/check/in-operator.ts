import { execFile } from 'node:child_process';
import { asArray, asObject, asString } from '../../json.ts';
import { type Finding, type Level, unknown } from './finding.ts';
import type { OperatorPod } from './survey-deployments.ts';

/** The internal command that runs the plugin in the operator's container; not meant for people. */
export const CHECK_IN_OPERATOR = '__check';

const PROGRAM = '/app/kubectl-vsgb.js';
const PATIENCE_MS = 120_000;

export interface ExecOptions {
  readonly pod: OperatorPod;
  readonly groupId: string | undefined;
  /** Flags that make kubectl connect to the same cluster. */
  readonly connection: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

const CHECK = 'cloud';

/**
 * Runs the plugin in the operator's container to check the cloud with the operator's credentials, environment, network and clock, none of
 * which leave the container. Rejects if the signal is aborted.
 */
export async function checkInOperator(options: ExecOptions): Promise<readonly Finding[]> {
  const { pod, groupId, connection, env, signal } = options;
  const group = groupId === undefined ? [] : ['--group', groupId];
  const args = [
    ...['exec', ...connection, '--namespace', pod.namespace, pod.name, '--container', pod.container],
    ...['--', 'node', PROGRAM, CHECK_IN_OPERATOR, ...group, '--', ...pod.args],
  ];
  const { stdout, problem } = await kubectl(args, env, signal);
  signal.throwIfAborted();
  const findings = readFindings(stdout);
  if (findings !== undefined) return findings;
  return [
    unknown(
      CHECK,
      `not looked at: kubectl exec in pod ${pod.namespace}/${pod.name} failed${problem === '' ? '' : `: ${problem}`}`,
      'It takes kubectl, the right to create pods/exec there, and an operator of this version. Or call the cloud from this machine, with its own credentials: --from here.',
    ),
  ];
}

function kubectl(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ readonly stdout: string; readonly problem: string }> {
  const options = { env, signal, timeout: PATIENCE_MS, maxBuffer: 2 ** 20 };
  return new Promise((resolve) => {
    execFile('kubectl', [...args], options, (error, stdout, stderr) => {
      const said = stderr.trim().replace(/\s+/g, ' ') || error?.message || '';
      resolve({ stdout, problem: said.slice(0, 300) });
    });
  });
}

const LEVELS: ReadonlySet<string> = new Set<Level>(['ok', 'warning', 'failed', 'unknown']);

/** Parses output that another version may have written. Entries that are not findings are skipped; undefined if none is left. */
function readFindings(text: string): readonly Finding[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const findings = asArray(asObject(parsed)['findings']).map(asObject).flatMap(readFinding);
  return findings.length === 0 ? undefined : findings;
}

function readFinding({ check, level, message, advice }: Readonly<Record<string, unknown>>): Finding[] {
  if (typeof level !== 'string' || !LEVELS.has(level)) return [];
  const common = { check: asString(check), level: level as Level, message: asString(message) };
  return [typeof advice === 'string' ? { ...common, advice } : common];
}
