import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Artifact, cachedAs, goBuild, programArtifact } from '../../control-plane/build/artifact.ts';
import { canInstallPackages, installPackages } from '../../control-plane/build/debian-packages.ts';
import { requiredVersion } from '../../control-plane/build/versions.ts';
import { writeImages } from './images.ts';

const GO_FOLDER = join(import.meta.dirname, '../go');
/** Builds every program that a module names as a tool. */
const SEVERAL = { target: 'tool', output: '/' } as const;
export const IMAGES_FILE = 'images.tar';

/** kubelet and kube-proxy, of the control plane's version. */
export async function kubernetesNodeArtifact(): Promise<Artifact> {
  const sources = join(GO_FOLDER, 'kubernetes-node');
  const version = await requiredVersion(sources, 'k8s.io/kubernetes');
  const ldflags = `-X k8s.io/component-base/version.gitVersion=${version}`;
  return {
    name: 'kubelet and kube-proxy',
    cost: 'about 3 minutes after the control plane, about 9 without it',
    folder: await cachedAs(`kubernetes-node-${version}`, sources),
    build: (into, supervise) =>
      goBuild({ sources, output: join(into, 'kubernetes-node'), ldflags, supervise }),
  };
}

/** containerd, its shim for runc, and ctr; without the snapshotters that need a special file system. */
export async function containerdArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'containerd'),
    module: 'github.com/containerd/containerd/v2',
    name: 'containerd',
    cost: 'about a minute after the control plane, about 3 without it',
    tags: 'no_btrfs no_zfs no_devmapper',
    ...SEVERAL,
  });
}

/** Needs a C compiler and libseccomp: without seccomp, no pod sandbox starts. */
export async function runcArtifact(): Promise<Artifact> {
  const runc = await programArtifact({
    sources: join(GO_FOLDER, 'runc'),
    module: 'github.com/opencontainers/runc',
    name: 'runc',
    cost: 'less than a minute',
    tags: 'seccomp',
    cgo: true,
    ...SEVERAL,
  });
  return {
    ...runc,
    build: async (into, supervise) => {
      await ensureSeccompHeaders();
      await runc.build(into, supervise);
    },
  };
}

/** The plugins that set up a pod's network: ptp, host-local, loopback. */
export async function cniPluginsArtifact(): Promise<Artifact> {
  return await programArtifact({
    sources: join(GO_FOLDER, 'cni-plugins'),
    module: 'github.com/containernetworking/plugins',
    name: 'CNI plugins',
    title: 'cni-plugins',
    cost: 'less than a minute',
    ...SEVERAL,
  });
}

/** The images that pods run, as an archive. */
export async function imagesArtifact(): Promise<Artifact> {
  const sources = join(GO_FOLDER, 'test-server');
  return {
    name: 'images for pods',
    cost: 'a few seconds',
    folder: await cachedAs('images', sources),
    build: async (into, supervise) => {
      await goBuild({ sources, output: join(into, 'test-server'), supervise });
      await writeImages(join(into, 'test-server'), join(into, IMAGES_FILE));
    },
  };
}

/** Announces that the node is shutting down, as systemd's logind does. */
export async function logindArtifact(): Promise<Artifact> {
  return await programArtifact({ sources: join(GO_FOLDER, 'logind'), name: 'logind', cost: 'a few seconds' });
}

async function ensureSeccompHeaders(): Promise<void> {
  if (await hasSeccompHeaders()) return;
  const packages = ['libseccomp-dev', 'pkg-config', 'gcc', 'libc6-dev'];
  if (!(await canInstallPackages()))
    throw new Error(
      `runc has to be built: install ${packages.join(', ')} (the names that Debian gives them)`,
    );
  await installPackages({ packages, neededBy: 'real nodes', isThere: hasSeccompHeaders });
}

async function hasSeccompHeaders(): Promise<boolean> {
  const run = promisify(execFile);
  try {
    await run('pkg-config', ['--exists', 'libseccomp']);
    await run('gcc', ['--version']);
    return true;
  } catch {
    return false;
  }
}
