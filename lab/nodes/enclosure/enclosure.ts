import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  COMPONENTS,
  locateBinaries,
  type Progress,
  toStandardError,
} from '../../control-plane/build/build.ts';
import { SupervisedProcess } from '../../control-plane/process/supervised-process.ts';
import { onlyChildOf } from '../machine/child.ts';
import { locateNodePrograms } from '../programs/programs.ts';
import { makeCgroup } from './cgroups.ts';
import { ensureNeeds } from './needs.ts';
import { newTraces, removeLeftovers, removeTraces, type Traces } from './traces.ts';

/** The enclosure's own address on the bridge to which nodes are attached. */
export const ENCLOSURE_ADDRESS = '10.20.0.1';
export const ADDRESS_BITS = 16;
export const BRIDGE = 'nodes';

/** Fixed: otherwise the bridge takes the address of a cable, and another when that cable goes, and nodes lose their cached neighbour. */
const BRIDGE_MAC = '02:00:0a:14:00:01';

export interface EnclosureOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly onProgress?: Progress;
}

/** Options of unshare: the namespaces that the enclosure has of its own. */
const NAMESPACES = ['--net', '--mount', '--pid', '--ipc', '--fork', '--mount-proc', '--kill-child=SIGKILL'];

/** The shell stays as the first process of its namespace and adopts orphans. */
const INSIDE = `
set -e
mount -t tmpfs -o mode=1777 tmpfs "$TMPDIR"
ip link set lo up
ip link add ${BRIDGE} address ${BRIDGE_MAC} type bridge
ip address add ${ENCLOSURE_ADDRESS}/${ADDRESS_BITS} dev ${BRIDGE}
ip link set ${BRIDGE} up
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects
status=0
"$@" || status=$?
exit $status
`;

const PATIENCE_MS = 10_000;

/**
 * A command in a world of its own: network (loopback and the bridge for nodes; no way out), processes, mounts and temporary folder.
 * It sees the machine's files under the same paths. When the command ends, or the process that started it, however that ends, all
 * processes left inside are killed, and nothing of the enclosure remains.
 */
export class Enclosure {
  /** Settles with the command's exit status, once all traces are removed. */
  readonly exited: Promise<number>;
  /** Same path inside and outside; removed at the end. For Unix sockets between the two. */
  readonly folder: string;
  /** For `nsenter --target`: the first process of the enclosure's namespaces, as seen from outside. */
  readonly pid: number;
  readonly #process: SupervisedProcess;

  private constructor(process: SupervisedProcess, pid: number, janitor: ChildProcess, traces: Traces) {
    this.#process = process;
    this.pid = pid;
    this.folder = traces.folder;
    this.exited = process.exited.then(async (status) => {
      janitor.stdin?.end();
      await once(janitor, 'exit');
      // The janitor was killed or ran out of time: this error says why.
      await removeTraces(traces);
      return status;
    });
  }

  /**
   * Builds what is missing first, because nothing can be fetched inside. Rejects with RealNodesNeed if the machine lacks something.
   * The command's output goes to standard error.
   */
  static async start(command: readonly string[], options: EnclosureOptions = {}): Promise<Enclosure> {
    const onProgress = options.onProgress ?? toStandardError;
    await ensureNeeds();
    const { supervise } = await locateBinaries(COMPONENTS, onProgress);
    await locateNodePrograms(onProgress);
    await removeLeftovers();

    const traces = newTraces();
    const janitor = spawn(process.execPath, [join(import.meta.dirname, 'janitor.ts'), traces.name], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const temporary = join(traces.folder, 'tmp');
    await mkdir(temporary, { recursive: true });
    makeCgroup(traces.cgroup);
    const started = await SupervisedProcess.start({
      supervise,
      command: ['unshare', ...NAMESPACES, 'sh', '-c', INSIDE, 'enclosure', ...command],
      env: {
        ...options.env,
        TMPDIR: temporary,
        ENCLOSURE_CGROUP: traces.cgroup,
        ENCLOSURE_FOLDER: traces.folder,
      },
    });
    return new Enclosure(started, await onlyChildOf(started.pid), janitor, traces);
  }

  /** Asks the command to end; after 10 s, kills it and everything inside. Returns once all is gone. */
  async stop(): Promise<void> {
    await this.#process.stop('SIGTERM', PATIENCE_MS);
    await this.exited;
  }
}

/** Whether this process is inside an enclosure. */
export function isEnclosed(): boolean {
  return process.env['ENCLOSURE_FOLDER'] !== undefined;
}

/** This enclosure's cgroup; call inside only. */
export function enclosureCgroup(): string {
  return told('ENCLOSURE_CGROUP');
}

/** See Enclosure.folder; call inside only. */
export function enclosureFolder(): string {
  return told('ENCLOSURE_FOLDER');
}

function told(variable: string): string {
  const value = process.env[variable];
  if (value === undefined)
    throw new Error('real nodes run inside an enclosure only: node lab/nodes/enclosed.ts -- COMMAND');
  return value;
}
