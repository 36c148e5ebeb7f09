import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { canInstallPackages, installPackages } from '../../../lab/control-plane/build/debian-packages.ts';

const DEBIANS_OWN = '/usr/bin/chromium';
const EXECUTABLE = process.env['CHROMIUM'] || DEBIANS_OWN;

/** Requests nothing but the page itself: no updates, no telemetry, no first-run page. */
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

/** A browser with a new profile, which is deleted when the browser is closed. */
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
  if (EXECUTABLE !== DEBIANS_OWN || !(await canInstallPackages())) {
    throw new Error(
      `these tests need a browser, and there is none at ${EXECUTABLE}: install the package chromium, ` +
        'or set the variable CHROMIUM to the path of one',
    );
  }
  await installPackages({
    packages: ['chromium'],
    neededBy: 'these tests',
    isThere: () => isThere(EXECUTABLE),
  });
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
