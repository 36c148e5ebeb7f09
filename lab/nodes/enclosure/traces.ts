import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../../time/wait-until.ts';
import { cgroupHierarchies, removeCgroup } from './cgroups.ts';

/**
 * What an enclosure leaves behind that the kernel does not remove with its processes. The name identifies the owner: its PID
 * namespace, its PID and start time, and how many enclosures it had made before.
 */
export interface Traces {
  readonly name: string;
  /** Path from the root of each hierarchy. */
  readonly cgroup: string;
  /** Same path inside and outside. */
  readonly folder: string;
}

const NAME = /^vsgb-(\d+)-(\d+)-(\d+)-\d+$/;
const GONE_WITHIN_MS = 30_000;

let made = 0;

export function newTraces(): Traces {
  return tracesOf(`vsgb-${pidNamespace()}-${process.pid}-${startTime(process.pid)}-${made++}`);
}

/** The traces of an enclosure made here. A nested enclosure's cgroup lies within the outer one's, and is removed with it at the latest. */
export function tracesOf(name: string): Traces {
  return { name, cgroup: join(outerCgroup(), name), folder: join(tmpdir(), name) };
}

/** Retries until the last processes are gone. */
export async function removeTraces({ cgroup, folder }: Traces): Promise<void> {
  const removed = async () => {
    await removeCgroup(cgroup);
    await rm(folder, { recursive: true, force: true });
    return true;
  };
  await waitUntil(`${cgroup} and ${folder} to be removed`, removed, { timeoutMs: GONE_WITHIN_MS });
}

/** Removes traces whose owner is dead, that is, whose owner and janitor were both killed. */
export async function removeLeftovers(): Promise<void> {
  const folders = [tmpdir(), ...cgroupHierarchies().map((hierarchy) => join(hierarchy, outerCgroup()))];
  const names = new Set(
    folders.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder)),
  );
  await Promise.all([...names].filter(isLeftOver).map((name) => removeTraces(tracesOf(name))));
}

function isLeftOver(name: string): boolean {
  const [, namespace, pid, started] = NAME.exec(name) ?? [];
  // From here nobody can tell whether a process of another namespace is alive.
  return namespace === pidNamespace() && startTime(Number(pid)) !== started;
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
}

/**
 * Clock ticks since boot; together with the pid it identifies one process for good. It is the 20th field after the name, which may
 * contain spaces and parentheses: proc_pid_stat(5).
 */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function outerCgroup(): string {
  return process.env['ENCLOSURE_CGROUP'] ?? '/';
}
