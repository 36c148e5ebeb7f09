import { readFileSync } from 'node:fs';
import { waitUntil } from '../../time/wait-until.ts';

/** The child of a process with exactly one, such as unshare and nsenter; waits for it to appear. */
export async function onlyChildOf(pid: number): Promise<number> {
  const child = () => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
  return await waitUntil(`process ${pid} to have a child`, child, { intervalMs: 5 });
}
