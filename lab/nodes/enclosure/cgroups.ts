import { mkdirSync, readFileSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the machine's cgroup hierarchies are mounted: one per controller in version 1, a single one in version 2. */
export function cgroupHierarchies(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').trimEnd().split('\n');
  return mounts.flatMap((mount) => {
    const [, path, type] = mount.split(' ');
    return path !== undefined && (type === 'cgroup' || type === 'cgroup2') ? [path] : [];
  });
}

/** Creates the cgroup, a path from the root, in every hierarchy. */
export function makeCgroup(path: string): void {
  for (const hierarchy of cgroupHierarchies()) mkdirSync(join(hierarchy, path), { recursive: true });
}

/** Removes the cgroup and everything below it, if it exists. Rejects while a process is in it. */
export async function removeCgroup(path: string): Promise<void> {
  await Promise.all(cgroupHierarchies().map((hierarchy) => removeTree(join(hierarchy, path))));
}

/** Removes folders only: the files of a cgroup go with its folder, and cannot be removed on their own. */
async function removeTree(folder: string): Promise<void> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) await removeTree(join(folder, entry.name));
    }
    await rmdir(folder);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Does not check for Error: under jest, file system errors come from another realm. */
function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
