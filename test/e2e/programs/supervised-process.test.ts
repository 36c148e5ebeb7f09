import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { locateBinaries } from '../../../lab/control-plane/build/build.ts';
import { SupervisedProcess } from '../../../lab/control-plane/process/supervised-process.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';

jest.setTimeout(60_000);

let dir: string;
let logFile: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'supervised-'));
  logFile = join(dir, 'log');
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

test('reports the exit status and keeps the output', async () => {
  const process = await run('echo out; echo err >&2; exit 7');
  expect(await process.exited).toBe(7);
  expect(readFileSync(logFile, 'utf8')).toBe('out\nerr\n');
});

test('a program that does not heed the signal is killed with everything it started', async () => {
  const program = await run('trap "" TERM; sleep 1000 & echo $!; wait; wait');
  const grandchild = Number(await waitUntil('its pid', () => readFileSync(logFile, 'utf8').trim()));
  await program.stop('SIGTERM', 100);
  expect(program.status).toBe(128 + 9);
  await waitUntil('the grandchild to die', () => !isRunning(grandchild));
});

test('a program dies with its supervisor', async () => {
  const program = await run('exec sleep 1000');
  const supervisor = Number(readFileSync(`/proc/${program.pid}/status`, 'utf8').match(/^PPid:\t(\d+)/m)?.[1]);
  process.kill(supervisor, 'SIGKILL');
  await waitUntil('the program to die', () => !isRunning(program.pid));
});

test('a paused program does nothing from that moment on, and goes on when it is told to', async () => {
  const program = await run('while :; do echo; done');
  const seen = () => statSync(logFile).size;
  await waitUntil('it to run', () => seen() > 0);
  await program.pause();
  const then = seen();
  // Other processes start, run and end meanwhile.
  await (await run('exit 0')).exited;
  expect(seen()).toBe(then);
  program.signal('SIGCONT');
  await waitUntil('it to go on', () => seen() > then);
  await program.stop('SIGTERM', 1_000);
});

test('a program that does not exist is reported', async () => {
  const { supervise } = await locateBinaries([]);
  const starting = SupervisedProcess.start({ supervise, command: [join(dir, 'none')], logFile });
  await expect(starting).rejects.toThrow(`${join(dir, 'none')} did not start: see ${logFile}`);
});

async function run(script: string): Promise<SupervisedProcess> {
  const { supervise } = await locateBinaries([]);
  return await SupervisedProcess.start({ supervise, command: ['sh', '-c', script], logFile });
}

/** A zombie that has not been reaped yet counts as gone. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
