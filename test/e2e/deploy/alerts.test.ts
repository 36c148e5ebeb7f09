import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, jest, test } from '@jest/globals';
import { locatePromtool } from '../../../lab/control-plane/build/build.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILD_MS = 30 * 60_000;

jest.setTimeout(60_000);

let promtool: string;

beforeAll(async () => {
  promtool = await locatePromtool();
}, BUILD_MS);

/** Rejects with promtool's output. */
async function run(...args: string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(promtool, args, { cwd: ROOT });
  return stdout + stderr;
}

test('Prometheus takes the rules', async () => {
  expect(await run('check', 'rules', 'deploy/monitoring/alerts.yaml')).toMatch(/SUCCESS: 14 rules found/);
});

test('each alert fires when it should, not before, and says what it should', async () => {
  expect(await run('test', 'rules', 'test/monitoring/alerts.test.yaml')).toContain('SUCCESS');
});
