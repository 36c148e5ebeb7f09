import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { locateVegeta } from '../../control-plane/build/build.ts';
import { SupervisedProcess } from '../../control-plane/process/supervised-process.ts';
import { parseResults, type RequestResult } from './results.ts';

export interface AttackOptions {
  /** Requested in turn, so that each URL gets an equal share of the rate. */
  readonly urls: readonly string[];
  /** Requests per second, over all URLs. */
  readonly rate: number;
  /** False: each request uses a new connection. */
  readonly keepAlive: boolean;
  /** Milliseconds after which a request without an answer has failed. */
  readonly timeoutMs: number;
}

/** On SIGINT, vegeta waits for the requests in flight. */
const GRACE_MS = 5_000;
const MAX_OUTPUT_BYTES = 2 ** 30;

/** Sends requests at a constant rate with vegeta, whether or not earlier requests have been answered. */
export class Attack {
  readonly #process: SupervisedProcess;
  readonly #options: AttackOptions;
  readonly #vegeta: string;
  readonly #dir: string;

  private constructor(process: SupervisedProcess, options: AttackOptions, vegeta: string, dir: string) {
    this.#process = process;
    this.#options = options;
    this.#vegeta = vegeta;
    this.#dir = dir;
  }

  static async start(options: AttackOptions): Promise<Attack> {
    const { supervise, vegeta } = await locateVegeta();
    const dir = await mkdtemp(join(tmpdir(), 'attack-'));
    const targets = join(dir, 'targets');
    await writeFile(targets, options.urls.map((url) => `GET ${url}\n`).join('\n'));
    const { rate, keepAlive, timeoutMs } = options;
    const command = [
      ...[vegeta, 'attack', '-duration=0', `-rate=${rate}/s`, `-keepalive=${keepAlive}`],
      ...[`-timeout=${timeoutMs}ms`, '-max-body=64', '-redirects=-1'],
      ...[`-targets=${targets}`, `-output=${join(dir, 'results')}`],
    ];
    const process = await SupervisedProcess.start({
      supervise,
      command,
      logFile: join(dir, 'log'),
      scratch: dir,
    });
    return new Attack(process, options, vegeta, dir);
  }

  /** Stops sending, waits for the requests in flight, and returns the result of each request. */
  async stop(): Promise<readonly RequestResult[]> {
    await this.#process.stop('SIGINT', this.#options.timeoutMs + GRACE_MS);
    const args = ['encode', '-to=json', join(this.#dir, 'results')];
    const { stdout } = await promisify(execFile)(this.#vegeta, args, { maxBuffer: MAX_OUTPUT_BYTES });
    const results = parseResults(stdout);
    if (results.length === 0) {
      throw new Error(`vegeta sent nothing: ${await readFile(join(this.#dir, 'log'), 'utf8')}`);
    }
    await rm(this.#dir, { recursive: true, force: true });
    return results;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop('SIGKILL', 0);
    await rm(this.#dir, { recursive: true, force: true });
  }
}
