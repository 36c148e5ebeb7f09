import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { withBuildLock } from '../../../lab/control-plane/build/build-lock.ts';

const DEBIANS_OWN = '/usr/bin/chromium';
const EXECUTABLE = process.env['CHROMIUM'] || DEBIANS_OWN;
const INSTALL_LIMIT_MS = 10 * 60_000;

/** Nothing but the page that is asked for: no update, no telemetry, no first-run page. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser whose profile is new, and gone again once it is closed. */
export async function openBrowser(
  options: Pick<BrowserContextOptions, 'colorScheme' | 'reducedMotion' | 'viewport'> = {},
): Promise<BrowserContext> {
  await installChromium();
  const profile = await mkdtemp(join(tmpdir(), 'vsgb-chromium-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    args: FLAGS,
    ...options,
  });
  const close = browser.close.bind(browser);
  return Object.assign(browser, {
    close: async (): Promise<void> => {
      await close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  });
}

export async function installChromium(): Promise<void> {
  if (await isThere(EXECUTABLE)) return;
  if (EXECUTABLE !== DEBIANS_OWN || process.getuid?.() !== 0 || !(await isDebian())) {
    throw new Error(
      `these tests need a browser, and there is none at ${EXECUTABLE}: install the package chromium, ` +
        'or set the variable CHROMIUM to the path of one',
    );
  }
  await withBuildLock(
    join(tmpdir(), 'vsgb-chromium.lock'),
    () => undefined,
    async () => {
      // Another run may have brought it while this one waited.
      if (await isThere(EXECUTABLE)) return;
      // An index that it can't fetch is a warning to it: the package is then unknown, and that alone tells little.
      const warnings = await aptGet([], 'update');
      await aptGet(warnings, 'install', '-y', '--no-install-recommends', 'chromium');
    },
  );
}

/** Returns what it warned of; rejects with that, what was warned of before, and why it failed. */
async function aptGet(before: readonly string[], ...args: readonly string[]): Promise<readonly string[]> {
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
    throw new Error(
      `chromium, which these tests need, could not be installed by apt-get ${args[0]}: ${reason}`,
      { cause: error },
    );
  }
}

async function isDebian(): Promise<boolean> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID=debian$/m.test(release);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
