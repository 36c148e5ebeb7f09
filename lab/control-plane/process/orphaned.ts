import { readFileSync } from 'node:fs';

/**
 * Returns when the npm that runs us is gone; stops looking once `given` is aborted. A killed npm cannot notify us, so we poll
 * whether it is still there: it is our parent, or the parent of our shell. If we were started without npm we stay, because a script
 * that put us into the background may end.
 */
export async function orphaned(given?: AbortSignal): Promise<void> {
  const parent = process.ppid;
  const grandparent = parentOf(parent);
  await new Promise<void>((resolve) => {
    if (process.env['npm_lifecycle_event'] === undefined) return;
    const timer = setInterval(() => {
      if (process.ppid !== parent || parentOf(parent) !== grandparent) resolve();
    }, 1_000);
    given?.addEventListener('abort', () => clearInterval(timer));
  });
}

/** Works on Linux only. */
function parentOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^PPid:\t(\d+)$/m)?.[1];
  } catch {
    return undefined;
  }
}
