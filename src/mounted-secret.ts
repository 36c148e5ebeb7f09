import { realpath } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The folder that currently holds the files of a mounted Secret. The kubelet publishes all files at once by swapping the link `..data`, so
 * all files read from the returned folder are of one version. A folder without `..data` is returned as it is.
 */
export function publishedFolder(dir: string): Promise<string> {
  return realpath(join(dir, '..data')).catch(() => dir);
}
