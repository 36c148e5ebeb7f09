import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync, rmdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { canInstallPackages, installPackages } from '../../control-plane/build/debian-packages.ts';
import { cgroupHierarchies } from './cgroups.ts';

/** Required programs, by the Debian package that contains them. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'util-linux': ['unshare', 'nsenter'],
  mount: ['mount'],
  iproute2: ['ip'],
  nftables: ['nft'],
};

/** Thrown if real nodes cannot run on this machine; the message says what is missing. */
export class RealNodesNeed extends Error {
  constructor(what: string) {
    super(`real nodes need ${what}`);
    this.name = 'RealNodesNeed';
  }
}

/** Returns once everything that the machine must provide is there; rejects with RealNodesNeed if something is missing. */
export async function ensureNeeds(): Promise<void> {
  if (process.platform !== 'linux') throw new RealNodesNeed('Linux');
  if (process.getuid?.() !== 0)
    throw new RealNodesNeed('root: each of them has network, processes and mounts of its own');
  await ensurePrograms();
  await ensureNamespaces();
  ensureCgroups();
}

async function ensurePrograms(): Promise<void> {
  const packages = missingPackages();
  if (packages.length === 0) return;
  if (!(await canInstallPackages()))
    throw new RealNodesNeed(`the packages ${packages.join(', ')} (the names that Debian gives them)`);
  await installPackages({
    packages,
    neededBy: 'real nodes',
    isThere: async () => missingPackages().length === 0,
  });
}

function missingPackages(): string[] {
  const missing = Object.entries(PROGRAMS).filter(([, programs]) => !programs.every(isOnPath));
  return missing.map(([name]) => name);
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function ensureNamespaces(): Promise<void> {
  const trial = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--mount-proc', 'true'];
  try {
    await promisify(execFile)('unshare', trial);
  } catch (error) {
    throw new RealNodesNeed(`the right to make namespaces and mounts (CAP_SYS_ADMIN): ${reasonOf(error)}`);
  }
}

function ensureCgroups(): void {
  const hierarchies = cgroupHierarchies();
  if (hierarchies.length === 0) throw new RealNodesNeed('cgroups, mounted below /sys/fs/cgroup');
  for (const hierarchy of hierarchies) {
    const trial = join(hierarchy, `vsgb-trial-${process.pid}`);
    try {
      mkdirSync(trial);
      rmdirSync(trial);
    } catch (error) {
      throw new RealNodesNeed(`the right to make cgroups: ${reasonOf(error)}`);
    }
  }
}

function reasonOf(error: unknown): string {
  const { message = String(error), stderr = '' } = error as { message?: string; stderr?: string };
  return (stderr || message).trim().split('\n').at(-1) ?? '';
}
