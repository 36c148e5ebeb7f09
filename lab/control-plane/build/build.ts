import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import {
  type Artifact,
  actionlintArtifact,
  cacheFolder,
  cloudSdkArtifact,
  controlPlaneArtifact,
  deployToolsArtifact,
  electionArtifact,
  gitopsArtifact,
  grafanaArtifact,
  helm3Artifact,
  krewArtifact,
  kubectlArtifact,
  kwokArtifact,
  promtoolArtifact,
  STAGES_FILE,
  superviseArtifact,
  vegetaArtifact,
} from './artifact.ts';
import { withBuildLock } from './build-lock.ts';
import { wantedHelm } from './versions.ts';

const KUBERNETES_COMPONENTS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const;
export const COMPONENTS = [...KUBERNETES_COMPONENTS, 'kwok'] as const;
export type ComponentName = (typeof COMPONENTS)[number];

export interface Binaries {
  /** The program that ties a component's life to ours (see go/supervise). */
  readonly supervise: string;
  /** kwok's configuration. */
  readonly stages: string;
  /** The program and its leading arguments, for each component. */
  readonly commands: ReadonlyMap<ComponentName, readonly string[]>;
}

export type Progress = (line: string) => void;

const PROGRESS_EVERY_MS = 15_000;

/**
 * Finds the programs of the given components, and builds those that are missing.
 *
 * Looks first in `KUBEBUILDER_ASSETS`, then in the cache outside the work tree, whose folders are named after the versions and a
 * hash of the Go sources; the Go command fills the cache with what is missing. `E2E_KUBERNETES` selects the version to build (see
 * versions.ts).
 */
export async function locateBinaries(
  components: readonly ComponentName[],
  onProgress: Progress = toStandardError,
): Promise<Binaries> {
  const supervise = await locateSupervise(onProgress);
  const commands = new Map<ComponentName, readonly string[]>();
  for (const name of components) {
    const asset = name === 'kwok' ? undefined : await kubebuilderAsset(name);
    if (asset !== undefined) commands.set(name, [asset]);
  }

  const missing = KUBERNETES_COMPONENTS.filter((name) => components.includes(name) && !commands.has(name));
  if (missing.length > 0) {
    const folder = await built(await controlPlaneArtifact(), onProgress, supervise);
    for (const name of missing) commands.set(name, [join(folder, 'control-plane'), name]);
  }

  let stages = '';
  if (components.includes('kwok')) {
    const folder = await built(await kwokArtifact(), onProgress, supervise);
    commands.set('kwok', [join(folder, 'kwok')]);
    stages = join(folder, STAGES_FILE);
  }
  return { supervise, stages, commands };
}

/** The leader election candidate built with client-go, and the program to run it under. */
export async function locateElection(
  onProgress: Progress = toStandardError,
): Promise<{ readonly supervise: string; readonly election: string }> {
  const supervise = await locateSupervise(onProgress);
  const election = join(await built(await electionArtifact(), onProgress, supervise), 'election');
  return { supervise, election };
}

/** Helm, of the version that `E2E_HELM` selects, and kustomize. */
export async function locateDeployTools(
  onProgress: Progress = toStandardError,
): Promise<{ readonly helm: string; readonly kustomize: string }> {
  const supervise = await locateSupervise(onProgress);
  const folder = await built(await deployToolsArtifact(), onProgress, supervise);
  const helm = wantedHelm() === '3' ? await built(await helm3Artifact(), onProgress, supervise) : folder;
  return { helm: join(helm, 'helm'), kustomize: join(folder, 'kustomize') };
}

export async function locateKubectl(onProgress: Progress = toStandardError): Promise<string> {
  const supervise = await locateSupervise(onProgress);
  return join(await built(await kubectlArtifact(), onProgress, supervise), 'kubectl');
}

/** The machine's own promtool, if it has one, because building it takes minutes. */
export async function locatePromtool(onProgress: Progress = toStandardError): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const installed = join(folder, 'promtool');
    if (await isThere(installed, constants.X_OK)) return installed;
  }
  const supervise = await locateSupervise(onProgress);
  return join(await built(await promtoolArtifact(), onProgress, supervise), 'promtool');
}

/** The program that reads a dashboard using Grafana's types (see go/grafana). */
export async function locateDashboardReader(onProgress: Progress = toStandardError): Promise<string> {
  const supervise = await locateSupervise(onProgress);
  return join(await built(await grafanaArtifact(), onProgress, supervise), 'read-dashboard');
}

