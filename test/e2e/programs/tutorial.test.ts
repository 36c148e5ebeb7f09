import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { locateKubectl } from '../../../lab/control-plane/build/build.ts';
import { freePorts } from '../../../lab/control-plane/process/free-port.ts';
import { ensureBuilt } from '../../../lab/environment/operator-process.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { commandsOf } from '../../documented-commands.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const MINUTES = 60_000;

/** Programs that run until they are stopped, and what they print when ready. */
const PROGRAMS: readonly (readonly [start: string, says: RegExp])[] = [
  ['npm run cluster ', /^ready$/m],
  ['npm run simulator ', /^listening on /m],
  ['npm run operator ', /Caches complete/],
];

/** Runs npm, as README.md says Node 20 does, but none of our programs, which need a newer Node. */
const OLD_NODE = `#!/bin/sh
case "$1" in dist/*) echo "this Node is too old for $1" >&2; exit 2;; esac
exec "${process.execPath}" "$@"
`;

/** The output of commands, as the page shows it. */
const SHOWN: readonly (readonly [command: string, output: RegExp])[] = [
  ['kubectl get vsgb web', /web +rsp-bp1exampleeni +web .* 4 +4 /],
  ['kubectl describe vsgb web', /Set weight 0 on \d backend/],
  ['kubectl describe vsgb web', /Removed \d backend/],
  ["curl -s 'http://127.0.0.1:8080/_journal?limit=20'", /ServiceIsConfiguring/],
  ['node dist/kubectl-vsgb.js status', /web +rsp-bp1exampleeni .*2\/2/],
  ['node dist/kubectl-vsgb.js diff web', /^$/],
  ['curl -s http://127.0.0.1:8080/_state', /"rows":\[\]/],
];

test(
  'every command of the tutorial works, in its order, and shows what the page says',
  async () => {
    await ensureBuilt();
    const dir = await mkdtemp(join(tmpdir(), 'tutorial-'));
    await using ended = new AsyncDisposableStack();
    ended.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
    await mkdir(join(dir, 'bin'));
    await symlink(await locateKubectl(), join(dir, 'bin/kubectl'));
    await writeFile(join(dir, 'bin/node'), OLD_NODE, { mode: 0o755 });
    const [port] = await freePorts(1);
    const here = (command: string) =>
      command.replaceAll('/tmp/vsgb', join(dir, 'cluster')).replaceAll(/\b8080\b/g, String(port));
    const env = {
      PATH: [join(dir, 'bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
      HOME: process.env['HOME'] ?? dir,
    };
    const exports: string[] = [];
    const outputs = new Map<string, string>();
    for (const { command } of commandsOf(await readFile(join(ROOT, 'docs/tutorial.md'), 'utf8'))) {
      const line = [...exports, here(command)].join('\n');
      const [, says] = PROGRAMS.find(([start]) => command.startsWith(start)) ?? [];
      if (command.startsWith('export ')) exports.push(here(command));
      else if (says !== undefined) ended.use(await started(line, env, says));
      else
        outputs.set(command, (await promisify(execFile)('/bin/sh', ['-c', line], { cwd: ROOT, env })).stdout);
    }
    expect(SHOWN.filter(([command]) => !outputs.has(command))).toEqual([]);
    for (const [command, output] of SHOWN) expect(outputs.get(command)?.trim()).toMatch(output);
  },
  10 * MINUTES,
);

/** A program that runs until it is disposed of; resolves once it has printed `says`. */
async function started(line: string, env: NodeJS.ProcessEnv, says: RegExp): Promise<AsyncDisposable> {
  const program = spawn('/bin/sh', ['-c', line], { cwd: ROOT, env, detached: true });
  let output = '';
  for (const stream of [program.stdout, program.stderr]) stream.on('data', (chunk) => (output += chunk));
  const stop = async () => {
    if (program.exitCode !== null || program.signalCode !== null) return;
    process.kill(-program.pid!, 'SIGTERM');
    await once(program, 'exit');
  };
  const exited = once(program, 'exit').then(() => Promise.reject(new Error(`${line} ended: ${output}`)));
  exited.catch(() => undefined);
  const ready = waitUntil(`${line} to be ready`, () => says.test(output), { timeoutMs: 8 * MINUTES });
  ready.catch(() => undefined);
  try {
    await Promise.race([ready, exited]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}
