import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runGo } from './run-go.ts';
import {
  GO_FOLDER,
  type HelmMajor,
  helmModule,
  helmVersion,
  requiredVersion,
  wantedKubernetes,
} from './versions.ts';

/** What is built from one Go module, and where the cache keeps it. */
export interface Artifact {
  readonly name: string;
  /** The cost of the build, for the person who has to wait for it. */
  readonly cost: string;
  /** Folder of the finished build; it exists only once the build is complete. */
  readonly folder: string;
  /** Builds into the folder `into`. With `supervise`, the compiler dies when this process does. */
  build(into: string, supervise?: string): Promise<void>;
}

export const STAGES_FILE = 'stages.yaml';

export function cacheFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(cache, 'vservergroup-operator', 'control-plane');
}

/** Ties a component's life to ours. Uses the standard library only, so it builds quickly. */
export async function superviseArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'supervise'),
    name: 'supervise',
    cost: 'a few seconds',
  });
}

export async function controlPlaneArtifact(): Promise<Artifact> {
  return await kubernetesArtifact({
    name: 'control-plane',
    title: 'kubernetes',
    cost: 'about 8 minutes on 2 cores',
  });
}

/** kubectl of the control plane's version, built from the same libraries. */
export async function kubectlArtifact(): Promise<Artifact> {
  return await kubernetesArtifact({
    name: 'kubectl',
    title: 'kubectl',
    cost: 'less than a minute after the control plane, about 3 without it',
  });
}

/** The sources in go/`name`, at the wanted version of Kubernetes. */
async function kubernetesArtifact(
  options: Pick<Artifact, 'name' | 'cost'> & { readonly title: string },
): Promise<Artifact> {
  const { name, title, cost } = options;
  const sources = join(GO_FOLDER, name);
  const { version, minor, module } = await wantedKubernetes();
  const told = { gitVersion: version, gitMajor: '1', gitMinor: minor.slice('1.'.length) };
  const ldflags = Object.entries(told)
    .map(([what, value]) => `-X k8s.io/component-base/version.${what}=${value}`)
    .join(' ');
  // Up to 1.30 the controllers of some clouds are built in.
  const tags = 'providerless';
  return {
    name: `${name} ${version}`,
    cost,
    folder: await cachedAs(`${title}-${version}`, sources, module),
    build: (into, supervise) =>
      goBuild({ sources, module, output: join(into, name), ldflags, tags, supervise }),
  };
}

/** kwok is a separate binary: its flags clash with those of the Kubernetes components. */
export async function kwokArtifact(): Promise<Artifact> {
  const sources = join(GO_FOLDER, 'kwok');
  const version = await requiredVersion(sources, 'sigs.k8s.io/kwok');
  const target = 'sigs.k8s.io/kwok/cmd/kwok';
  return {
    name: 'kwok',
    cost: 'less than a minute after the control plane, about 3 without it',
    folder: await cachedAs(`kwok-${version}`, sources),
    build: async (into, supervise) => {
      await goBuild({ sources, output: join(into, 'kwok'), target, supervise });
      await copyStages(sources, into);
    },
  };
}

/** A candidate with client-go's own leader election. */
export async function electionArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'election'),
    module: 'k8s.io/client-go',
    name: 'election',
    cost: 'less than a minute after the control plane, about 2 without it',
  });
}

/** Helm 4 and kustomize. Their module takes the k8s.io versions from the control plane's, many of whose packages are then already built. */
export async function deployToolsArtifact(): Promise<Artifact> {
  const sources = helmModule('4');
  return {
    name: 'deploy-tools',
    cost: 'about 2 minutes after the control plane, about 5 without it',
    folder: await cachedAs(`helm-${await helmVersion('4')}`, sources),
    build: async (into, supervise) => {
      await goBuild({ sources, output: join(into, 'helm'), target: helmCommand('4'), supervise });
      const kustomize = 'sigs.k8s.io/kustomize/kustomize/v5';
      await goBuild({ sources, output: join(into, 'kustomize'), target: kustomize, supervise });
    },
  };
}

export async function helm3Artifact(): Promise<Artifact> {
  const sources = helmModule('3');
  // As in Helm's Makefile: a chart is rendered for the Kubernetes version whose libraries Helm was built with, not for 1.20.
  const [major, minor] = (await requiredVersion(sources, 'k8s.io/client-go')).replace(/^v/, '').split('.');
  const told = { k8sVersionMajor: Number(major) + 1, k8sVersionMinor: minor };
  return await programArtifact({
    sources,
    ldflags: Object.entries(told)
      .map(([what, value]) => `-X helm.sh/helm/v3/pkg/chartutil.${what}=${value}`)
      .join(' '),
    module: 'helm.sh/helm/v3',
    name: 'helm',
    cost: 'about 4 minutes on 2 cores',
    target: helmCommand('3'),
  });
}

function helmCommand(major: HelmMajor): string {
  return `helm.sh/helm/v${major}/cmd/helm`;
}

/** Prometheus' rule checker, without the service discovery that its module brings along. */
export async function promtoolArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'promtool'),
    module: 'github.com/prometheus/prometheus',
    name: 'promtool',
    cost: 'about 2 minutes on 2 cores',
    target: 'github.com/prometheus/prometheus/cmd/promtool',
    tags: 'remove_all_sd',
  });
}

