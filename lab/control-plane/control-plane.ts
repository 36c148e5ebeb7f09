import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { waitUntil } from '../time/wait-until.ts';
import { KubeApi } from './api/kube-api.ts';
import { writeKubeconfig } from './api/kubeconfig.ts';
import {
  type Binaries,
  COMPONENTS,
  type ComponentName,
  locateBinaries,
  type Progress,
} from './build/build.ts';
import { apiServerUrl, describeComponent, type Layout } from './components.ts';
import { uniquePodAddresses } from './pod-addresses.ts';
import { podGatesOfOthers } from './pod-gates.ts';
import { freePorts } from './process/free-port.ts';
import { launch, tailOf } from './process/running-component.ts';
import type { SupervisedProcess, SupervisedSignal } from './process/supervised-process.ts';

export interface ControlPlaneOptions {
  /** State folder, kept when the control plane stops and reused as is. Default: a temporary folder, removed at stop. */
  readonly dir?: string;
  readonly controllerManager?: boolean;
  readonly scheduler?: boolean;
  readonly kwok?: boolean;
  /** `recycled` (default): kwok's own behaviour. `unique`: see uniquePodAddresses. */
  readonly podAddresses?: 'recycled' | 'unique';
  /**
   * The API server listens on all addresses, and nodes and pods reach it at this address of this machine. Default: it listens on
   * 127.0.0.1 only.
   */
  readonly advertiseAddress?: string;
  /** Default: a free port. */
  readonly apiServerPort?: number;
  readonly onProgress?: Progress;
  readonly apiServerFlags?: readonly string[];
  readonly controllerManagerFlags?: readonly string[];
}

const TOKEN_LIFETIME_SECONDS = 7 * 24 * 3600;
// On SIGTERM the API server stops listening at once, then waits up to a minute for open watches to end.
const PATIENCE_MS = 2_000;

