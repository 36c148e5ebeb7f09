import { readFileSync } from 'node:fs';

/**
 * Returns when the npm that runs us is gone; looks no longer once `given` is aborted. A killed npm cannot tell us, so we
 * look whether it is still there: it is our parent, or the parent of the shell that is. Started without npm we stay: a
 * script that has put us into the background may end.
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

/** Known on Linux only. */
function parentOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^PPid:\t(\d+)$/m)?.[1];
  } catch {
    return undefined;
  }
}
