import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensureBuilt } from '../../lab/environment/operator-process.ts';

export interface PluginResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PLUGIN = resolve(import.meta.dirname, '../../dist/kubectl-vsgb.js');
/** Each call has its own --timeout; a call that hangs in spite of it fails the test. */
const LIMIT_MS = 60_000;

/** Runs the shipped plugin once by its name, as a shell would. */
export async function runPlugin(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<PluginResult> {
  await ensureBuilt();
  const { PATH = '' } = process.env;
  // Without a home, the kubectl that the plugin runs would keep its cache in the working directory.
  const HOME = await mkdtemp(join(tmpdir(), 'plugin-'));
  return await new Promise<PluginResult>((resolve_, reject) => {
    const options = { env: { PATH, HOME, ...env }, timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
    execFile(PLUGIN, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve_({ code, stdout, stderr });
      else reject(new Error(`kubectl-vsgb did not end by itself: ${stderr}`, { cause: error }));
    });
  }).finally(() => rm(HOME, { recursive: true, force: true }));
}

/** Runs it with a standard output that nobody reads any more; returns its exit code and standard error. */
export async function runPluginUnread(
  args: readonly string[],
): Promise<Pick<PluginResult, 'stderr'> & { readonly code: unknown }> {
  await ensureBuilt();
  const child = spawn(PLUGIN, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}
