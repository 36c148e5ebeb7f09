// Runs every check: lint, types, generated files, build, and all tests. `node scripts/test.ts unit e2e` runs only the named steps.
// A step that fails or crashes counts as a failure and does not stop the others.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

interface Count {
  passed: number;
  failed: number;
  skipped: number;
  /** File, name and beginning of the message of each failed test, because the end of a long log is read first. */
  failures?: string[];
}

/** Runs the command prefixed with the words of `prefix`, if any. */
type Step = (prefix?: readonly string[]) => Promise<Count>;

const root = join(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'vsgb-test-'));
let current: ChildProcess | undefined;

/** A command that hangs is killed and fails. On a new machine, building all programs takes 15 to 30 minutes. */
const STEP_LIMIT_MS = 60 * 60_000;

const FOLDERS = ['src', 'simulator', 'lab', 'test', 'scripts'];

/** Tests that need the programs of a control plane. */
const END_TO_END = '/test/e2e/';

/** Tests that need real nodes, and therefore root on Linux. */
const REAL_NODES = '/test/nodes/';

/** Exit status of a command that was to run inside an enclosure on a machine where none is possible. */
const CANNOT_ENCLOSE = 77;

/** Each end-to-end file runs its own control plane (about 700 MB) and spends much of its time waiting, so two cores run three at a time. */
const E2E_WORKERS = process.env['E2E_WORKERS'] ?? '3';

const steps: Record<string, Step> = {
  format: command('biome', 'check', '--error-on-warnings', '.'),
  dependencies: command('depcruise', '--config', '.dependency-cruiser.cjs', ...FOLDERS),
  types: command('tsc', '--noEmit'),
  generated: command('node', 'scripts/generate.ts', '--check'),
  unit: jest('unit', '--maxWorkers=2', `--testPathIgnorePatterns=${END_TO_END}|${REAL_NODES}`),
  build: command('node', 'scripts/build.ts'),
  // No test's time limit allows for building a program, or for a build that takes the cores.
  e2e: inOrder(
    command('node', 'lab/cluster/main.ts', '--build-only'),
    buildOperator,
    jest('e2e', END_TO_END, `--maxWorkers=${E2E_WORKERS}`),
  ),
  nodes: inOrder(
    command('node', 'lab/traffic/main.ts', '--build-only'),
    buildOperator,
    enclosed(jest('nodes', REAL_NODES, '--runInBand')),
  ),
};

/** Programs that a step needs to find on the machine. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  unit: ['openssl'],
  e2e: ['go', 'make', 'openssl'],
  nodes: ['go'],
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    current?.kill(signal);
    rmSync(scratch, { recursive: true, force: true });
    process.exit(1);
  });
}

process.exitCode = await main(process.argv.slice(2));

async function main(wanted: string[]): Promise<number> {
  const unknown = wanted.filter((name) => !(name in steps));
  if (unknown.length > 0) {
    console.error(`No step ${unknown.join(', ')}. Steps: ${Object.keys(steps).join(', ')}`);
    return 2;
  }
  const missing = missingPrograms(wanted.length > 0 ? wanted : Object.keys(steps));
  if (missing.length > 0) {
    console.error(`Not on PATH, and needed by the tests: ${missing.join(', ')}. See CONTRIBUTING.md`);
    return 2;
  }
  const total: Count = { passed: 0, failed: 0, skipped: 0 };
  const report: string[] = [];
  const failures: string[] = [];
  for (const [name, step] of Object.entries(steps)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(`\n== ${name}`);
    const started = Date.now();
    const count = await step();
    report.push(`${name}: ${sentence(count)} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    failures.push(...(count.failures ?? []));
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  rmSync(scratch, { recursive: true, force: true });
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  console.log(`\n${report.join('\n')}`);
  if (total.skipped > 0) console.log(`${total.skipped} skipped`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

function missingPrograms(names: readonly string[]): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const needed = new Set(names.flatMap((name) => NEEDED[name] ?? []));
  return [...needed].filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
}

function sentence({ passed, failed }: Count): string {
  return `${passed} passed, ${failed} failed`;
}

function command(program: string, ...args: string[]): Step {
  return async () => one((await run(program, args)) === 0);
}

/** Runs the steps until one fails; all but the last count only if they fail. */
function inOrder(...all: readonly Step[]): Step {
  return async () => {
    let count = one(false);
    for (const step of all) {
      count = await step();
      if (count.failed > 0) break;
    }
    return count;
  };
}

/** Builds the operator and fills its code cache: otherwise each file that starts one does. */
async function buildOperator(): Promise<Count> {
  const count = await command('npm', 'run', '-s', 'operator', '--', '--version')();
  process.env['E2E_BUILT'] = '1';
  return count;
}

function one(ok: boolean): Count {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/** Runs the step inside an enclosure; if none is possible, prints one line that says why, and counts the step as skipped. */
function enclosed(step: Step): Step {
  return async () => await step(['node', 'lab/nodes/enclosed.ts', '--']);
}

function jest(name: string, ...args: string[]): Step {
  return async (prefix = []) => {
    const file = join(scratch, `${name}.json`);
    const bin = 'node_modules/jest/bin/jest.js';
    const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', bin];
    const [program = 'node', ...rest] = [
      ...prefix,
      'node',
      ...node,
      '--json',
      `--outputFile=${file}`,
      ...args,
    ];
    const code = await run(program, rest);
    if (prefix.length > 0 && code === CANNOT_ENCLOSE) return { passed: 0, failed: 0, skipped: 1 };
    const count = readCount(file);
    if (count === undefined) return one(false);
    // Jest can fail without a failed test (a suite that does not load, a worker that dies).
    return code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
  };
}

function readCount(file: string): Count | undefined {
  try {
    const result = JSON.parse(readFileSync(file, 'utf8'));
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
      skipped: result.numPendingTests + result.numTodoTests,
      failures: result.testResults.flatMap(failuresOf),
    };
  } catch {
    return undefined;
  }
}

interface FileResult {
  readonly name: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages: readonly string[];
  }[];
}

function failuresOf({ name, message, assertionResults }: FileResult): string[] {
  const failed = assertionResults.filter(({ status }) => status === 'failed');
  const file = relative(root, name);
  // A file that does not load has no tests.
  if (assertionResults.length === 0) return message === '' ? [] : [`${file}: ${beginning(message)}`];
  return failed.map((test) => `${file}: ${test.fullName}\n${beginning(test.failureMessages.join('\n'))}`);
}

function beginning(message: string): string {
  return stripVTControlCharacters(message).slice(0, 1000).trimEnd();
}

/** Returns the exit code; a program that does not start, or is killed by a signal, has failed. */
function run(program: string, args: string[]): Promise<number> {
  const path = `${join(root, 'node_modules', '.bin')}:${process.env['PATH']}`;
  return new Promise((resolve) => {
    // --json would also print the whole result to standard output.
    const quiet = args.includes('--json') ? 'ignore' : 'inherit';
    current = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', quiet, 'inherit'],
      env: { ...process.env, PATH: path },
      timeout: STEP_LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    current.once('error', (error) => {
      console.error(`${program}: ${error.message}`);
      resolve(1);
    });
    current.once('close', (code) => resolve(code ?? 1));
  });
}
