import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const GO_FOLDER = join(import.meta.dirname, '../go');

/** A Kubernetes version that the control plane and kubectl can be built from. */
export interface KubernetesVersion {
  /** For example 1.30. */
  readonly minor: string;
  /** For example v1.30.14. */
  readonly version: string;
  /** The folder whose go.mod requires it. Undefined for the default, which the sources' own go.mod requires. */
  readonly module?: string;
}

/** Major versions of Helm, the default last. */
export const HELM_MAJORS = ['3', '4'] as const;
export type HelmMajor = (typeof HELM_MAJORS)[number];

/** Oldest first; the last is the default. A folder `kubernetes-<minor>` in go/ adds an older version. */
export async function kubernetesVersions(): Promise<readonly KubernetesVersion[]> {
  const folders = (await readdir(GO_FOLDER)).filter((name) => /^kubernetes-1\.\d+$/.test(name));
  const older = folders.map(async (name) => {
    const module = join(GO_FOLDER, name);
    return { ...(await kubernetesOf(module)), module };
  });
  const versions = [await kubernetesOf(join(GO_FOLDER, 'control-plane')), ...(await Promise.all(older))];
  const minorOf = ({ minor }: KubernetesVersion) => Number(minor.slice('1.'.length));
  return versions.sort((one, other) => minorOf(one) - minorOf(other));
}

/** The version that `E2E_KUBERNETES` (for example 1.30) selects, or the default. */
export async function wantedKubernetes(): Promise<KubernetesVersion> {
  const versions = await kubernetesVersions();
  const wanted = process.env['E2E_KUBERNETES'] || versions.at(-1)?.minor;
  const found = versions.find(({ minor }) => minor === wanted);
  if (found === undefined)
    throw new Error(
      `E2E_KUBERNETES=${wanted}: there are ${versions.map(({ minor }) => minor).join(', ')}; another one needs a module in ${GO_FOLDER}`,
    );
  return found;
}

/** The version that `E2E_HELM` selects, or the default. */
export function wantedHelm(): HelmMajor {
  const wanted = process.env['E2E_HELM'] || HELM_MAJORS.at(-1);
  const found = HELM_MAJORS.find((major) => major === wanted);
  if (found === undefined) throw new Error(`E2E_HELM=${wanted}: there are ${HELM_MAJORS.join(' and ')}`);
  return found;
}

/** For example v3.22.0. */
export async function helmVersion(major: HelmMajor): Promise<string> {
  return await requiredVersion(helmModule(major), `helm.sh/helm/v${major}`);
}

/** The folder whose go.mod requires it. */
export function helmModule(major: HelmMajor): string {
  return join(GO_FOLDER, major === '3' ? 'helm-3' : 'deploy-tools');
}

export async function requiredVersion(sources: string, module: string): Promise<string> {
  const text = await readFile(join(sources, 'go.mod'), 'utf8');
  const version = text.match(new RegExp(`^\\s*(?:require )?${module} (v\\S+)`, 'm'))?.[1];
  if (version === undefined) throw new Error(`${sources}/go.mod does not require ${module}`);
  return version;
}

async function kubernetesOf(module: string): Promise<KubernetesVersion> {
  const version = await requiredVersion(module, 'k8s.io/kubernetes');
  return { version, minor: version.replace(/^v(\d+\.\d+)\..*$/, '$1') };
}
