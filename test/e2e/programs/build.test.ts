import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { superviseArtifact } from '../../../lab/control-plane/build/artifact.ts';
import { locateBinaries } from '../../../lab/control-plane/build/build.ts';

jest.setTimeout(120_000);

const DEAD_PID = 2 ** 22 + 1;

let scratch: string;
const savedEnvironment = { ...process.env };
// Go's own cache is in the folder that we move: without the cache, each build here would compile the standard library.
const goCache = execFileSync('go', ['env', 'GOCACHE'], { encoding: 'utf8' }).trim();

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'build-test-'));
  process.env['XDG_CACHE_HOME'] = scratch;
  process.env['GOCACHE'] = goCache;
  delete process.env['KUBEBUILDER_ASSETS'];
});

afterEach(async () => {
  process.env = { ...savedEnvironment };
  await rm(scratch, { recursive: true, force: true });
});

test('two runs at once build once, and leave nothing but the result', async () => {
  const lines: string[] = [];
  const runs = [1, 2].map(() => locateBinaries([], (line) => lines.push(line)));
  const [first, second] = await Promise.all(runs);
  expect(lines.filter((line) => line.startsWith('building supervise'))).toHaveLength(1);
  expect(second).toEqual(first);
  const { folder } = await superviseArtifact();
  expect(readdirSync(join(folder, '..')).map((name) => join(folder, '..', name))).toEqual([folder]);
});

test('a cached build is used without a word', async () => {
  await locateBinaries([], () => undefined);
  const lines: string[] = [];
  await locateBinaries([], (line) => lines.push(line));
  expect(lines).toEqual([]);
});

test('the lock and the half-built folder of a run that was killed are swept away', async () => {
  const { folder } = await superviseArtifact();
  const halfBuilt = join(folder, '..', `.building-${folder.split('/').at(-1)}-killed`);
  await mkdir(halfBuilt, { recursive: true });
  await writeFile(`${folder}.lock`, String(DEAD_PID));
  await locateBinaries([], () => undefined);
  expect(existsSync(join(folder, 'supervise'))).toBe(true);
  expect(existsSync(halfBuilt)).toBe(false);
  expect(existsSync(`${folder}.lock`)).toBe(false);
});

test('programs in KUBEBUILDER_ASSETS are taken before anything is built', async () => {
  const assets = join(scratch, 'assets');
  await mkdir(assets);
  for (const name of ['etcd', 'kube-apiserver']) await writeFile(join(assets, name), '', { mode: 0o755 });
  process.env['KUBEBUILDER_ASSETS'] = assets;
  const { commands } = await locateBinaries(['etcd', 'kube-apiserver'], () => undefined);
  expect([...commands]).toEqual([
    ['etcd', [join(assets, 'etcd')]],
    ['kube-apiserver', [join(assets, 'kube-apiserver')]],
  ]);
});

test('without the Go command the error says what to install', async () => {
  process.env['PATH'] = scratch;
  await expect(locateBinaries([], () => undefined)).rejects.toThrow('install Go 1.26 or later');
});
