import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { KubeApi } from '../../../lab/control-plane/api/kube-api.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';

jest.setTimeout(120_000);

const ROOT = join(import.meta.dirname, '../../..');

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cluster-test-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
});

test('says ready, serves DIR/kubeconfig, and on SIGTERM ends with everything it started', async () => {
  const cluster = start(process.execPath, ['lab/cluster/main.ts', '--dir', dir]);
  await saysReady(cluster);
  expect(statSync(join(dir, 'kubeconfig')).mode & 0o777).toBe(0o600);
  await using api = await KubeApi.fromKubeconfig(join(dir, 'kubeconfig'));
  expect(await api.get('/version')).toMatchObject({ major: '1' });
  cluster.kill('SIGTERM');
  expect(await once(cluster, 'exit')).toEqual([0, null]);
  await expect(api.get('/version')).rejects.toThrow();
});

test('ends when the npm that runs it is killed', async () => {
  const npm = start('npm', ['run', '-s', 'cluster', '--', '--dir', dir]);
  await saysReady(npm);
  await using api = await KubeApi.fromKubeconfig(join(dir, 'kubeconfig'));
  npm.kill('SIGKILL');
  await waitUntil('the API server to be gone', () =>
    api.get('/version').then(
      () => false,
      () => true,
    ),
  );
});

test.each([
  [['--dri', 'x'], "cluster: Unknown option '--dri'"],
  [[], 'cluster: --dir is missing'],
])('refuses %j with one sentence and status 2', async (args, sentence) => {
  const cluster = start(process.execPath, ['lab/cluster/main.ts', ...args]);
  const [errors, [status]] = await Promise.all([text(cluster.stderr!), once(cluster, 'exit')]);
  expect(errors).toContain(sentence);
  expect(errors.trimEnd().split('\n')).toHaveLength(1);
  expect(status).toBe(2);
});

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function saysReady({ stdout }: ChildProcess): Promise<void> {
  for await (const chunk of stdout!.iterator({ destroyOnReturn: false })) {
    if (String(chunk).includes('ready\n')) return;
  }
  throw new Error('the cluster ended before it was ready');
}