/**
 * Starts a Kubernetes control plane on 127.0.0.1, in about 5 s (10 s on a busy machine) once the programs are built.
 * It ends with this process, however that ends; many may run side by side.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const wanted = COMPONENTS.filter((name) => isWanted(name, options));
  const binaries = await locateBinaries(wanted, options.onProgress);
  const layout = await prepareLayout(options, binaries);
  const plane = new ControlPlane(layout, binaries, options.dir === undefined);
  try {
    await plane.start(wanted, options.onProgress ?? (() => undefined));
    return plane;
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

function isWanted(name: ComponentName, options: ControlPlaneOptions): boolean {
  if (name === 'kube-controller-manager') return options.controllerManager ?? true;
  if (name === 'kube-scheduler') return options.scheduler ?? true;
  if (name === 'kwok') return options.kwok ?? true;
  return true;
}

async function prepareLayout(options: ControlPlaneOptions, { stages }: Binaries): Promise<Layout> {
  const dir = await stateFolder(options.dir);
  const [etcd, peer, apiServer, controllerManager, scheduler, kwok] = await freePorts(6);
  return {
    dir,
    kubeconfig: join(dir, 'kubeconfig'),
    // The certificate is kept in a folder that is reused, and is valid for one address only.
    caFile: join(dir, 'kube-apiserver', options.advertiseAddress ?? '', 'apiserver.crt'),
    advertiseAddress: options.advertiseAddress,
    tokenFile: join(dir, 'tokens.csv'),
    serviceAccountKey: join(dir, 'service-account.key'),
    // The stages exist only if kwok runs.
    stages: isWanted('kwok', options) ? await adapted(stages, options, dir) : stages,
    ports: {
      etcd: etcd!,
      'etcd-peer': peer!,
      'kube-apiserver': options.apiServerPort ?? apiServer!,
      'kube-controller-manager': controllerManager!,
      'kube-scheduler': scheduler!,
      kwok: kwok!,
    },
    extraFlags: {
      'kube-apiserver': options.apiServerFlags ?? [],
      'kube-controller-manager': options.controllerManagerFlags ?? [],
    },
  };
}

async function adapted(stages: string, { podAddresses }: ControlPlaneOptions, dir: string): Promise<string> {
  const file = join(dir, 'stages.yaml');
  const gated = podGatesOfOthers(await readFile(stages, 'utf8'));
  await writeFile(file, podAddresses === 'unique' ? uniquePodAddresses(gated) : gated);
  return file;
}

async function stateFolder(dir: string | undefined): Promise<string> {
  if (dir === undefined) return await mkdtemp(join(tmpdir(), 'control-plane-'));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return resolve(dir);
}

export class ControlPlane {
  readonly dir: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly server: string;
  /** The API server's URL for other hosts; same as `server` if it has no address for them. */
  readonly advertisedServer: string;
  readonly caFile: string;
  readonly adminToken = randomBytes(24).toString('base64url');
  readonly #layout: Layout;
  readonly #binaries: Binaries;
  readonly #isTemporary: boolean;
  readonly #running = new Map<ComponentName, SupervisedProcess>();

  /** Use startControlPlane. */
  constructor(layout: Layout, binaries: Binaries, isTemporary: boolean) {
    this.#layout = layout;
    this.#binaries = binaries;
    this.#isTemporary = isTemporary;
    this.dir = layout.dir;
    this.kubeconfig = layout.kubeconfig;
    this.caFile = layout.caFile;
    this.server = apiServerUrl(layout);
    const { advertiseAddress, ports } = layout;
    this.advertisedServer =
      advertiseAddress === undefined ? this.server : `https://${advertiseAddress}:${ports['kube-apiserver']}`;
  }

  /** Use startControlPlane. */
  async start(components: readonly ComponentName[], onProgress: Progress): Promise<void> {
    // In a reused folder, an old kubeconfig would point at a server that is gone.
    await rm(this.kubeconfig, { force: true });
    await mkdir(join(this.dir, 'logs'), { recursive: true });
    const start = async (name: ComponentName) => {
      const began = performance.now();
      await this.startComponent(name);
      onProgress(`${name} is ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    };
    await start('etcd');
    await this.#writeCredentials();
    await start('kube-apiserver');
    const { server, caFile, adminToken } = this;
    await writeKubeconfig(this.kubeconfig, { server, caFile, user: 'admin', token: adminToken });
    const clients = components.filter((name) => name !== 'etcd' && name !== 'kube-apiserver');
    await Promise.all(clients.map(start));
    await this.#untilUsable(clients.includes('kube-controller-manager'));
  }

  /** Processes that run now, by component. */
  get pids(): ReadonlyMap<ComponentName, number> {
    return new Map([...this.#running].map(([name, process]) => [name, process.pid]));
  }

  /** Starts a stopped component on the same port, and returns once it is ready. */
  async startComponent(name: ComponentName): Promise<void> {
    const running = this.#running.get(name);
    if (running !== undefined && running.status === undefined) throw new Error(`${name} is running already`);
    const command = this.#binaries.commands.get(name);
    if (command === undefined) throw new Error(`${name} was left out when this control plane was started`);
    const process = await launch({
      name,
      command,
      component: describeComponent(name, this.#layout),
      supervise: this.#binaries.supervise,
      logFile: this.#logFile(name),
      scratch: this.#isTemporary ? this.dir : undefined,
      env: { KWOK_WORKDIR: join(this.dir, 'kwok') },
    });
    this.#running.set(name, process);
  }

  /** Returns once the component is gone; kills it if it is still there 2 s after the signal. */
  async stopComponent(name: ComponentName, signal: SupervisedSignal = 'SIGTERM'): Promise<void> {
    await this.#process(name).stop(signal, PATIENCE_MS);
    this.#running.delete(name);
  }

  async restart(name: ComponentName): Promise<void> {
    await this.stopComponent(name);
    await this.startComponent(name);
  }

  /** Freezes the component: its connections stay open, but it does not answer. */
  async pause(name: ComponentName): Promise<void> {
    await this.#process(name).pause();
  }

  resume(name: ComponentName): void {
    this.#process(name).signal('SIGCONT');
  }

  /** Makes etcd forget every version but the newest. */
  async compactEtcd(): Promise<void> {
    const anyKey = Buffer.from([0]).toString('base64');
    const { header } = await this.#callEtcd<{ header: { revision: string } }>('range', { key: anyKey });
    await this.#callEtcd('compaction', { revision: header.revision, physical: true });
  }

  /**
   * Writes an object straight into etcd, bypassing the API server, which is many times faster; the object must be complete, as the
   * API server would write it. `key`: for example `/registry/pods/<namespace>/<name>`. Objects written in one transaction would
   * share a version, and the API server cannot watch those.
   */
  async putIntoEtcd(key: string, object: object): Promise<void> {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    await this.#callEtcd('put', { key: base64(key), value: base64(JSON.stringify(object)) });
  }

  /** The last lines that the component logged. */
  logs(name: ComponentName, lines = 50): string {
    return tailOf(this.#logFile(name), lines);
  }

  /** Writes a kubeconfig with a fresh token of the ServiceAccount, which must exist, and returns its path. */
  async kubeconfigForServiceAccount(
    namespace: string,
    name: string,
    server: string = this.server,
  ): Promise<string> {
    await using api = await KubeApi.fromKubeconfig(this.kubeconfig);
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const spec = { expirationSeconds: TOKEN_LIFETIME_SECONDS };
    const review = await api.create<{ status: { token: string } }>(path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec,
    });
    const kubeconfig = join(this.dir, `kubeconfig-${namespace}-${name}`);
    await writeKubeconfig(kubeconfig, {
      server,
      caFile: this.caFile,
      user: name,
      token: review.status.token,
    });
    return kubeconfig;
  }

  /** Kills every component at once, and removes the state folder if it is temporary. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((process) => process.stop('SIGKILL', 0)));
    this.#running.clear();
    if (this.#isTemporary) await rm(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Uses etcd's JSON gateway: https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/ */
  async #callEtcd<T>(method: string, body: object): Promise<T> {
    const url = `http://127.0.0.1:${this.#layout.ports.etcd}/v3/kv/${method}`;
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok)
      throw new Error(`etcd answered ${response.status} to ${method}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  #process(name: ComponentName): SupervisedProcess {
    const process = this.#running.get(name);
    if (process === undefined) throw new Error(`${name} is not running`);
    return process;
  }

  #logFile(name: ComponentName): string {
    return join(this.dir, 'logs', `${name}.log`);
  }

  async #writeCredentials(): Promise<void> {
    const { tokenFile, serviceAccountKey } = this.#layout;
    await writeFile(tokenFile, `${this.adminToken},admin,admin,system:masters\n`, { mode: 0o600 });
    await chmod(tokenFile, 0o600);
    // Kept in a reused folder, so that tokens of its ServiceAccounts stay valid.
    if (existsSync(serviceAccountKey)) return;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(serviceAccountKey, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  }

  /**
   * The API server is ready a moment before it has created the first namespaces, and the controller manager before its controllers
   * run (it would exit if the API server went away in between). The ServiceAccount is the first thing they create.
   */
  async #untilUsable(withControllers: boolean): Promise<void> {
    await using api = await KubeApi.fromKubeconfig(this.kubeconfig);
    const namespace = '/api/v1/namespaces/default';
    const sign = withControllers ? `${namespace}/serviceaccounts/default` : namespace;
    await waitUntil(`a first sign of life, ${sign}`, () => api.get(sign), { timeoutMs: 60_000 });
  }
}
