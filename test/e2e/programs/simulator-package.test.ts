import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';

const ROOT = resolve(import.meta.dirname, '../../..');
const execute = promisify(execFile);

jest.setTimeout(120_000);

let project: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'simulator-package-'));
  const script = join(ROOT, 'scripts/release/simulator-package.ts');
  await execute(process.execPath, [script, join(project, 'package')]);
  await execute('npm', ['pack', './package'], { cwd: project });
  await writeFile(join(project, 'package.json'), '{"private": true}');
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const install = ['install', '--offline', '--no-audit', '--no-fund', `./slb-simulator-${version}.tgz`];
  await execute('npm', install, { cwd: project });
}, 120_000);

afterAll(async () => {
  await rm(project, { recursive: true, force: true });
});

test('the simulator is installed as a package that needs no other, and serves by its own name', async () => {
  const child = spawn(join(project, 'node_modules/.bin/slb-simulator'), ['--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], SLB_SIMULATOR_FLAGS: '--host 127.0.0.2 --group rsp-0' },
  });
  try {
    let url: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      url = /^listening on (http:\/\/127\.0\.0\.2:\d+)$/.exec(line)?.[1];
      if (url !== undefined) break;
    }
    const { groups } = (await (await fetch(`${url}/_state`)).json()) as { groups: { id: string }[] };
    expect(groups.map(({ id }) => id)).toEqual(['rsp-0']);
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  }
  const { packages } = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8'));
  expect(Object.keys(packages)).toEqual(['', 'node_modules/slb-simulator']);
});
