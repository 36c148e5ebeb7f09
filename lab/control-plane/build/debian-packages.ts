import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withBuildLock } from './build-lock.ts';

const INSTALL_LIMIT_MS = 10 * 60_000;

export interface PackagesNeeded {
  readonly packages: readonly string[];
  /** For the message if they cannot be installed, for example "these tests". */
  readonly neededBy: string;
  /** Whether they are already present, however they were installed. */
  isThere(): Promise<boolean>;
}

/** Whether packages can be installed: this is Debian, and we are root. */
export async function canInstallPackages(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID=debian$/m.test(release);
}

/** Installs missing packages with apt-get. Of two concurrent runs only one installs. */
export async function installPackages({ packages, neededBy, isThere }: PackagesNeeded): Promise<void> {
  await withBuildLock(
    join(tmpdir(), `vsgb-${packages[0]}.lock`),
    () => undefined,
    async () => {
      // Another run may have installed them while this one waited.
      if (await isThere()) return;
      const what = `${packages.join(', ')}, which ${neededBy} need`;
      // apt-get only warns about an index that it cannot fetch; the package is then unknown, and that error alone explains little.
      const warnings = await aptGet(what, [], 'update');
      await aptGet(what, warnings, 'install', '-y', '--no-install-recommends', ...packages);
    },
  );
}

/** Returns its warnings; rejects with the failure, its warnings and the earlier ones. */
async function aptGet(
  what: string,
  before: readonly string[],
  ...args: readonly string[]
): Promise<readonly string[]> {
  const lines = (text: string) => text.split('\n').filter((line) => /^[EW]: /.test(line));
  try {
    const { stderr } = await promisify(execFile)(
      'apt-get',
      ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args],
      {
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
        timeout: INSTALL_LIMIT_MS,
        maxBuffer: 1 << 26,
      },
    );
    return lines(stderr);
  } catch (error) {
    const { stderr = '', message } = error as Error & { readonly stderr?: string };
    const said = [...before, ...lines(stderr)];
    const reason = (said.length > 0 ? said : [message]).join('; ');
    throw new Error(`${what}, could not be installed by apt-get ${args[0]}: ${reason}`, { cause: error });
  }
}
