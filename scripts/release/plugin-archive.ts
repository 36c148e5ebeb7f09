// Packs the kubectl plugin as a single executable that contains Node, for this machine's platform, into an archive with all
// licences:
// node scripts/release/plugin-archive.ts NODE_LICENSE FOLDER
// https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLES, type Bundle, bundleTo, readMetafile } from '../build/bundle.ts';
import { bundledPackages } from '../build/bundled-packages.ts';
import { thirdPartyLicenses } from '../build/third-party-licenses.ts';
import { archiveName, type Machine, PROGRAM } from './plugin-archives.ts';

/** Node looks for this fuse: a program in which it is set runs the code that was put into it. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const root = join(import.meta.dirname, '../..');
const [nodeLicense, into] = process.argv.slice(2);
if (nodeLicense === undefined || into === undefined) {
  console.error('usage: node scripts/release/plugin-archive.ts NODE_LICENSE FOLDER');
  process.exit(2);
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const machine: Machine = { os: platform(), arch: arch() === 'x64' ? 'amd64' : arch() };
const bundle: Bundle = { entry: BUNDLES.plugin.entry, outfile: 'dist/kubectl-vsgb.cjs', commonJs: true };

const scratch = mkdtempSync(join(tmpdir(), 'vsgb-plugin-'));
try {
  await bundleTo(bundle);
  const content = join(scratch, 'content');
  mkdirSync(content);
  makeProgram(join(content, PROGRAM));
  copyFileSync(join(root, 'LICENSE'), join(content, 'LICENSE'));
  copyFileSync(nodeLicense, join(content, 'LICENSE-node'));
  const packages = bundledPackages([readMetafile(bundle)]);
  writeFileSync(join(content, 'third-party-licenses.txt'), thirdPartyLicenses(packages));
  mkdirSync(into, { recursive: true });
  const archive = join(into, archiveName(version, machine));
  execFileSync('tar', ['-czf', archive, '-C', content, '.']);
  console.error(`${archive}: Node ${process.version}`);
} finally {
  rmSync(scratch, { recursive: true });
}

/** Copies the running Node and puts the bundle into it. */
function makeProgram(program: string): void {
  const [configuration, blob] = [join(scratch, 'sea-config.json'), join(scratch, 'plugin.blob')];
  const main = join(root, bundle.outfile);
  const sea = { main, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true };
  writeFileSync(configuration, JSON.stringify(sea));
  run(process.execPath, '--experimental-sea-config', configuration);
  copyFileSync(process.execPath, program);
  const isMac = platform() === 'darwin';
  if (isMac) run('codesign', '--remove-signature', program);
  const segment = isMac ? ['--macho-segment-name', 'NODE_SEA'] : [];
  const postject = join(root, 'node_modules/postject/dist/cli.js');
  run(process.execPath, postject, program, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', FUSE, ...segment);
  // Ad hoc signature: on Apple silicon, macOS runs no unsigned program.
  if (isMac) run('codesign', '--sign', '-', program);
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
