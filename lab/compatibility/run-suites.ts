import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { locateSupervise } from '../control-plane/build/build.ts';
import type { HelmMajor } from '../control-plane/build/versions.ts';
import type { SuiteOutcome } from './record.ts';
import type { Suite } from './suites.ts';

const ROOT = join(import.meta.dirname, '../..');
const END_TO_END = join(ROOT, 'test/e2e');
const SUFFIX = '.test.ts';
/** See E2E_WORKERS in scripts/test.ts. */
const WORKERS = process.env['E2E_WORKERS'] ?? '3';

/** The part of Jest's output that is used: https://jestjs.io/docs/cli#--json */
export interface JestResult {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** Runs the suites with Jest, on the Kubernetes version that `E2E_KUBERNETES` names and with this Helm. */
export async function runSuites(suites: readonly Suite[], helm: HelmMajor): Promise<SuiteOutcome[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'compatibility-'));
  try {
    const file = join(scratch, 'result.json');
    await runJest(suites, file, helm);
    const result: JestResult = JSON.parse(await readFile(file, 'utf8').catch(() => '{"testResults":[]}'));
    return suites.map((suite) => ({ ...outcomeOf(suite, result), ...(suite.withHelm && { helm }) }));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A file that did not load, or whose worker died, counts as one failure. */
export function outcomeOf({ file }: Suite, { testResults }: JestResult): SuiteOutcome {
  const path = `${file}${SUFFIX}`;
  const own = testResults.find(({ name }) => relative(END_TO_END, name) === path);
  const statuses = own?.assertionResults.map(({ status }) => status) ?? [];
  const count = (...wanted: string[]) => statuses.filter((status) => wanted.includes(status)).length;
  return {
    file,
    passed: count('passed'),
    failed: statuses.length === 0 ? 1 : count('failed'),
    skipped: count('pending', 'todo', 'disabled'),
  };
}

/** Ignores the exit status: failures appear in the output file. Jest ends when this process does. */
async function runJest(suites: readonly Suite[], outputFile: string, helm: HelmMajor): Promise<void> {
  const command = [
    ...[process.execPath, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    ...[join(ROOT, 'node_modules/jest/bin/jest.js'), '--json', `--outputFile=${outputFile}`],
    ...[`--maxWorkers=${WORKERS}`, '--runTestsByPath'],
    ...suites.map(({ file }) => join(END_TO_END, `${file}${SUFFIX}`)),
  ];
  const child = spawn(await locateSupervise(), ['--', ...command], {
    cwd: ROOT,
    env: { ...process.env, E2E_HELM: helm },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  await once(child, 'close');
}
