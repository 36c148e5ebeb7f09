import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, expect, jest, test } from '@jest/globals';
import { cgroupHierarchies } from '../../lab/nodes/enclosure/cgroups.ts';
import { enclosureCgroup } from '../../lab/nodes/enclosure/enclosure.ts';
import { waitUntil } from '../../lab/time/wait-until.ts';

jest.setTimeout(120_000);

const ROOT = resolve(import.meta.dirname, '../..');

/** Runs an enclosure within ours, so that everything visible is ours. */
let runner: ChildProcess | undefined;

afterEach(() => {
  runner?.kill('SIGKILL');
});

test.each([
  ['SIGKILL', [null, 'SIGKILL']],
  // The status of the command inside, which was told to end.
  ['SIGINT', [128 + 15, null]],
] as const)(
  'a runner that gets %s leaves no process, mount, namespace, cgroup or folder',
  async (signal, exit) => {
    const before = traces();
    runner = await enclose(process.execPath, 'test/nodes/one-node.ts');
    expect(newSince(before).length).toBeGreaterThan(20);
    runner.kill(signal);
    expect(await once(runner, 'exit')).toEqual(exit);
    await untilNothingNewSince(before);
  },
);

test('a runner ends with all that is its own when the npm that runs it is killed', async () => {
  const before = traces();
  runner = await start('npm', 'run', '-s', 'enclosed', '--', 'sh', '-c', 'echo ready; sleep 1000');
  runner.kill('SIGKILL');
  await untilNothingNewSince(before);
});

test('what a runner leaves that is killed together with its janitor is removed by the next start', async () => {
  const before = traces();
  const killed = await enclose('sh', '-c', 'echo ready; sleep 1000');
  const janitor = processes().find(
    (pid) => argumentsOf(pid).includes('janitor.ts') && parentOf(pid) === killed.pid,
  );
  process.kill(Number(janitor), 'SIGKILL');
  killed.kill('SIGKILL');
  await waitUntil('the processes to be gone', () =>
    newSince(before).every((trace) => !trace.startsWith('process')),
  );
  expect(newSince(before)).toContainEqual(expect.stringMatching(/^cgroup .*vsgb-/));

  runner = await enclose('echo', 'ready');
  await untilNothingNewSince(before);
});

async function enclose(...command: readonly string[]): Promise<ChildProcess> {
  return await start(process.execPath, 'lab/nodes/enclosed.ts', '--', ...command);
}

/** Returns once the program has printed "ready". */
async function start(program: string, ...args: readonly string[]): Promise<ChildProcess> {
  // npm would leave a cache behind.
  const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'pipe'] });
  let said = '';
  for await (const chunk of child.stderr!.iterator({ destroyOnReturn: false })) {
    said += chunk;
    if (said.includes('ready\n')) return child;
  }
  throw new Error(`it ended before it was ready:\n${said}`);
}

async function untilNothingNewSince(before: ReadonlySet<string>): Promise<void> {
  await waitUntil('nothing to be left', () => {
    const left = newSince(before);
    if (left.length > 0) throw new Error(left.join('\n'));
    return true;
  });
}

function newSince(before: ReadonlySet<string>): string[] {
  return [...traces()].filter((trace) => !before.has(trace));
}

function traces(): Set<string> {
  const pids = processes();
  const namespaces = pids.flatMap((pid) =>
    ['net', 'mnt', 'pid', 'ipc', 'uts'].map((kind) => namespaceOf(pid, kind)),
  );
  const cgroups = cgroupHierarchies().flatMap((hierarchy) =>
    foldersBelow(join(hierarchy, enclosureCgroup())),
  );
  return new Set([
    ...pids.map((pid) => `process ${pid} ${argumentsOf(pid)}`),
    ...namespaces.map((namespace) => `namespace ${namespace}`),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => `mount ${line}`),
    ...cgroups.map((folder) => `cgroup ${folder}`),
    ...readdirSync(tmpdir()).map((name) => `folder ${name}`),
  ]);
}

function processes(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

function argumentsOf(pid: string): string {
  return orGone(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
}

function parentOf(pid: string): number {
  return Number(orGone(() => readFileSync(`/proc/${pid}/status`, 'utf8').match(/^PPid:\t(\d+)/m)?.[1] ?? ''));
}

function namespaceOf(pid: string, kind: string): string {
  return orGone(() => readlinkSync(`/proc/${pid}/ns/${kind}`));
}

function foldersBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

function orGone(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
