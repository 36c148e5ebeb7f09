import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const ROOT = resolve(import.meta.dirname, '../../..');
const MINUTES = 60_000;

/** Runs the command as typed in the README. Variables that Jest sets for its workers must not reach the programs. */
async function make(target: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { NODE_OPTIONS, NODE_ENV, JEST_WORKER_ID, KEEP, CONTEXT, ...inherited } = process.env;
  const options = { cwd: ROOT, env: { ...inherited, ...env }, maxBuffer: 64 << 20 };
  return (await promisify(execFile)('make', [target], options)).stdout;
}

test(
  'make demo tells its story to the end, and group and cluster were equal after each step',
  async () => {
    // A busy machine may fail requests of the traffic itself, so traffic is tested in test/nodes.
    expect(await make('demo', { TRAFFIC: '0' })).toContain(
      'After each step the group was equal to the cluster',
    );
  },
  10 * MINUTES,
);

test(
  'make bench measures what it is asked for',
  async () => {
    expect(await make('bench', { SCENARIO: 'at-once', QUICK: '1' })).toContain('at-once');
  },
  10 * MINUTES,
);

test('make alone lists the targets', async () => {
  expect(await make('help')).toMatch(/make test .*\n.*make demo/s);
});
