import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { waitUntil } from '../../time/wait-until.ts';
import type { ComponentName } from '../build/build.ts';
import type { Component } from '../components.ts';
import { SupervisedProcess } from './supervised-process.ts';

const READY_WITHIN_MS = 120_000;
const PROBE_EVERY_MS = 50;
const PROBE_TIMEOUT_MS = 5_000;
const LOG_TAIL_BYTES = 256 * 1024;
const QUOTED_LINES = 15;

export interface Launch {
  readonly name: ComponentName;
  readonly component: Component;
  readonly command: readonly string[];
  readonly supervise: string;
  readonly logFile: string;
  readonly scratch: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts the component and returns once it is ready; an error quotes the end of its log. */
export async function launch({
  name,
  component,
  command,
  logFile,
  ...rest
}: Launch): Promise<SupervisedProcess> {
  const process = await SupervisedProcess.start({
    ...rest,
    logFile,
    command: [...command, ...component.flags],
  });
  const given = new AbortController();
  const died = process.exited.then((status) => {
    throw new Error(`it ended with status ${status}`);
  });
  try {
    await Promise.race([untilReady(name, component, given.signal), died]);
    return process;
  } catch (error) {
    await process.stop('SIGKILL', 0);
    const reason = error instanceof Error ? error.message : String(error);
    const tail = tailOf(logFile, QUOTED_LINES) || '(it logged nothing)';
    throw new Error(`${name} did not become ready: ${reason}\nlast lines of ${logFile}:\n${tail}`);
  } finally {
    given.abort();
    died.catch(() => undefined);
  }
}

/** The last lines of a log, without reading the whole file. */
export function tailOf(logFile: string, lines: number): string {
  if (!existsSync(logFile)) return '';
  const file = openSync(logFile, 'r');
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, LOG_TAIL_BYTES));
    readSync(file, tail, 0, tail.length, size - tail.length);
    return tail.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}

async function untilReady(name: ComponentName, component: Component, signal: AbortSignal): Promise<void> {
  const options = { timeoutMs: READY_WITHIN_MS, intervalMs: PROBE_EVERY_MS, signal };
  await waitUntil(`${name} ready at ${component.readyUrl}`, () => probe(component), options);
}

async function probe({ readyUrl, caFile }: Component): Promise<true> {
  const connect = caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') };
  const dispatcher = new Agent({ connect });
  try {
    const response = await request(readyUrl, { dispatcher, signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const body = await response.body.text();
    if (response.statusCode === 200) return true;
    throw new Error(`status ${response.statusCode}: ${body}`);
  } finally {
    await dispatcher.destroy();
  }
}
