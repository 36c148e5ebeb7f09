import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../../time/wait-until.ts';
import { cgroupHierarchies, removeCgroup } from './cgroups.ts';

/**
 * What an enclosure leaves that the kernel does not take away with its processes. The name says whose it is: the
 * namespace of process ids, the id and the start time of the process that made it, and how many it had made before.
 */
export interface Traces {
  readonly name: string;
  /** Path from the root of every hierarchy. */
  readonly cgroup: string;
  /** Seen alike from the inside and the outside. */
  readonly folder: string;
}

const NAME = /^vsgb-(\d+)-(\d+)-(\d+)-\d+$/;
const GONE_WITHIN_MS = 30_000;

let made = 0;

export function newTraces(): Traces {
  return tracesOf(`vsgb-${pidNamespace()}-${process.pid}-${startTime(process.pid)}-${made++}`);
}

/** Of an enclosure made here; one within another has its cgroup within the other's, and goes with it at the latest. */
export function tracesOf(name: string): Traces {
  return { name, cgroup: join(outerCgroup(), name), folder: join(tmpdir(), name) };
}

/** Waits for the last processes to be gone. */
export async function removeTraces({ cgroup, folder }: Traces): Promise<void> {
  const removed = async () => {
    await removeCgroup(cgroup);
    await rm(folder, { recursive: true, force: true });
    return true;
  };
  await waitUntil(`${cgroup} and ${folder} to be removed`, removed, { timeoutMs: GONE_WITHIN_MS });
}

/** Removes the traces whose owner is dead: it and its janitor were both killed. */
export async function removeLeftovers(): Promise<void> {
  const folders = [tmpdir(), ...cgroupHierarchies().map((hierarchy) => join(hierarchy, outerCgroup()))];
  const names = new Set(
    folders.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder)),
  );
  await Promise.all([...names].filter(isLeftOver).map((name) => removeTraces(tracesOf(name))));
}

function isLeftOver(name: string): boolean {
  const [, namespace, pid, started] = NAME.exec(name) ?? [];
  // Whether a process of another namespace lives cannot be seen from here.
  return namespace === pidNamespace() && startTime(Number(pid)) !== started;
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
}

/** Clock ticks since boot; with the id it names one process for good. The 20th field after the name, which may hold spaces and parentheses: proc_pid_stat(5). */
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
