import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { locateSupervise } from '../control-plane/build/build.ts';
import { SupervisedProcess } from '../control-plane/process/supervised-process.ts';
import { waitUntil } from '../time/wait-until.ts';

export interface OperatorOptions {
  readonly kubeconfig: string;
  /** The simulator's URL. Undefined: the regions' own endpoints are called. */
  readonly apiUrl: string | undefined;
  readonly accessKey?: { readonly id: string; readonly secret: string; readonly securityToken?: string };
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** False: return as soon as the process runs. */
  readonly untilReady?: boolean;
}

export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

const ROOT = resolve(import.meta.dirname, '../..');
const READY_WITHIN_MS = 30_000;
const STOPPED_WITHIN_MS = 15_000;

/** The flags of the image, so that tests and measurements run what is shipped. */
const NODE_FLAGS = nodeFlagsOf(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
/** As in the image; see Dockerfile. */
const NODE_ENVIRONMENT = {
  NODE_COMPILE_CACHE: join(ROOT, 'dist/compile-cache'),
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

/** The flags that the operator's ENTRYPOINT in this Dockerfile passes to node. */
export function nodeFlagsOf(dockerfile: string): readonly string[] {
  const command = /^ENTRYPOINT (\[.*"\/app\/main\.js"\])$/m.exec(dockerfile)?.[1];
  if (command === undefined) throw new Error('the Dockerfile has no ENTRYPOINT that runs /app/main.js');
  return (JSON.parse(command) as string[]).filter((word) => word.startsWith('--'));
}

let built: Promise<unknown> | undefined;

/** Builds dist/ if it is older than the sources, and fills the code cache. */
export function ensureBuilt(): Promise<unknown> {
  // Set where it has been done for all files of tests.
  if (process.env['E2E_BUILT'] === '1') return Promise.resolve();
  const run = promisify(execFile);
  const env = { ...process.env, ...NODE_ENVIRONMENT };
  built ??= run(process.execPath, ['scripts/build.ts', '--if-stale'], { cwd: ROOT }).then(() =>
    run(process.execPath, [...NODE_FLAGS, 'dist/main.js', '--version'], { cwd: ROOT, env }),
  );
  return built;
}

/** Runs the shipped bundle as a separate process, which ends when this process does. */
export class OperatorProcess {
  readonly #process: SupervisedProcess;
  readonly #dir: string;
  #healthAddress: string | undefined;

  private constructor(process: SupervisedProcess, dir: string) {
    this.#process = process;
    this.#dir = dir;
  }

  static async start(options: OperatorOptions): Promise<OperatorProcess> {
    const [supervise] = await Promise.all([locateSupervise(), ensureBuilt()]);
    const dir = await mkdtemp(join(tmpdir(), 'operator-'));
    const { apiUrl } = options;
    const { id, secret, securityToken } = options.accessKey ?? { id: 'testid', secret: 'testsecret' };
    const process_ = await SupervisedProcess.start({
      supervise,
      command: [
        process.execPath,
        ...NODE_FLAGS,
        join(ROOT, 'dist/main.js'),
        ...['--kubeconfig', options.kubeconfig, '--region', 'cn-hangzhou', '--vpc-id', 'vpc-1'],
        ...(apiUrl === undefined ? [] : ['--slb-endpoint', apiUrl, '--ecs-endpoint', apiUrl]),
        ...['--metrics-address', '127.0.0.1:0', '--health-address', '127.0.0.1:0', '--log-level', 'debug'],
        ...(options.flags ?? []),
      ],
      logFile: join(dir, 'log'),
      env: {
        ...NODE_ENVIRONMENT,
        ALIBABA_CLOUD_ACCESS_KEY_ID: id,
        ALIBABA_CLOUD_ACCESS_KEY_SECRET: secret,
        ...(securityToken !== undefined && { ALIBABA_CLOUD_SECURITY_TOKEN: securityToken }),
        ...options.env,
      },
      scratch: dir,
    });
    const operator = new OperatorProcess(process_, dir);
    if (options.untilReady ?? true) await operator.ready();
    return operator;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Settles with the exit status. */
  get exited(): Promise<number> {
    return this.#process.exited;
  }

  async ready(): Promise<void> {
    const answersReady = async () => {
      await this.#mustRun();
      return (await fetch(`http://${await this.healthAddress()}/readyz`)).ok;
    };
    await waitUntil('the operator to be ready', answersReady, { timeoutMs: READY_WITHIN_MS, intervalMs: 20 });
  }

  /** The address that serves /healthz, /readyz and /metrics. */
  async healthAddress(): Promise<string> {
    this.#healthAddress ??= await waitUntil(
      'the operator to say where it listens',
      async () => {
        await this.#mustRun();
        const line = (await this.lines()).find(({ metricsAddress }) => typeof metricsAddress === 'string');
        return line?.['metricsAddress'] as string | undefined;
      },
      { timeoutMs: READY_WITHIN_MS, intervalMs: 20 },
    );
    return this.#healthAddress;
  }

  async metrics(): Promise<string> {
    return await (await fetch(`http://${await this.healthAddress()}/metrics`)).text();
  }

  /** The value of one series, named as in /metrics: `name{label="value"}`. */
  async metric(series: string): Promise<number | undefined> {
    const line = (await this.metrics()).split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  async log(): Promise<string> {
    return await readFile(join(this.#dir, 'log'), 'utf8');
  }

  async lines(): Promise<LogLine[]> {
    return (await this.log()).split('\n').flatMap((line) => {
      if (!line.startsWith('{')) return [];
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        return [];
      }
    });
  }

  signal(signal: 'SIGCONT' | 'SIGKILL' | 'SIGTERM'): void {
    this.#process.signal(signal);
  }

  /** Freezes the process until SIGCONT. */
  async pause(): Promise<void> {
    await this.#process.pause();
  }

  /** Stops it as Kubernetes does: SIGTERM, then SIGKILL if that takes too long. */
  async stop(): Promise<number> {
    await this.#process.stop('SIGTERM', STOPPED_WITHIN_MS);
    await rm(this.#dir, { recursive: true, force: true });
    return await this.exited;
  }

  async kill(): Promise<void> {
    await this.#process.stop('SIGKILL', 0);
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #mustRun(): Promise<void> {
    const status = this.#process.status;
    if (status === undefined) return;
    throw new Error(`the operator ended with status ${status}:\n${(await this.log()).slice(-2_000)}`);
  }
}
