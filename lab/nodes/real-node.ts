import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { tailOf } from '../control-plane/process/running-component.ts';
import { isStopped, type SupervisedProcess } from '../control-plane/process/supervised-process.ts';
import { waitUntil } from '../time/wait-until.ts';
import { makeCgroup, removeCgroup } from './enclosure/cgroups.ts';
import { onlyChildOf } from './machine/child.ts';
import {
  CNI_FILE,
  CONTAINERD_SOCKET,
  cniConfiguration,
  containerdConfiguration,
  kubeletConfiguration,
  SYSTEM_BUS,
} from './machine/configuration.ts';
import { Machine, type MachineOptions } from './machine/machine.ts';
import type { NodePrograms } from './programs/programs.ts';

export interface RealNodeOptions extends MachineOptions {
  readonly programs: NodePrograms;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The address range of the pods of all nodes. */
  readonly clusterRange: string;
  readonly cgroup: string;
  readonly maxContainerRestartPeriod: string | undefined;
  /** Has the rights of a kubelet and of kube-proxy, and the API server's address for nodes. */
  readonly kubeconfig: string;
}

type ProcessName = 'containerd' | 'logind' | 'kubelet' | 'kube-proxy';

const CONTAINERD_CONFIGURATION = '/run/containerd/config.toml';
const KUBELET_CONFIGURATION = '/run/kubelet/config.yaml';
const CONTAINERD_WITHIN_MS = 30_000;
const SHUT_DOWN_WITHIN_MS = 90_000;

/** A machine of the enclosure with containerd, kubelet and kube-proxy. Created by startRealNodes. */
export class RealNode {
  readonly name: string;
  /** Its InternalIP, reachable from the enclosure and from pods; serves the node ports. */
  readonly address: string;
  /** Its pods have addresses of this range, reachable from the enclosure. */
  readonly podRange: string;
  /** As Alibaba Cloud's own controller sets it: "cn-hangzhou.i-NAME". */
  readonly providerId: string;
  readonly #options: RealNodeOptions;
  readonly #processes = new Map<ProcessName, SupervisedProcess>();
  #machine: Machine | undefined;

  constructor(options: RealNodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.address = options.address;
    this.podRange = options.podRange;
    this.providerId = `${options.region}.i-${options.name}`;
  }

