import { type FileHandle, open, readFile, stat, unlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const HEARTBEAT_MS = 5_000;
const STALE_AFTER_MS = 60_000;
const RETRY_MS = 500;

/**
 * Runs `work` while holding the lock file at `path`, so that two runs do not do the same long build at once.
 *
 * The file holds the owner's pid and is touched while the work goes on. A lock whose owner is dead, or that has not
 * been touched for a minute (its owner ran on another machine or under another pid namespace), is taken over. Two
 * runs may take over the same stale lock at the same instant: they then build twice, which costs time and nothing
 * else, because a build becomes visible by one atomic rename.
 */
export async function withBuildLock<T>(
  path: string,
  onWait: (owner: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const file = await acquire(path, onWait);
  const heartbeat = setInterval(() => {
    const now = new Date();
    // A lock taken over or a full disk must not fail the build it guards.
    file.utimes(now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await file.close();
    if ((await ownerOf(path)) === String(process.pid)) await remove(path);
  }
}

async function acquire(path: string, onWait: (owner: string) => void): Promise<FileHandle> {
  for (let waited = false; ; ) {
    const file = await create(path);
    if (file) return file;
    if (await isStale(path)) {
      await remove(path);
      continue;
    }
    if (!waited) onWait((await ownerOf(path)) ?? 'unknown');
    waited = true;
    await delay(RETRY_MS);
  }
}

async function create(path: string): Promise<FileHandle | undefined> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(String(process.pid));
    return file;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > STALE_AFTER_MS) return true;
    const owner = await ownerOf(path);
    // An empty file is a lock in the making: its owner has yet to write the pid.
    return owner !== undefined && owner !== '' && !isAlive(Number(owner));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

async function ownerOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Does not check for Error: under jest, file system errors come from another realm. */
function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
