import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { withBuildLock } from '../control-plane/build-lock.ts';

const EXECUTABLE = '/usr/bin/chromium';
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
  if (process.getuid?.() !== 0 || !(await isDebian())) {
    throw new Error(`these tests need a browser at ${EXECUTABLE}: install the package chromium`);
  }
  await withBuildLock(
    join(tmpdir(), 'vsgb-chromium.lock'),
    () => undefined,
    async () => {
      // Another run may have brought it while this one waited.
      if (await isThere(EXECUTABLE)) return;
      await aptGet('update');
      await aptGet('install', '-y', '--no-install-recommends', 'chromium');
    },
  );
}

async function aptGet(...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeout: INSTALL_LIMIT_MS,
      maxBuffer: 1 << 26,
    });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const reason = stderr.trim().split('\n').slice(-3).join('; ');
    throw new Error(
      `chromium, which these tests need, could not be installed by apt-get ${args[0]}: ${reason}`,
      {
        cause: error,
      },
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