  /** Switches the machine on; its kubelet registers the node. Disks are empty, whatever the machine wrote before. */
  async powerOn(): Promise<void> {
    if (this.#machine !== undefined) throw new Error(`${this.name} is on`);
    const { cgroup } = this.#options;
    makeCgroup(cgroup);
    this.#machine = await Machine.start(this.#options);
    await this.#startLogind();
    await this.#startContainerd();
    await Promise.all([this.startKubelet(), this.#startKubeProxy()]);
  }

  /** Cuts the power: kubelet and pods vanish without notice, and the network with them. */
  async powerOff(): Promise<void> {
    if (this.#machine === undefined) return;
    await this.#machine.powerOff();
    this.#machine = undefined;
    this.#processes.clear();
    const removed = async () => {
      await removeCgroup(this.#options.cgroup);
      return true;
    };
    await waitUntil(`the cgroup of ${this.name} to be empty`, removed);
  }

  /**
   * Shuts the machine down as systemd does: the kubelet is notified, reports NotReady and ends the pods, critical ones last, each
   * within its grace period (at most 50 s, and 10 s for critical pods); then the power goes.
   */
  async shutDown(): Promise<void> {
    const logind = this.#process('logind');
    // Not sent through its supervisor: nsenter, which runs in between, would itself take the signal and end.
    process.kill(await onlyChildOf(logind.pid), 'SIGTERM');
    const hasEnded = () => logind.status !== undefined;
    await waitUntil(`${this.name} to end its pods`, hasEnded, { timeoutMs: SHUT_DOWN_WITHIN_MS });
    await this.powerOff();
  }

  async startKubelet(): Promise<void> {
    const { programs, kubeconfig, region, labels } = this.#options;
    const all = {
      'topology.kubernetes.io/region': region,
      'topology.kubernetes.io/zone': `${region}-a`,
      ...labels,
    };
    this.#on().writeFile(
      KUBELET_CONFIGURATION,
      kubeletConfiguration({ ...this.#options, providerId: this.providerId }),
    );
    await this.#start('kubelet', [
      ...[programs.kubernetesNode, 'kubelet', '--v=2'],
      `--config=${KUBELET_CONFIGURATION}`,
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${this.name}`,
      `--node-ip=${this.address}`,
      `--node-labels=${Object.entries(all)
        .map(([name, value]) => `${name}=${value}`)
        .join(',')}`,
    ]);
  }

  /** Uses SIGKILL. The pods go on running. */
  async killKubelet(): Promise<void> {
    await this.#process('kubelet').stop('SIGKILL', 0);
    this.#processes.delete('kubelet');
  }

  /** The kubelet keeps its connections open but does nothing until thawKubelet. The pods go on running. */
  async freezeKubelet(): Promise<void> {
    const kubelet = this.#process('kubelet');
    const pid = await onlyChildOf(kubelet.pid);
    await kubelet.pause();
    await waitUntil(`the kubelet of ${this.name} to stand still`, () => isStopped(pid), { intervalMs: 1 });
  }

  thawKubelet(): void {
    this.#process('kubelet').signal('SIGCONT');
  }

  /** Everything that the node or its pods send or are sent is lost. Processes go on running. */
  async cutNetwork(): Promise<void> {
    await this.#on().cutNetwork();
  }

  async restoreNetwork(): Promise<void> {
    await this.#on().restoreNetwork();
  }

  /** Runs a program on the node until it ends, and returns its output. */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    return await this.#on().run(program, ...args);
  }

  /** The last lines of each of the node's logs. */
  logs(lines = 40): string {
    const names = ['machine', 'logind', 'containerd', 'kubelet', 'kube-proxy'];
    return names
      .map((name) => `${this.name}: ${name}\n${tailOf(join(this.#options.logs, `${name}.log`), lines)}`)
      .join('\n');
  }

  async #startLogind(): Promise<void> {
    await this.#start('logind', [this.#options.programs.logind, SYSTEM_BUS]);
    await this.#untilListening('logind', SYSTEM_BUS);
  }

  async #startContainerd(): Promise<void> {
    const { programs } = this.#options;
    const machine = this.#on();
    machine.writeFile(CONTAINERD_CONFIGURATION, containerdConfiguration(programs));
    machine.writeFile(CNI_FILE, cniConfiguration({ ...this.#options, providerId: this.providerId }));
    const containerd = join(programs.containerdFolder, 'containerd');
    await this.#start('containerd', [containerd, '--config', CONTAINERD_CONFIGURATION], {
      // containerd looks up its shim there.
      PATH: `${programs.containerdFolder}:${process.env['PATH']}`,
    });
    await this.#untilListening('containerd', CONTAINERD_SOCKET);
    await machine.run(
      join(programs.containerdFolder, 'ctr'),
      ...['--namespace', 'k8s.io', 'images', 'import', programs.images],
    );
  }

  async #startKubeProxy(): Promise<void> {
    const { programs, kubeconfig, clusterRange } = this.#options;
    await this.#start('kube-proxy', [
      ...[programs.kubernetesNode, 'kube-proxy'],
      '--proxy-mode=nftables',
      `--kubeconfig=${kubeconfig}`,
      `--hostname-override=${this.name}`,
      `--cluster-cidr=${clusterRange}`,
      // These limits would apply to the whole computer.
      '--conntrack-max-per-core=0',
      '--conntrack-min=0',
    ]);
  }

  async #start(
    name: ProcessName,
    command: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<void> {
    if (this.#processes.get(name)?.status === undefined && this.#processes.has(name))
      throw new Error(`${name} of ${this.name} is running already`);
    const started = await this.#on().startProcess({ name, command, ...(env !== undefined && { env }) });
    this.#processes.set(name, started);
  }

  async #untilListening(name: ProcessName, socket: string): Promise<void> {
    const listens = () => {
      const { status } = this.#process(name);
      if (status !== undefined) throw new Error(`it ended with status ${status}:\n${this.logs(15)}`);
      return existsSync(this.#on().path(socket));
    };
    const what = `${name} of ${this.name} to listen on ${socket}`;
    await waitUntil(what, listens, { timeoutMs: CONTAINERD_WITHIN_MS });
  }

  #on(): Machine {
    if (this.#machine === undefined) throw new Error(`${this.name} is off`);
    return this.#machine;
  }

  #process(name: ProcessName): SupervisedProcess {
    const process = this.#processes.get(name);
    if (process === undefined) throw new Error(`${name} of ${this.name} is not running`);
    return process;
  }
}
