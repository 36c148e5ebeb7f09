import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SupervisedProcess } from '../../control-plane/process/supervised-process.ts';
import { waitUntil } from '../../time/wait-until.ts';
import { ADDRESS_BITS, BRIDGE, ENCLOSURE_ADDRESS } from '../enclosure/enclosure.ts';
import { onlyChildOf } from './child.ts';
import { run } from './run.ts';

export interface MachineOptions {
  readonly name: string;
  readonly address: string;
  /** The enclosure routes these addresses to this machine. */
  readonly podRange: string;
  /** The interface on the enclosure's side; at most 15 characters. */
  readonly cable: string;
  readonly supervise: string;
  /** Folder for logs. */
  readonly logs: string;
}

export interface MachineProcess {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const NAMESPACES = ['--net', '--mount', '--pid', '--ipc', '--uts'];

/** Stays to adopt orphans. "sleep" is not the last command, so the shell is not replaced by it. */
const FIRST_PROCESS = 'sleep infinity; exit 0';

/**
 * Kernel settings, which apply to the whole computer. The kubelet changes them unless they have these values, so it is shown files
 * with these values: https://github.com/kubernetes/component-helpers/blob/master/node/util/sysctl/sysctl.go
 */
const SETTINGS = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
};

/** The machine has its own copy of the folders whose paths node programs require. */
const SET_UP = `
set -e
echo "$1" > /proc/sys/kernel/hostname
for folder in /run /var/lib /var/log; do mount -t tmpfs tmpfs $folder; done
pretend() {
  mkdir -p "$(dirname "/run/settings/$1")"
  echo "$2" > "/run/settings/$1"
  mount --bind "/run/settings/$1" "/proc/sys/$1"
}
${Object.entries(SETTINGS)
  .map(([setting, value]) => `pretend ${setting} ${value}`)
  .join('\n')}
ip link set lo up
ip address add "$2/${ADDRESS_BITS}" dev eth0
ip link set eth0 up
ip route add default via ${ENCLOSURE_ADDRESS}
echo 1 > /proc/sys/net/ipv4/ip_forward
`;

/**
 * A computer, as far as a kubelet can see: it has its own network, processes, mounts and name, and is attached to the enclosure's
 * bridge. Its files are the real machine's, except /run, /var/lib and /var/log, which start empty and are kept in memory.
 */
export class Machine {
  readonly options: MachineOptions;
  readonly #shell: SupervisedProcess;
  /** The machine's first process. */
  readonly #pid: number;

  private constructor(options: MachineOptions, shell: SupervisedProcess, pid: number) {
    this.options = options;
    this.#shell = shell;
    this.#pid = pid;
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const { name, address, podRange, cable, supervise, logs } = options;
    const shell = await SupervisedProcess.start({
      supervise,
      command: [
        ...['unshare', ...NAMESPACES, '--fork', '--mount-proc', '--kill-child=SIGKILL'],
        ...['sh', '-c', FIRST_PROCESS],
      ],
      logFile: join(logs, 'machine.log'),
    });
    try {
      const pid = await onlyChildOf(shell.pid);
      const machine = new Machine(options, shell, pid);
      await machine.#untilItsShellRuns();
      await run('ip', 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
      await run('ip', 'link', 'set', cable, 'master', BRIDGE, 'up');
      await machine.run('sh', '-c', SET_UP, 'set-up', name, address);
      await run('ip', 'route', 'replace', podRange, 'via', address);
      return machine;
    } catch (error) {
      await shell.stop('SIGKILL', 0);
      throw error;
    }
  }

  /** Runs a program in the machine until it ends. */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    return await run('nsenter', ...this.#entering(), program, ...args);
  }

  async startProcess({ name, command, env }: MachineProcess): Promise<SupervisedProcess> {
    const { supervise, logs } = this.options;
    return await SupervisedProcess.start({
      supervise,
      command: ['nsenter', ...this.#entering(), ...command],
      logFile: join(logs, `${name}.log`),
      ...(env !== undefined && { env }),
    });
  }

  /** The path by which a file of the machine is reached from outside. */
  path(file: string): string {
    return join(`/proc/${this.#pid}/root`, file);
  }

  writeFile(file: string, text: string): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }

  /** Pulls the cable: everything that the machine sends or is sent is lost. */
  async cutNetwork(): Promise<void> {
    await run('ip', 'link', 'set', this.options.cable, 'down');
  }

  async restoreNetwork(): Promise<void> {
    await run('ip', 'link', 'set', this.options.cable, 'up');
  }

  /** Cuts the power: everything that runs in the machine is gone at once, with everything it had in memory. */
  async powerOff(): Promise<void> {
    const { cable, podRange } = this.options;
    // Comes first: the kernel keeps a network namespace, and with it the cable, while a connection has data to send.
    await run('ip', 'link', 'delete', cable);
    await this.#shell.stop('SIGKILL', 0);
    await run('ip', 'route', 'delete', podRange);
  }

  /** Until the shell runs, unshare has not given it /proc. */
  async #untilItsShellRuns(): Promise<void> {
    const runs = () => readFileSync(`/proc/${this.#pid}/cmdline`, 'utf8').includes(FIRST_PROCESS);
    await waitUntil('the first process of the machine', runs, { intervalMs: 5 });
  }

  #entering(): readonly string[] {
    return ['--target', String(this.#pid), ...NAMESPACES];
  }
}
