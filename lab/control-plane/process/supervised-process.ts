import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { waitUntil } from '../../time/wait-until.ts';

export type SupervisedSignal = 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'SIGCONT';

export interface ProcessOptions {
  /** Path of the supervisor program (see go/supervise). */
  readonly supervise: string;
  readonly command: readonly string[];
  /** Default: the program writes to our standard error. */
  readonly logFile?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A folder to remove if this process dies without stopping the program. */
  readonly scratch?: string | undefined;
}

/** A program that cannot outlive this process: its supervisor kills it when this process ends, however it ends. */
export class SupervisedProcess {
  readonly pid: number;
  /** Settles with the exit status; 128 + n stands for signal n. */
  readonly exited: Promise<number>;
  readonly #supervisor: ChildProcess;
  #status: number | undefined;

  private constructor(supervisor: ChildProcess, exited: Promise<number>, pid: number) {
    this.#supervisor = supervisor;
    this.pid = pid;
    this.exited = exited.then((status) => {
      this.#status = status;
      return status;
    });
  }

  static async start(options: ProcessOptions): Promise<SupervisedProcess> {
    const log = options.logFile === undefined ? undefined : openSync(options.logFile, 'a', 0o600);
    const scratch = options.scratch === undefined ? [] : ['-scratch', options.scratch];
    const supervisor = spawn(options.supervise, [...scratch, '--', ...options.command], {
      // Uses a session of its own: Ctrl-C in a terminal then reaches only us, and we decide the order in which things end.
      detached: true,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', log ?? 'inherit'],
    });
    if (log !== undefined) closeSync(log);
    supervisor.stdin?.on('error', () => undefined);
    // Registered at once: a short program may have ended by the time we have read its pid.
    const exited = new Promise<number>((resolve) => supervisor.once('exit', (code) => resolve(code ?? 1)));
    const started = await Promise.race([
      supervisor.stdout && firstLine(supervisor.stdout),
      once(supervisor, 'error').then(([error]) => Promise.reject(error)),
    ]);
    const pid = Number(started);
    if (!(pid > 0)) throw new Error(`${options.command[0]} did not start: see ${options.logFile ?? 'above'}`);
    letGo(supervisor);
    return new SupervisedProcess(supervisor, exited, pid);
  }

  get status(): number | undefined {
    return this.#status;
  }

  /** Sent through the supervisor, which still holds the pid, so the signal cannot hit another process that reuses it. */
  signal(signal: SupervisedSignal): void {
    this.#send(signal);
  }

  /** Freezes the program until SIGCONT. The signal takes a moment; when this returns, none of its threads is running. */
  async pause(): Promise<void> {
    this.#send('SIGSTOP');
    await waitUntil(`process ${this.pid} to be stopped`, () => isStopped(this.pid), { intervalMs: 1 });
  }

  #send(signal: SupervisedSignal | 'SIGSTOP'): void {
    if (this.#status === undefined) this.#supervisor.stdin?.write(`${signal}\n`);
  }

  /** Ends the program, with SIGKILL if it is still there after `patienceMs`. */
  async stop(signal: SupervisedSignal, patienceMs: number): Promise<void> {
    this.#supervisor.ref();
    this.signal(signal);
    // A paused program would not see the signal.
    this.signal('SIGCONT');
    const impatience = setTimeout(() => this.signal('SIGKILL'), patienceMs);
    await this.exited;
    clearTimeout(impatience);
  }
}

/**
 * Whether no thread of the process is running. The state follows the name, which may contain parentheses:
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
export function isStopped(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) =>
    /\) T [^)]*$/.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
  );
}

async function firstLine(stream: Readable): Promise<string> {
  for await (const line of createInterface({ input: stream })) return line;
  return '';
}

/** A control plane that nobody stopped must not keep the process alive (the control plane stops when the process ends). */
function letGo(supervisor: ChildProcess): void {
  supervisor.stdout?.destroy();
  if (supervisor.stdin instanceof Socket) supervisor.stdin.unref();
  supervisor.unref();
}
