import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withBuildLock } from './build-lock.ts';

const INSTALL_LIMIT_MS = 10 * 60_000;

export interface PackagesNeeded {
  readonly packages: readonly string[];
  /** For the message when they cannot be installed: "these tests". */
  readonly neededBy: string;
  /** Whether they are here already, in whatever way they came. */
  isThere(): Promise<boolean>;
}

/** Can packages be installed here: is this Debian, and are we root? */
export async function canInstallPackages(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID=debian$/m.test(release);
}

/** Installs by apt-get what is not there. Two runs at once install once. */
export async function installPackages({ packages, neededBy, isThere }: PackagesNeeded): Promise<void> {
  await withBuildLock(
    join(tmpdir(), `vsgb-${packages[0]}.lock`),
    () => undefined,
    async () => {
      // Another run may have brought them while this one waited.
      if (await isThere()) return;
      const what = `${packages.join(', ')}, which ${neededBy} need`;
      // An index that it can't fetch is a warning to it: the package is then unknown, and that alone tells little.
      const warnings = await aptGet(what, [], 'update');
      await aptGet(what, warnings, 'install', '-y', '--no-install-recommends', ...packages);
    },
  );
}

/** Returns what it warned of; rejects with that, what was warned of before, and why it failed. */
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