/** The program that reports how GitOps tools judge objects (see go/gitops). */
export async function locateGitops(onProgress: Progress = toStandardError): Promise<string> {
  const supervise = await locateSupervise(onProgress);
  return join(await built(await gitopsArtifact(), onProgress, supervise), 'gitops');
}

/** The program that calls the SLB API with the vendor's Go SDKs (see go/cloud-sdk). */
export async function locateCloudSdk(onProgress: Progress = toStandardError): Promise<string> {
  const supervise = await locateSupervise(onProgress);
  return join(await built(await cloudSdkArtifact(), onProgress, supervise), 'cloud-sdk');
}

/** The installer of kubectl plugins. */
export async function locateKrew(onProgress: Progress = toStandardError): Promise<string> {
  const supervise = await locateSupervise(onProgress);
  return join(await built(await krewArtifact(), onProgress, supervise), 'krew');
}

/** The checker of GitHub workflows. */
export async function locateActionlint(onProgress: Progress = toStandardError): Promise<string> {
  const supervise = await locateSupervise(onProgress);
  return join(await built(await actionlintArtifact(), onProgress, supervise), 'actionlint');
}

/** The load generator, and the program to run it under. */
export async function locateVegeta(
  onProgress: Progress = toStandardError,
): Promise<{ readonly supervise: string; readonly vegeta: string }> {
  const supervise = await locateSupervise(onProgress);
  return { supervise, vegeta: join(await built(await vegetaArtifact(), onProgress, supervise), 'vegeta') };
}

/**
 * Builds all missing programs of the end-to-end tests, one after another: a build during the tests takes CPU time from tests with
 * time limits.
 */
export async function buildPrograms(onProgress: Progress = toStandardError): Promise<void> {
  await locateBinaries(COMPONENTS, onProgress);
  const others = [
    ...[locateKubectl, locateDeployTools, locateElection, locatePromtool],
    ...[locateDashboardReader, locateGitops, locateCloudSdk, locateKrew, locateActionlint],
  ];
  for (const locate of others) await locate(onProgress);
}

/** The program that ties a component's life to ours (see go/supervise). */
export async function locateSupervise(onProgress: Progress = toStandardError): Promise<string> {
  return join(await built(await superviseArtifact(), onProgress), 'supervise');
}

export function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function kubebuilderAsset(name: ComponentName): Promise<string | undefined> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (!assets) return undefined;
  const path = join(assets, name);
  return (await isThere(path, constants.X_OK)) ? path : undefined;
}

/** The artifact's folder; builds it first if it is missing. */
export async function built(artifact: Artifact, onProgress: Progress, supervise?: string): Promise<string> {
  const { folder, name } = artifact;
  if (await isThere(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const onWait = (owner: string) => onProgress(`waiting for process ${owner}, which is building ${name}`);
  await withBuildLock(`${folder}.lock`, onWait, async () => {
    if (!(await isThere(folder))) await build(artifact, onProgress, supervise);
  });
  return folder;
}

async function build(artifact: Artifact, onProgress: Progress, supervise?: string): Promise<void> {
  const { folder, name, cost } = artifact;
  const unfinished = `.building-${basename(folder)}-`;
  await removeLeftovers(unfinished);
  const into = await mkdtemp(join(cacheFolder(), unfinished));
  const started = performance.now();
  const elapsed = () => `${Math.round((performance.now() - started) / 1000)} s`;
  onProgress(`building ${name} (once; it takes ${cost}; the result is kept in ${dirname(folder)})`);
  const ticker = setInterval(() => onProgress(`building ${name}: ${elapsed()}`), PROGRESS_EVERY_MS);
  try {
    await artifact.build(into, supervise);
    await publish(into, folder);
    onProgress(`built ${name} in ${elapsed()}`);
  } finally {
    clearInterval(ticker);
    await rm(into, { recursive: true, force: true });
  }
}

async function publish(into: string, folder: string): Promise<void> {
  try {
    await rename(into, folder);
  } catch (error) {
    // Another run, which held a lock that was taken over, finished first: its build is as good as ours.
    if (!(await isThere(folder))) throw error;
  }
}

/** Removes what a killed build left behind. Called under the lock, so nobody is writing there. */
async function removeLeftovers(prefix: string): Promise<void> {
  const names = (await readdir(cacheFolder())).filter((name) => name.startsWith(prefix));
  await Promise.all(names.map((name) => rm(join(cacheFolder(), name), { recursive: true, force: true })));
}

async function isThere(path: string, mode: number = constants.F_OK): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}