/** Reads dashboards using Grafana's own types. */
export async function grafanaArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'grafana'),
    module: 'github.com/grafana/grafana-foundation-sdk/go',
    name: 'grafana',
    cost: 'about half a minute',
    output: 'read-dashboard',
  });
}

/** Reports how Argo CD, Flux and kstatus judge an object. */
export async function gitopsArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'gitops'),
    module: 'github.com/fluxcd/pkg/runtime',
    name: 'gitops',
    cost: 'less than a minute after the control plane, about 3 without it',
  });
}

/** Makes one call of the SLB API with one of the vendor's Go SDKs. */
export async function cloudSdkArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'cloud-sdk'),
    module: 'github.com/aliyun/alibaba-cloud-sdk-go',
    name: 'cloud-sdk',
    cost: 'less than a minute',
  });
}

/** The installer of kubectl plugins: https://krew.sigs.k8s.io */
export async function krewArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'krew'),
    module: 'sigs.k8s.io/krew',
    name: 'krew',
    cost: 'less than half a minute after the control plane, about 1 without it',
    target: 'sigs.k8s.io/krew/cmd/krew',
  });
}

/** The checker of GitHub workflows: https://github.com/rhysd/actionlint */
export async function actionlintArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'actionlint'),
    module: 'github.com/rhysd/actionlint',
    name: 'actionlint',
    cost: 'less than half a minute',
    target: 'github.com/rhysd/actionlint/cmd/actionlint',
  });
}

/** The load generator: https://github.com/tsenart/vegeta */
export async function vegetaArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'vegeta'),
    module: 'github.com/tsenart/vegeta/v12',
    name: 'vegeta',
    cost: 'less than a minute',
    target: 'github.com/tsenart/vegeta/v12',
  });
}

/** One build of one Go module, cached by the version of the module it is built for. */
export interface ProgramOptions extends Omit<GoBuild, 'output' | 'supervise'> {
  readonly name: string;
  readonly cost: string;
  /** The required module whose version names the cache folder; undefined if all sources are our own. */
  readonly module?: string;
  /** Its name in the cache. Default: the name. */
  readonly title?: string;
  /** Within the folder: a file, or '/' for several programs. Default: the name. */
  readonly output?: string;
}

export async function programArtifact(options: ProgramOptions): Promise<Artifact> {
  const { name, cost, module, title = name, output = name, ...build } = options;
  const { sources } = build;
  const version = module === undefined ? '' : `-${await requiredVersion(sources, module)}`;
  return {
    name,
    cost,
    folder: await cachedAs(`${title}${version}`, sources),
    build: (into, supervise) => goBuild({ ...build, output: join(into, output), supervise }),
  };
}

export interface GoBuild {
  readonly sources: string;
  /** The folder whose go.mod and go.sum replace those of the sources. Default: use those of the sources. */
  readonly module?: string | undefined;
  readonly output: string;
  readonly target?: string;
  readonly ldflags?: string;
  readonly tags?: string;
  /** True: use the machine's C compiler and libraries. */
  readonly cgo?: boolean;
  readonly supervise?: string | undefined;
}

export async function goBuild({
  sources,
  module,
  output,
  target = '.',
  ldflags = '',
  tags = '',
  cgo = false,
  supervise,
}: GoBuild): Promise<void> {
  const flags = [
    '-tags',
    tags,
    '-mod=readonly',
    ...(module === undefined ? [] : [`-modfile=${join(module, 'go.mod')}`]),
    '-buildvcs=false',
    '-trimpath',
    '-ldflags',
    `-s -w ${ldflags}`,
  ];
  await runGo(['build', ...flags, '-o', output, target], sources, supervise, cgo ? '1' : '0');
}

/**
 * kwok does nothing of its own accord: "stages" define what becomes of a node or a pod. These stages are the module's own: nodes
 * become and stay Ready; pods are Ready at once, and gone as soon as they are deleted.
 */
async function copyStages(sources: string, into: string): Promise<void> {
  const module = await runGo(['list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/kwok'], sources);
  const stages = [
    'node/fast/node-initialize.yaml',
    'node/heartbeat/node-heartbeat.yaml',
    'pod/fast/pod-ready.yaml',
    'pod/fast/pod-complete.yaml',
    'pod/fast/pod-delete.yaml',
  ];
  const texts = stages.map((stage) => readFile(join(module.trim(), 'kustomize', 'stage', stage), 'utf8'));
  await writeFile(join(into, STAGES_FILE), (await Promise.all(texts)).join('\n---\n'));
}

/** The cache folder for what is built from these sources; any change in the sources changes the folder. `module`: see GoBuild. */
export async function cachedAs(title: string, sources: string, module = sources): Promise<string> {
  const hash = createHash('sha256');
  for (const file of (await readdir(sources)).sort()) {
    const folder = file === 'go.mod' || file === 'go.sum' ? module : sources;
    hash.update(`${file}\0`).update(await readFile(join(folder, file)));
  }
  const key = hash.digest('hex').slice(0, 12);
  return join(cacheFolder(), `${title}-${process.platform}-${process.arch}-${key}`);
}
