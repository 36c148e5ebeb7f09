import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { locateKrew, locateKubectl } from '../../../lab/control-plane/build/build.ts';
import { archiveName, MACHINES } from '../../../scripts/release/plugin-archives.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILD_MS = 30 * 60_000;
const execute = promisify(execFile);

jest.setTimeout(120_000);

let scratch: string;
let archives: string;
let version: string;
let program: string;
let simulator: Simulator;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'plugin-archive-'));
  archives = join(scratch, 'archives');
  ({ version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')));
  // Node's distributions contain its licence, but the package from which Node is installed here does not.
  const nodeLicense = join(ROOT, 'LICENSE');
  const script = join(ROOT, 'scripts/release/plugin-archive.ts');
  await execute(process.execPath, [script, nodeLicense, archives]);
  const [archive = ''] = await readdir(archives);
  await mkdir(join(scratch, 'content'));
  await execute('tar', ['-xzf', join(archives, archive), '-C', join(scratch, 'content')]);
  program = join(scratch, 'content/kubectl-vsgb');
  simulator = await startSimulator({ groups: ['rsp-0'] });
}, BUILD_MS);

afterAll(async () => {
  await simulator?.close();
  await rm(scratch, { recursive: true, force: true });
});

test('the archive is named by version and machine, and holds the plugin and all licences', async () => {
  const machine = { os: process.platform, arch: process.arch === 'x64' ? 'amd64' : process.arch };
  expect(MACHINES).toContainEqual(machine);
  expect(await readdir(archives)).toEqual([archiveName(version, machine)]);
  const files = ['LICENSE', 'LICENSE-node', 'kubectl-vsgb', 'third-party-licenses.txt'];
  expect((await readdir(join(scratch, 'content'))).sort()).toEqual(files);
  const licenses = await readFile(join(scratch, 'content/third-party-licenses.txt'), 'utf8');
  expect(licenses).toMatch(/^undici@\S+, MIT$/m);
  expect(licenses).not.toMatch(/^winston@/m);
});

test('the plugin runs where no Node is on PATH, and warns of nothing', async () => {
  const { stdout, stderr } = await execute(program, ['--version'], { env: {} });
  expect([stdout, stderr]).toEqual([`${version}\n`, '']);
  const help = await execute(program, ['--help'], { env: {} });
  expect(help.stdout).toMatch(/^kubectl vsgb/);
});

test('the plugin calls the API, and its exit code says how that went', async () => {
  simulator.state.addRow('rsp-0', { serverId: 'eni-1', serverIp: '10.0.0.1', port: 80 });
  const flags = ['--region', 'cn-hangzhou', '--group', 'rsp-0', '--slb-endpoint', simulator.url];
  const env = { ALIBABA_CLOUD_ACCESS_KEY_ID: 'testid', ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'testsecret' };
  await execute(program, ['remove', ...flags, '--backend', 'eni-1:80:10.0.0.1'], { env });
  expect(simulator.state.group('rsp-0').rows()).toEqual([]);
  await expect(
    execute(program, ['remove', ...flags, '--backend', 'nonsense'], { env }),
  ).rejects.toMatchObject({ code: 2 });
});

test('krew installs it by the manifest of the release, and kubectl knows it then', async () => {
  const [krew, kubectl] = await Promise.all([locateKrew(), locateKubectl()]);
  const release = join(scratch, 'release');
  await mkdir(release);
  // The archives of other platforms are built elsewhere; krew uses only the one for its own platform.
  for (const machine of MACHINES) await writeFile(join(release, archiveName(version, machine)), 'another');
  const [own = ''] = await readdir(archives);
  await copyFile(join(archives, own), join(release, own));

  const server = await serve(release);
  try {
    const { port } = server.address() as AddressInfo;
    const script = join(ROOT, 'scripts/release/krew-manifest.ts');
    const repository = `http://127.0.0.1:${port}/owner/name`;
    const { stdout: manifest } = await execute(process.execPath, [script, repository, release]);
    const file = join(scratch, 'vsgb.yaml');
    await writeFile(file, manifest);

    const installInto = async (folder: string) => {
      const env = { HOME: scratch, KREW_ROOT: join(scratch, folder), PATH: process.env['PATH'] ?? '' };
      return await execute(krew, ['install', `--manifest=${file}`], { env });
    };
    await installInto('krew');
    const env = { PATH: join(scratch, 'krew/bin') };
    expect((await execute(kubectl, ['vsgb', '--version'], { env })).stdout).toBe(`${version}\n`);

    await writeFile(join(release, own), 'something else');
    await expect(installInto('another')).rejects.toThrow(/checksum/);
  } finally {
    server.close();
  }
});

test('there is no manifest without the archives of all machines', async () => {
  const script = join(ROOT, 'scripts/release/krew-manifest.ts');
  const repository = 'https://example.com/owner/name';
  await expect(execute(process.execPath, [script, repository, archives])).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/ lacks kubectl-vsgb_v.+_darwin_amd64\.tar\.gz/),
  });
});

/** Serves the files of a folder by name, ignoring the rest of the path; on loopback. */
async function serve(folder: string): Promise<Server> {
  const server = createServer(({ url = '' }, response) => {
    createReadStream(join(folder, basename(url))).pipe(response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}
