import { realpath } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Where the files of a mounted Secret are now. The kubelet swaps the link `..data` to publish all of them at once: what is
 * read from here is of one version. A folder of another kind is its own.
 */
export function publishedFolder(dir: string): Promise<string> {
  return realpath(join(dir, '..data')).catch(() => dir);
}
